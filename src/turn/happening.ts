import type { AnyEventObject, StateValue } from 'xstate';
import type { Via } from '../journal.ts';

/** Something that happened to an actor, and what it was afterwards. */
export interface Happening {
  readonly seq: number;
  readonly at: number;
  readonly event: AnyEventObject;
  /** A timer of its own, and not something from outside. */
  readonly byTimer: boolean;
  /** Null: it has not begun. */
  readonly state: StateValue | null;
  readonly context: unknown;
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly output?: unknown;
  readonly error?: unknown;
}

/** What an actor is after a step. */
export interface Outcome extends Pick<Happening, 'context' | 'status' | 'output' | 'error'> {
  readonly value: StateValue | null;
}

export function happeningOf(
  seq: number,
  at: number,
  event: AnyEventObject,
  { value, context, status, output, error }: Outcome,
  via: Via | null | undefined,
): Happening {
  return { seq, at, event, byTimer: via?.[0] === 'timer', state: value, context, status, output, error };
}
