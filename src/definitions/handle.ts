import type { AnyEventObject } from 'xstate';
import type { Duration } from '../duration.ts';
import type { ScheduleOptions } from '../options.ts';
import type { RunRecord } from '../run-record.ts';
import type { AnyDefinition, EventOf, InputArgs, InputOf, OutputOf } from './typed-name.ts';

/** What scheduling gives back: one actor, by id, with what its definition says of its events and its output. */
export interface Handle<D = AnyDefinition> {
  readonly id: string;
  /** `replaced`: it took the place of a pending follow-up. `skipped_…`: the idempotency key was taken, and `id` is the run that has it. */
  readonly outcome: 'scheduled' | 'replaced' | 'updated' | 'skipped_in_flight' | 'skipped_idempotent';
  /** With `skipped_idempotent`: how that run ended. */
  readonly record?: RunRecord<OutputOf<D>>;
  /** With `replaced`: the follow-up whose place it took. */
  readonly replaced?: string;
  /** Waits until the run settles. Rejects with WaitTimeoutError; the run goes on. */
  result(options?: { timeout?: Duration }): Promise<RunRecord<OutputOf<D>>>;
  send(event: EventOf<D>): Promise<void>;
  cancel(reason?: string): Promise<void>;
}

/** What the calls of all handles are passed on to. */
export interface Grip {
  result(id: string, options?: { timeout?: Duration }): Promise<RunRecord>;
  send(id: string, event: AnyEventObject): Promise<void>;
  cancel(id: string, reason?: string): Promise<void>;
}

/** Methods of their own, which know their actor: they may be taken off the handle. */
export function handleOf<D>(
  grip: Grip,
  { id, outcome, record, replaced }: Pick<Handle, 'id' | 'outcome' | 'record' | 'replaced'>,
): Handle<D> {
  const handle: Handle<D> = {
    id,
    outcome,
    result(options) {
      return grip.result(id, options) as Promise<RunRecord<OutputOf<D>>>;
    },
    send(event) {
      return grip.send(id, event as AnyEventObject);
    },
    cancel(reason) {
      return grip.cancel(id, reason);
    },
  };
  if (record === undefined && replaced === undefined) return handle;
  return {
    ...handle,
    ...(record && { record: record as RunRecord<OutputOf<D>> }),
    ...(replaced !== undefined && { replaced }),
  };
}

/** Schedules by definition, typed, or by name. Resolves when the run is stored: from then on nothing loses it. */
export interface Schedule {
  <D extends AnyDefinition>(definition: D, ...args: InputArgs<InputOf<D>, ScheduleOptions>): Promise<Handle<D>>;
  (name: string, input?: unknown, options?: ScheduleOptions): Promise<Handle>;
}
