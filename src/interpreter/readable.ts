/**
 * What `getSnapshot()` of a reference gives. Machines and transition logic are stepped here, so their snapshot is at hand; of what
 * runs elsewhere or has ended only some of it is known, and asking for the rest is an error rather than a wrong answer.
 */

import type { StandIn } from './stand-in.ts';
import type { ActorRecord } from './system-state.ts';
import type { Snapshot } from './xstate-internals.ts';

/** The snapshot of an actor whose first step is being computed. */
export const STARTING: Snapshot = { status: 'active' };

export function readable(record: ActorRecord | undefined, { id }: StandIn): Snapshot {
  if (!record) return partial({ status: 'stopped', output: undefined, error: undefined }, id);
  const { entry, snapshot } = record;
  if (snapshot === STARTING)
    throw new Error(`the snapshot of actor '${id}' cannot be read while it takes its first step`);
  const whole = entry.kind !== 'effect' && ('value' in snapshot || 'context' in snapshot);
  return whole ? snapshot : partial(snapshot, id);
}

function partial(snapshot: Snapshot, id: string): Snapshot {
  return Object.defineProperties({ ...snapshot }, { context: unknown(id, 'context'), value: unknown(id, 'value') });
}

function unknown(id: string, part: string): PropertyDescriptor {
  return {
    get() {
      throw new Error(
        `the ${part} of actor '${id}' is not stored with its owner; have it send what the owner needs, or use its output`,
      );
    },
  };
}
