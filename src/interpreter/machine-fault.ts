/**
 * The machine itself failed: a guard, assign, delay, input or context factory threw, a loop did not end, a stored state does
 * not exist any more. Not an outcome: whoever catches it sets the actor aside, as it was before the step.
 */

import type { AnyEventObject } from 'xstate';
import type { ActorRecord } from './system-state.ts';

export class MachineFault extends Error {
  /** The actor and the event it failed on. */
  readonly where: string;

  constructor(where: string, cause: unknown) {
    super(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'MachineFault';
    this.where = where;
  }
}

/** Says which actor it was, in what state, on which event. One that was said already stays as it is. */
export function faultOn(
  definition: string,
  { self, snapshot, entry }: ActorRecord,
  event: AnyEventObject,
  error: unknown,
): MachineFault {
  if (error instanceof MachineFault) return error;
  const value = 'value' in snapshot ? ` in ${JSON.stringify(snapshot.value)}` : '';
  const name = self.address === '' ? definition : `${definition} › ${self.id} (${entry.key})`;
  return new MachineFault(`${name}${value} on '${event.type}'`, error);
}
