/**
 * New actors, and what became of each. The caller makes the ids and the store decides, so that asking again after a lost reply
 * makes no second actor.
 */

import type { LimitKeys } from '../limits.ts';
import type { Instant, Reply } from './clock.ts';

/** An idempotency key, to be claimed in the statement that inserts the actor and finalized in the one that settles it. */
export interface KeyClaim {
  /** SHA-256 of namespace and key. */
  readonly digest: Buffer;
  readonly key: string;
  /** SHA-256 of definition name and input: the same key with another one is a conflict. */
  readonly fingerprint: Buffer;
  /** How long the record of a settled run answers for this key. */
  readonly retentionMs: number;
}

export interface NewActor {
  /**
   * UUID made by the caller, so that a lost reply can be resolved. One that is taken writes nothing and is answered like
   * a taken key: `skipped_in_flight` while that actor is active, `skipped_idempotent` once it has settled. Make version 7
   * ids for one use only: while one is fresh, history need not be searched for it.
   */
  readonly id: string;
  /** Registry ids (see {@link Store.registerDefinitions}, {@link Store.registerQueues}). */
  readonly def: number;
  readonly queue: number;
  readonly name: string;
  readonly version: number;
  /** 0 (first) to 9. */
  readonly priority: number;
  readonly labels: readonly string[];
  /** State shown before the first turn: `"scheduled"` (JSON text) for jobs, null for custom machines. */
  readonly state: string | null;
  readonly input: string | null;
  /** `afterMs` counts from the store's clock in the inserting statement; an `at` in the past is due now. */
  readonly when: { readonly afterMs: number } | { readonly at: Instant };
  readonly parent: string | null;
  /** What it is to its parent, and the trace it belongs to. Opaque text; null where there is neither. */
  readonly role: string | null;
  readonly key: KeyClaim | null;
  /** Null: without limits, and without any cost of theirs. */
  readonly limits: LimitKeys | null;
  /** Ask to insert it already leased to the `starter`. Only honoured when due now, without key or limits, queue not paused. */
  readonly start: boolean;
}

/** The worker that offers to run what is due at once, and the number of the lease row to write for all it gets. */
export interface Starter {
  readonly worker: string;
  readonly lease: number;
}

/** What is `started` is held by the starter as after a first claim: fence 1, seq 0, pokes 0, its strike counted. */
export type Scheduled =
  | { readonly outcome: 'scheduled'; readonly id: string; readonly dueAt: Instant; readonly started: boolean }
  | { readonly outcome: 'skipped_in_flight'; readonly id: string }
  | { readonly outcome: 'skipped_idempotent'; readonly id: string; readonly record: string | null }
  /** The key belongs to a run with another fingerprint; nothing was written. */
  | { readonly outcome: 'conflict'; readonly id: string }
  /** This row alone cannot be stored; its neighbours were. */
  | { readonly outcome: 'refused'; readonly id: string; readonly error: Error };

export interface ScheduleReply extends Reply {
  /** In the order asked. */
  readonly items: readonly Scheduled[];
  readonly told?: boolean;
}
