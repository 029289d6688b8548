import { decode } from '../codec.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { decodeState, type SystemState } from '../interpreter/index.ts';
import type { Claimed, Instant, Mail } from '../store/contract.ts';
import type { LimitKeys } from '../store/limits.ts';
import { kinOf, traceOf } from '../turn/kinship.ts';
import type { Life } from '../turn/life.ts';
import { takenOver } from '../turn/succession.ts';
import type { Row } from '../turn/turn-write.ts';

/** Strikes after which a row is set aside unread: reading it may be what kills the worker. */
const UNREADABLE_FROM_STRIKES = 8;

/** An actor with all a worker needs to take its turns. */
export interface Holding {
  readonly life: Life;
  readonly queue: number;
  readonly priority: number;
  readonly labels: readonly string[];
  /** Incarnation that claimed it, and its lease row. */
  readonly worker: string;
  readonly lease: number;
  readonly fence: number;
  readonly claimedBefore: Instant | null;
  /** Set: its attempts need a place, which the write that starts them asks for. */
  readonly limits: LimitKeys | null;
  /** The row as the store has it. */
  readonly row: Row;
  readonly mail: readonly Mail[];
  /** It was lived by this older version so far, and its state was taken over. */
  readonly inherited: { readonly version: number } | null;
}

/** Before it is known who holds it. */
export type Unleased = Omit<Holding, 'worker' | 'lease' | 'inherited'>;

export function leased(unleased: Unleased, worker: string, lease: number): Holding {
  const { life, queue, priority, labels, fence, claimedBefore, limits, row, mail } = unleased;
  return { life, queue, priority, labels, worker, lease, fence, claimedBefore, limits, row, mail, inherited: null };
}

/** A claimed row, decoded. Throws when it cannot be read or must not be tried again. */
export function holdingOf(claimed: Claimed, definition: LoadedDefinition, worker: string, lease: number): Holding {
  checkReadable(claimed);
  const { snapshot } = claimed;
  const system = snapshot === null ? null : decodeState(definition.prepared, snapshot);
  return held(claimed, definition, system, worker, lease, null);
}

/** The same of one that a newer version takes over. Throws, with all reasons, when that cannot go on from where it is. */
export function inheritedHolding(claimed: Claimed, heir: LoadedDefinition, worker: string, lease: number): Holding {
  checkReadable(claimed);
  const { version, snapshot } = claimed;
  const system = snapshot === null ? null : takenOver({ version, snapshot }, heir);
  return held(claimed, heir, system, worker, lease, { version });
}

function checkReadable({ strikes }: Claimed): void {
  if (strikes >= UNREADABLE_FROM_STRIKES) {
    throw new Error(`${strikes} workers in a row died while they held it, so it is not even read again.`);
  }
}

function held(
  claimed: Claimed,
  definition: LoadedDefinition,
  system: SystemState | null,
  worker: string,
  lease: number,
  inherited: Holding['inherited'],
): Holding {
  const { input, role } = claimed;
  return {
    life: {
      id: claimed.id,
      definition,
      createdAt: claimed.createdAt,
      firstDueAt: claimed.wakeAt ?? claimed.createdAt,
      system,
      input: input === null ? undefined : decode(input),
      retried: claimed.retried,
      attempts: claimed.attempt,
      seq: claimed.seq,
      kin: kinOf(claimed.parent, role),
      trace: traceOf(role),
    },
    queue: claimed.queue,
    priority: claimed.priority,
    labels: claimed.labels,
    worker,
    lease,
    fence: claimed.fence,
    claimedBefore: claimed.claimedBefore,
    limits: claimed.limits,
    row: rowOf(claimed),
    mail: claimed.mail,
    inherited,
  };
}

/** The columns a write compares with and keeps. */
export function rowOf(claimed: Claimed): Row {
  const { def, seq, pokes, strikes, dueRowAt, snapshot, history, state, attempt } = claimed;
  return { def, seq, pokes, strikes, dueRowAt, snapshot, history, state, attempt };
}
