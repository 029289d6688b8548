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
  if (!record) return new PartialSnapshot({ status: 'stopped' }, id);
  const { entry, snapshot } = record;
  if (snapshot === STARTING)
    throw new Error(`the snapshot of actor '${id}' cannot be read while it takes its first step`);
  const whole = entry.kind !== 'effect' && ('value' in snapshot || 'context' in snapshot);
  return whole ? snapshot : new PartialSnapshot(snapshot, id);
}

class PartialSnapshot implements Snapshot {
  readonly status: Snapshot['status'];
  readonly output: unknown;
  readonly error: unknown;
  readonly input: unknown;
  readonly #id: string;

  constructor({ status, output, error, input }: Snapshot, id: string) {
    this.status = status;
    this.output = output;
    this.error = error;
    this.input = input;
    this.#id = id;
  }

  get context(): never {
    return this.#unknown('context');
  }
  get value(): never {
    return this.#unknown('value');
  }

  #unknown(part: string): never {
    throw new Error(
      `the ${part} of actor '${this.#id}' is not stored with its owner; have it send what the owner needs, or use its output`,
    );
  }
}
