/**
 * What a turn writes: its actor's next row and all it says to others, in one transaction or not at all. Each write names the
 * fence and the seq it was computed from, and misses where they are not so any more.
 */

import type { SpilledSegment } from '../journal-segment.ts';
import type { PlaceRequest, Upcoming } from '../limits.ts';
import type { Instant, Reply } from './clock.ts';
import type { Mail, NewMail } from './mail.ts';
import type { NewActor } from './scheduling.ts';

interface TurnResult {
  readonly state: string | null;
  readonly snapshot: string | null;
  readonly history: string;
  readonly segment: SpilledSegment | null;
  readonly seq: number;
  readonly attempt: number;
}

/** The actor lives on. */
export interface Continued extends TurnResult {
  readonly kind: 'continued';
  /** True: this worker keeps it (effects run). False: it is free for anyone. */
  readonly hold: boolean;
  readonly strikes: number;
  /** When its own due row is to be due; `'now'` and the past are the store's now; null: it waits for mail only, or is held. */
  readonly wakeAt: Instant | 'now' | null;
  /** Set: taken out of circulation until released, with this reason in every view. Never held, whatever `hold` says. */
  readonly quarantine: string | null;
}

/** The one way out: record, key, parent, counters and the move to history are one write. */
export interface Settled extends TurnResult {
  readonly kind: 'settled';
  readonly status: 'done' | 'dropped';
  /** The run record's status. */
  readonly outcome: 'success' | 'failed_dropped' | 'cancelled' | 'expired';
  readonly reason: string | null;
  /** JSON after one character that names its codec. Only its `error` is ever looked at, to select and count dropped runs by. */
  readonly record: string;
  /** Retention: the row may go after the UTC day of settling plus this, rounded up to whole days. */
  readonly keepMs: number;
  /** The idempotency key is free again at once, instead of answering with the record. */
  readonly freesKey: boolean;
}

export interface TurnWrite {
  readonly id: string;
  /** The definition it lives by from this write on. */
  readonly def: number;
  readonly queue: number;
  readonly priority: number;
  /** Compare-and-set: all three must still be so, and the fence still be this worker's. */
  readonly fence: number;
  readonly seq: number;
  /** Null: whatever mail came meanwhile can wait. Such a turn holds the actor, ends it, or asks for a `wakeAt` of `'now'`. */
  readonly pokes: number | null;
  /** Latest timer this turn fired: the write misses while the store's clock is before it. */
  readonly notBefore: Instant | null;
  /** Its own due row, to be replaced. Only that one goes: mail that is due at the same instant keeps its row. */
  readonly dueRowAt: Instant | null;
  /** Ids of the mail this turn consumed. A turn that lets go of the actor and leaves some must ask for a `wakeAt`. */
  readonly mail: readonly string[];
  readonly next: Continued | Settled;
  /** To other actors, in the same transaction: a parent, for one. Missing or settled receivers are skipped. */
  readonly sends: readonly NewMail[];
  /** Actors this turn gives birth to, in the same transaction. One whose id or key is taken is skipped. */
  readonly spawns: readonly NewActor[];
  /** Null: an actor without limits. */
  readonly place: PlaceRequest | null;
}

/** Bookkeeping of lease rows that rides on a commit: what this worker has already seen finished. */
export interface LeaseChanges {
  readonly emptied: readonly number[];
  readonly rewritten: readonly { readonly lease: number; readonly actors: readonly string[] }[];
}

export interface CommitReply extends Reply {
  readonly committed: ReadonlySet<string>;
  /** Could not be stored (a value the database refuses); its neighbours were. */
  readonly refused: ReadonlyMap<string, Error>;
  /** Wanted to start and found no place: let go of, as they were. */
  readonly waiting: ReadonlySet<string>;
  /** Distinct queue ids in which this commit made something due now. */
  readonly queues: readonly number[];
  /** Earliest instants, by queue, at which something starts that waited for its rate. */
  readonly later: readonly Upcoming[];
}

/** What the store says of an actor this worker holds: after a missed commit, a poke, or a doubt. */
export interface Reloaded {
  readonly id: string;
  readonly seq: number;
  readonly pokes: number;
  readonly dueRowAt: Instant | null;
  /** At most 1,000, oldest first. What is left is due again by a row of its own, as after a claim. */
  readonly mail: readonly Mail[];
}

export interface ReloadReply extends Reply {
  /** Only actors still held by that worker at that fence; what is absent was lost. */
  readonly held: readonly Reloaded[];
}
