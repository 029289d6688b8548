/**
 * What Carillon asks of a store: a handful of operations, each one transaction. `postgres/` is the real one; `memory.ts`
 * serves simulation and the testing kit. Both pass one conformance suite. Nothing here knows SQL, workers or XState:
 * payloads are opaque text, and the store only keeps, orders, fences and moves them.
 *
 * Instants are milliseconds since 1970 on the STORE's clock, on whole milliseconds.
 */

import type { JournalSegment, SpilledSegment } from './journal-segment.ts';
import type { DefinitionLimits, LimitKeys, PlaceRequest, PlaceWait, Upcoming } from './limits.ts';
import type { Operating, Operator } from './operating.ts';
import type { Replaced, Replacement } from './replacement.ts';
import type { Surveying } from './surveying.ts';
import type { WakeListener } from './wake-listener.ts';

export type { StoreStats } from './operating.ts';

export type Instant = number;

/** The store's answer always says what its clock read, so that callers can follow it without asking. */
export interface Reply {
  readonly now: Instant;
}

// ── the registry ────────────────────────────────────────────────────────────

export interface DefinitionEntry {
  readonly kind: 'job' | 'actor' | 'followup' | 'cron' | 'flow';
  readonly name: string;
  readonly version: number;
  /** The machine's configuration as JSON, for drawing it in a process that does not have the code. */
  readonly chart: string;
  /**
   * None unless given. They are the name's: those of the newest version in the last registration hold for all its versions, in
   * every process, and for what is scheduled already.
   */
  readonly limits?: DefinitionLimits;
}

export interface DefinitionVersion {
  readonly version: number;
  readonly def: number;
}

// ── scheduling ──────────────────────────────────────────────────────────────

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

// ── mail ────────────────────────────────────────────────────────────────────

export interface NewMail {
  readonly actor: string;
  readonly event: string;
  /**
   * A second mail with the same id to the same actor is dropped, for as long as the actor lives. Mail of one call is read in
   * its order, unless one with such an id has to wait for another sender's open transaction.
   */
  readonly dedupId: string | null;
}

export interface Mail {
  readonly id: string;
  readonly event: string;
  readonly at: Instant;
}

/** `settled` and `unknown`: nothing was stored for this one. `duplicate`: its dedupId was seen before. */
export type Sent = 'stored' | 'duplicate' | 'settled' | 'unknown';

export interface SendReply extends Reply {
  readonly items: readonly Sent[];
  /** Distinct queue ids that now have something due: whom to wake. */
  readonly queues: readonly number[];
}

// ── claiming ────────────────────────────────────────────────────────────────

export interface ClaimRequest {
  readonly worker: string;
  /** Number of the lease row written for this claim; never reused by this worker. */
  readonly lease: number;
  /** Within a priority level, an earlier one is emptied before a later one is looked at. */
  readonly queues: readonly number[];
  /** What this worker has code for. Anything else is left where it is. */
  readonly defs: readonly number[];
  /** Older versions of those, where it may take them over (see {@link Store.orphans}). None unless given. */
  readonly inherits?: readonly Orphan[];
  readonly slots: number;
  /**
   * Whether one actor that was held at two or more worker deaths in a row may be among them. A worker runs at most one
   * such suspect at a time, so that a job which kills its process cannot have its neighbours blamed.
   */
  readonly suspect: boolean;
  /** Serve the priority level whose head has waited longest first (aging). */
  readonly oldestFirst: boolean;
}

/** A definition that no living worker of that queue has code for. */
export interface Orphan {
  readonly queue: number;
  readonly def: number;
}

export interface Claimed {
  readonly id: string;
  readonly def: number;
  readonly name: string;
  readonly version: number;
  readonly queue: number;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly parent: string | null;
  readonly role: string | null;
  readonly input: string | null;
  /** As views show it, so that a row which cannot be decoded keeps it. */
  readonly state: string | null;
  readonly attempt: number;
  /** Null before the first turn. */
  readonly snapshot: string | null;
  readonly history: string;
  readonly spilled: boolean;
  readonly seq: number;
  /** Already raised by this claim. */
  readonly fence: number;
  readonly pokes: number;
  /** Claims in a row, before this one, that ended with the death of their worker. */
  readonly strikes: number;
  /** How often an operator had it begin again. */
  readonly retried: number;
  /** When the claim before this one was made, if its worker died; null otherwise. */
  readonly claimedBefore: Instant | null;
  /**
   * The instant of its own due row before the claim: when it said it wanted to be looked at. One that has passed outlives
   * the death of the worker that claimed it, so that a first turn taken again still knows when the run was due.
   */
  readonly wakeAt: Instant | null;
  /** Its own due row if that is still in the table (the claim was for mail), else null. */
  readonly dueRowAt: Instant | null;
  readonly createdAt: Instant;
  readonly limits: LimitKeys | null;
  /** At most 1,000, oldest first. What is left is due again by a row of its own. */
  readonly mail: readonly Mail[];
}

/** An actor that was due but is held by a living worker: its owner has to look into the mailbox. */
export interface Poked {
  readonly id: string;
  readonly worker: string;
}

export interface ClaimReply extends Reply {
  readonly claimed: readonly Claimed[];
  readonly poked: readonly Poked[];
  /** True when `slots` was not enough for what is due. */
  readonly more: boolean;
  /** When to claim again although nothing more was seen, because it may not have looked everywhere. Null: it has. */
  readonly again: Instant | null;
}

/** `elsewhere`: something waits where claims did not look so far, and will from now on. What the last one did not find may be had. */
type DueReply = Reply & { readonly due: ReadonlyMap<number, Instant>; readonly elsewhere: boolean };

// ── turns ───────────────────────────────────────────────────────────────────

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

// ── workers ─────────────────────────────────────────────────────────────────

export interface WorkerEntry {
  /** Random, new for every incarnation: one found dead never claims or writes again. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly defs: readonly number[];
  readonly queues: readonly number[];
  readonly leaseMs: number;
  readonly concurrency: number;
}

/** A heartbeat that does not depend on the main loop being free, and stops when the main loop hangs. */
export interface Heartbeat {
  /** To be called by the main loop often; a beat is withheld when it has not been for a third of a lease. */
  tick(): void;
  /** Monotonic start (Env.monotonicMs) of the last beat the store accepted; the lease counts from here. */
  lastBeatMs(): number;
  stop(): Promise<void>;
}

// ── reading ─────────────────────────────────────────────────────────────────

export type Status = 'active' | 'done' | 'dropped' | 'quarantined';

export interface StoredActor {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly queue: string;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly status: Status;
  readonly state: string | null;
  readonly input: string | null;
  readonly snapshot: string | null;
  readonly history: string;
  readonly spilled: boolean;
  readonly seq: number;
  readonly fence: number;
  readonly attempt: number;
  readonly strikes: number;
  readonly retried: number;
  readonly worker: string | null;
  readonly claimedAt: Instant | null;
  readonly wakeAt: Instant | null;
  readonly parent: string | null;
  readonly role: string | null;
  readonly key: string | null;
  /** Why it is quarantined or parked, if it is. */
  readonly reason: string | null;
  readonly progress: string | null;
  readonly record: string | null;
  readonly mail: number;
  readonly createdAt: Instant;
  readonly settledAt: Instant | null;
}

export interface ListFilter {
  readonly status?: Status;
  readonly outcome?: string;
  readonly state?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly label?: string;
  readonly key?: string;
  readonly parentId?: string;
  readonly limit: number;
  /**
   * Only the newest so many, alive and settled each, are looked at: what is rare costs no more than that. The cursor then goes on
   * where the look ended, also after a page with nothing on it.
   */
  readonly within?: number;
  /** Newest first; the id after which to go on. */
  readonly cursor?: string;
}

/** What a waiter needs to know, for many ids in one question. */
export interface Progressed {
  readonly id: string;
  readonly seq: number;
  /** A worker has it, which may show more than the row says. */
  readonly held: boolean;
  readonly state: string | null;
  readonly status: Status;
  readonly record: string | null;
}

/** One broken promise found by the audit: an active actor that nothing will ever look at, for example. */
export interface AuditFinding {
  readonly actor: string;
  readonly problem: string;
}

// ── the store ───────────────────────────────────────────────────────────────

/**
 * Every operation is one transaction, and rejects only when it wrote nothing: an unknown outcome (the connection died
 * around a commit) is resolved inside, from another connection, before the promise settles.
 */
export interface Store extends Operating, Surveying {
  now(): Promise<Instant>;
  /** Ids of the definitions, in order; the same (name, version) always has the same id. Makes parked actors due. */
  registerDefinitions(definitions: readonly DefinitionEntry[]): Promise<readonly number[]>;
  registerQueues(names: readonly string[]): Promise<readonly number[]>;

  /**
   * `tell`: a queue whose listeners are told with the very write if it makes something due there that does not start; where that
   * was so, the reply says `told`, and {@link Store.announce} is not needed. None, unless given.
   */
  schedule(actors: readonly NewActor[], starter: Starter | null, tell?: number): Promise<ScheduleReply>;
  /** All or none: with one `conflict` among the answers nothing was written, whatever the others say. Never `refused`: it rejects. */
  scheduleTogether(actors: readonly NewActor[], starter: Starter | null, tell?: number): Promise<ScheduleReply>;
  /**
   * Schedules one actor in the place of others, in one transaction; calls with one label wait for each other. Not replaced is
   * what a worker holds, has tried, or may have tried: what was held before and is due.
   */
  replace(actor: NewActor, replacement: Replacement): Promise<Replaced>;
  send(mail: readonly NewMail[]): Promise<SendReply>;
  /** The same two inside the caller's own transaction: only inserts, locks no existing row, gone with its rollback. */
  scheduleWithin(client: unknown, actors: readonly NewActor[], notifyWithinMs: number): Promise<ScheduleReply>;
  sendWithin(client: unknown, mail: readonly NewMail[]): Promise<SendReply>;

  claim(request: ClaimRequest): Promise<ClaimReply>;
  /**
   * What is overdue in these queues, of older versions of these definitions that no living worker of the queue has code for:
   * theirs to take over. Living is who was not found dead by {@link Store.reap}.
   */
  orphans(queues: readonly number[], defs: readonly number[]): Promise<readonly Orphan[]>;
  /** Every version of that definition that was ever registered, and its registry id. */
  versions(name: string): Promise<readonly DefinitionVersion[]>;
  commit(worker: string, writes: readonly TurnWrite[], leases: LeaseChanges): Promise<CommitReply>;
  reload(worker: string, held: readonly { readonly id: string; readonly fence: number }[]): Promise<ReloadReply>;
  /** Shown in views, survives retries. False: not held at that fence any more. */
  progress(worker: string, id: string, fence: number, value: string): Promise<boolean>;
  /** Out of quarantine, due now. False: it was not quarantined. */
  release(id: string, by?: Operator): Promise<boolean>;
  setPaused(queue: string, paused: boolean, by?: Operator): Promise<void>;

  /** Makes parked actors of its definitions due, which another worker may have parked since they were registered. */
  join(worker: WorkerEntry): Promise<Heartbeat>;
  /** Removes the worker; anything it still holds is freed, due now, with the fence raised and no strike. */
  leave(worker: string): Promise<void>;
  /** All this worker holds according to the store: to compare with memory. */
  heldBy(worker: string): Promise<readonly { readonly id: string; readonly fence: number; readonly lease: number }[]>;
  /** Frees these if still held at that fence, as `leave` does: due now, fence raised, no strike. How many were. */
  giveBack(worker: string, held: readonly { readonly id: string; readonly fence: number }[]): Promise<number>;

  /**
   * Frees what dead workers hold: fence raised, due now, strike kept. One transaction per lease row. Does nothing for one
   * lease after the database started or its clock jumped, when every heartbeat looks old though its worker is alive.
   */
  reap(): Promise<{ readonly processed: number; readonly errors: number; readonly queues: readonly number[] }>;
  /** The earliest due instant per queue that has one, among those definitions. May be in the past. Paused queues have none. */
  nextDue(queues: readonly number[], defs: readonly number[]): Promise<DueReply>;
  /** Distinct due buckets (start instants, `bucketMs` wide) of what will be due within the horizon, per queue, at most `limit`: for alarms. */
  dueBuckets(horizonMs: number, bucketMs: number, limit: number): Promise<readonly Upcoming[]>;
  /**
   * Sets aside overdue actors that no living worker has code for, nor for a newer version of it; the reason is visible, and
   * registering one of those frees them.
   * Living is who was not found dead by {@link Store.reap}: after an outage all heartbeats look old, and none would register again.
   */
  park(): Promise<{ readonly processed: number; readonly errors: number }>;
  /**
   * Frees places that nobody holds any more, and makes those due for whom there is room: commits do so themselves, this is for
   * the dead, for changed limits and for queues that are no longer paused. `due`: what that made due, and when.
   */
  admit(): Promise<{ readonly processed: number; readonly errors: number; readonly due: readonly Upcoming[] }>;
  /** Creates the day leaves of `settled` that the coming days need. */
  prepareDays(): Promise<void>;
  /** Invariant check by keyset: every active actor is held by a living worker, has a due row, waits for mail only or for a place, or is set aside. */
  audit(limit: number): Promise<readonly AuditFinding[]>;

  find(id: string): Promise<StoredActor | null>;
  /** Null: it waits for no place. */
  placeWait(id: string): Promise<PlaceWait | null>;
  list(filter: ListFilter): Promise<{ readonly items: readonly StoredActor[]; readonly cursor?: string }>;
  journal(id: string): Promise<readonly JournalSegment[]>;
  progressed(ids: readonly string[]): Promise<readonly Progressed[]>;

  listen(worker: string | null, listener: WakeListener): Promise<{ close(): Promise<void> }>;
  /** Tells other processes, after a commit. Fire and forget: coalesced, at most one per queue in 5 ms. */
  announce(queue: number, at: Instant): void;
  announcePokes(poked: readonly Poked[]): void;

  close(): Promise<void>;
}
