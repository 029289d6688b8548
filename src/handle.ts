import type { AnyDefinition, EventOf, InputArgs, InputOf, OutputOf } from './definitions.ts';
import type { Duration } from './duration.ts';
import type { ScheduleOptions } from './options.ts';
import type { RunRecord } from './run-record.ts';

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

/** Schedules by definition, typed, or by name. Resolves when the run is stored: from then on nothing loses it. */
export interface Schedule {
  <D extends AnyDefinition>(definition: D, ...args: InputArgs<InputOf<D>, ScheduleOptions>): Promise<Handle<D>>;
  (name: string, input?: unknown, options?: ScheduleOptions): Promise<Handle>;
}
