/**
 * What Carillon asks of a store: a handful of operations, each one transaction. `postgres/` is the real one; `memory.ts`
 * serves simulation and the testing kit. Both pass one conformance suite. Nothing here knows SQL, workers or XState:
 * payloads are opaque text, and the store only keeps, orders, fences and moves them. `contract/` has the words, by what is asked.
 */

import type { ClaimReply, ClaimRequest, DueReply, Orphan, Poked } from './contract/claiming.ts';
import type { Instant } from './contract/clock.ts';
import type { NewMail, SendReply } from './contract/mail.ts';
import type { AuditFinding, ListFilter, Progressed, StoredActor } from './contract/reading.ts';
import type { DefinitionEntry, DefinitionVersion, Heartbeat, WorkerEntry } from './contract/registry.ts';
import type { NewActor, ScheduleReply, Starter } from './contract/scheduling.ts';
import type { CommitReply, LeaseChanges, ReloadReply, TurnWrite } from './contract/turns.ts';
import type { JournalSegment } from './journal-segment.ts';
import type { PlaceWait, Upcoming } from './limits.ts';
import type { Operating, Operator } from './operating.ts';
import type { Replaced, Replacement } from './replacement.ts';
import type { Surveying } from './surveying.ts';
import type { WakeListener } from './wake-listener.ts';

export type { Claimed, ClaimReply, ClaimRequest, Orphan, Poked } from './contract/claiming.ts';
export type { Instant, Reply } from './contract/clock.ts';
export type { Mail, NewMail, SendReply, Sent } from './contract/mail.ts';
export type { AuditFinding, ListFilter, Progressed, Status, StoredActor } from './contract/reading.ts';
export type { DefinitionEntry, DefinitionVersion, Heartbeat, WorkerEntry } from './contract/registry.ts';
export type { KeyClaim, NewActor, Scheduled, ScheduleReply, Starter } from './contract/scheduling.ts';
export type {
  CommitReply,
  Continued,
  LeaseChanges,
  Reloaded,
  ReloadReply,
  Settled,
  TurnWrite,
} from './contract/turns.ts';
export type { StoreStats } from './operating.ts';

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
