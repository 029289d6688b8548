import { decode } from './codec.ts';
import type { Unleased } from './held.ts';
import { decodeState } from './interpreter/index.ts';
import type { LoadedDefinition } from './loaded-definition.ts';
import type { Claimed, TurnWrite } from './store/contract.ts';

/** Strikes after which a row is set aside unread: reading it may be what kills the worker. */
const UNREADABLE_FROM_STRIKES = 8;

/** A claimed row, decoded. Throws when it cannot be read or must not be tried again. */
export function holdingOf(claimed: Claimed, definition: LoadedDefinition): Unleased {
  const { strikes, input, snapshot } = claimed;
  if (strikes >= UNREADABLE_FROM_STRIKES) {
    throw new Error(`${strikes} workers in a row died while they held it, so it is not even read again.`);
  }
  return {
    life: {
      id: claimed.id,
      definition,
      createdAt: claimed.createdAt,
      firstDueAt: claimed.wakeAt ?? claimed.createdAt,
      system: snapshot === null ? null : decodeState(definition.prepared, snapshot),
      input: input === null ? undefined : decode(input),
      seq: claimed.seq,
    },
    queue: claimed.queue,
    priority: claimed.priority,
    labels: claimed.labels,
    parent: claimed.parent,
    fence: claimed.fence,
    pokes: claimed.pokes,
    strikes,
    claimedBefore: claimed.claimedBefore,
    dueRowAt: claimed.dueRowAt,
    snapshot,
    history: claimed.history,
    state: claimed.state,
    attempt: claimed.attempt,
    mail: claimed.mail,
  };
}

/** Sets a row aside as it is: nothing of it is lost, and it is looked at again when someone releases it. */
export function unreadable(claimed: Claimed, error: Error): TurnWrite {
  const { id, def, queue, priority, fence, seq, pokes, dueRowAt, state, attempt, snapshot, history } = claimed;
  const quarantine = error.message;
  const next = {
    kind: 'continued',
    hold: false,
    strikes: 0,
    wakeAt: null,
    quarantine,
    state,
    attempt,
    snapshot,
    history,
    segment: null,
    seq,
  } as const;
  return {
    ...{ id, def, queue, priority, fence, seq, pokes, dueRowAt },
    ...{ notBefore: null, mail: [], next, sends: [], spawns: [] },
  };
}
