/** One actor system as an immutable value. */

import type { AnyEventObject } from 'xstate';
import type { Entry } from './catalogue.ts';
import type { StandIn } from './stand-in.ts';
import type { MachineSnapshot, Snapshot } from './xstate-internals.ts';

/** A delayed event. */
export interface StoredTimer {
  /** Unique within the system. */
  readonly id: string;
  /** What `cancel` calls it by. */
  readonly sendId: string;
  /** Addresses. */
  readonly source: string;
  readonly target: string;
  readonly event: AnyEventObject;
  readonly dueAt: number;
}

/** An invoked or spawned actor that runs outside of the step. */
export interface StoredEffect {
  /** Names the logical step over all attempts: the idempotency key of what it calls. */
  readonly id: string;
  /** Address of this incarnation: results carry it, and one that is gone takes none. */
  readonly ref: string;
  /** Address of the machine that started it. */
  readonly owner: string;
  /** The child's id in its owner. */
  readonly name: string;
  /** Key of its logic in the definition. */
  readonly src: string;
  readonly input: unknown;
  readonly systemId?: string | undefined;
  /** Its owner hears of every snapshot. */
  readonly sync: boolean;
  /** `delegated`: another actor does it. */
  readonly status: 'pending' | 'running' | 'delegated';
  readonly attempt: number;
}

/** One actor of the system. */
export interface ActorRecord {
  readonly self: StandIn;
  readonly entry: Entry;
  /** The last known one; of an effect only what was heard of it. */
  readonly snapshot: Snapshot;
  readonly sync: boolean;
  readonly systemId?: string | undefined;
}

export interface SystemState {
  /** By address, in order of birth; the root's is ''. */
  readonly records: ReadonlyMap<string, ActorRecord>;
  readonly timers: readonly StoredTimer[];
  readonly effects: readonly StoredEffect[];
  /** Number of the last timer or child. */
  readonly sequence: number;
  /** When the first step was taken; null for standard machines, which keep such things themselves. */
  readonly startedAt: number | null;
}

/** An effect's status as views and takeovers see it. */
export function setEffect(
  state: SystemState,
  ref: string,
  patch: Partial<Pick<StoredEffect, 'status' | 'attempt'>>,
): SystemState {
  return { ...state, effects: state.effects.map((effect) => (effect.ref === ref ? { ...effect, ...patch } : effect)) };
}

export function firstTimer(timers: readonly StoredTimer[]): StoredTimer | undefined {
  let first: StoredTimer | undefined;
  for (const timer of timers) if (!first || timer.dueAt < first.dueAt) first = timer;
  return first;
}

/** Timers that were there before a step and still are. */
export function keptTimers(before: SystemState | null, after: SystemState): readonly StoredTimer[] {
  const last = before?.sequence ?? 0;
  return after.timers.filter(({ id }) => Number(id) <= last);
}

export function rootOf(state: SystemState): ActorRecord {
  return state.records.get('') as ActorRecord;
}

/** Where the root stands, without the rest of its {@link describe}. */
export function standOf(state: SystemState): Pick<MachineSnapshot, 'value' | 'context'> {
  return rootOf(state).snapshot as MachineSnapshot;
}

export function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freezeDeep(member);
}
