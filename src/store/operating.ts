/**
 * What operators and upkeep ask of a store, besides running work: to have dropped runs begin again, to let history go, to
 * mend what is stranded, and to remember who did what.
 */
import type { Instant, Reply } from './contract/clock.ts';
import type { NewMail, SendReply } from './contract/mail.ts';
import type { WorkerEntry } from './contract/registry.ts';
import type { NewActor } from './contract/scheduling.ts';

/** On whose behalf something is done: recorded in the transaction that does it. */
export interface Operator {
  readonly who: string;
  readonly reason?: string;
}

// ── beginning again ─────────────────────────────────────────────────────────

/**
 * Dropped runs. By name or queue, those that were cancelled are left out: somebody meant it. Crons and flows are never among
 * them: their children have ids that a second life would meet again.
 */
export interface Selection {
  readonly ids: readonly string[] | null;
  readonly name: string | null;
  readonly queue: string | null;
  /** The error's class or code, or part of its message in any case. */
  readonly error: string | null;
  /** Settled at or after. */
  readonly since: Instant | null;
  /** Settled before. */
  readonly until: Instant | null;
  readonly limit: number;
}

/**
 * `raced`: somebody else had hold of it, or was faster. `conflict`: its key belongs to another run by now; it stays dropped.
 * Of two with the same key the one that settled last gets it. `withheld`: it could have been, but another one of these is in
 * conflict, and all or none were asked for.
 */
export type Retried =
  | { readonly id: string; readonly outcome: 'retried'; readonly queue: number }
  | { readonly id: string; readonly outcome: 'raced' | 'withheld' }
  | { readonly id: string; readonly outcome: 'conflict'; readonly key: string; readonly heldBy: string | null };

export interface RetryReply extends Reply {
  /** One for each that was selected. */
  readonly items: readonly Retried[];
}

export interface RetryTerms {
  readonly action: 'retry' | 'retryFailed';
  /** All or none, where a key is in conflict. */
  readonly atomic: boolean;
  /** As in {@link KeyClaim}, for keys that are claimed again. */
  readonly keyRetentionMs: number;
}

// ── forking ──────────────────────────────────────────────────────────────────

/** A copy of another actor as it was once: it lives on its own from there. */
export interface Fork extends Omit<NewActor, 'when' | 'start' | 'key' | 'parent'> {
  readonly snapshot: string | null;
  readonly history: string;
  readonly seq: number;
  readonly attempt: number;
  /** Set: it stays out of circulation until released, with this reason in every view. Null: it is due now. */
  readonly quarantine: string | null;
  /** What waits in its mailbox, in order. */
  readonly mail: readonly string[];
  /** Whose copy it is, and as of which event: for the audit. */
  readonly origin: { readonly id: string; readonly seq: number };
}

// ── letting go ──────────────────────────────────────────────────────────────

/** Runs whose history is gone. `reason` and `code` are null where there was none, or too many to be told apart. */
export interface PrunedCount {
  readonly name: string;
  readonly queue: string;
  readonly outcome: 'success' | 'failed_dropped' | 'cancelled' | 'expired';
  readonly reason: string | null;
  readonly code: string | null;
  readonly count: number;
}

export interface PruneReply extends DutyReply {
  readonly done: number;
  readonly dropped: number;
  /** Past their retention, but children of a flow that still runs: kept for another day. */
  readonly carried: number;
  /** Days that somebody was reading just then: for the next pass. */
  readonly blocked: number;
}

export interface DutyReply {
  readonly processed: number;
  readonly errors: number;
}

// ── mending ─────────────────────────────────────────────────────────────────

export interface RecoverFilter {
  readonly namespace: string;
  readonly label: string | null;
  readonly limit: number;
}

export interface RecoverReply extends DutyReply {
  /** Distinct queues that now have something due. */
  readonly queues: readonly number[];
}

/** What a process says of one duty of its sweep. */
export interface DutyState {
  readonly name: string;
  readonly everyMs: number;
  readonly processed: number;
  readonly errors: number;
  /** Of its last complete pass; null: it has never completed one. */
  readonly lastPassAt: Instant | null;
}

/** A row that a duty failed on, and leaves alone for a while. */
export interface SetAside {
  readonly duty: string;
  readonly target: string;
  readonly failures: number;
  readonly error: string;
  readonly since: Instant;
  readonly nextAt: Instant;
}

// ── looking ─────────────────────────────────────────────────────────────────

export interface StoreStats {
  readonly queues: readonly {
    readonly queue: string;
    readonly paused: boolean;
    readonly due: number;
    readonly later: number;
    readonly oldestDueAt: Instant | null;
  }[];
  readonly active: number;
  readonly quarantined: number;
  readonly parked: number;
  /** Letters that nobody has read. */
  readonly mail: number;
  readonly workers: readonly (WorkerEntry & {
    readonly joinedAt: Instant;
    readonly beatAt: Instant;
    readonly alive: boolean;
    readonly held: number;
    /** As it reported them last. */
    readonly duties: readonly DutyState[];
  })[];
  /** What duties of the sweep failed on and leave alone for now. */
  readonly setAside: readonly SetAside[];
}

// ── remembering ─────────────────────────────────────────────────────────────

/** A letter that an operator asked for. */
export interface Order extends NewMail {
  readonly action: 'cancel' | 'runNow' | 'reschedule' | 'cron.pause' | 'cron.resume' | 'cron.update';
  /** What it asks for, as data. */
  readonly after: object;
  readonly by: Operator;
}

export interface AuditEntry {
  readonly id: string;
  readonly at: Instant;
  readonly who: string;
  readonly action: string;
  /** The id of an actor, the name of a queue, a key, or a selection. */
  readonly target: string;
  readonly reason: string | null;
  /** How it was, and what was made of it, as data. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface AuditFilter {
  readonly who: string | null;
  readonly action: string | null;
  /** Also finds what was one of many in a `retryFailed`. */
  readonly target: string | null;
  readonly since: Instant | null;
  readonly until: Instant | null;
  readonly limit: number;
  /** Newest first; the id after which to go on. */
  readonly cursor: string | null;
}

/** The part of the store that operators and the sweep use. */
export interface Operating {
  /**
   * Moves dropped runs back among the active, due now, before their first turn: fence raised, journal and attempts kept, key
   * claimed again. What is inside a batch of 500 is one statement.
   */
  retry(selection: Selection, terms: RetryTerms, by: Operator): Promise<RetryReply>;
  /** Its id has to be new. */
  fork(fork: Fork, by: Operator): Promise<Reply>;
  /** How many `retry` would find, and the first of their ids. */
  failed(selection: Selection, sample: number): Promise<{ readonly matched: number; readonly ids: readonly string[] }>;

  /** Lets go of the days that have passed. Nothing inside its retention can go, and no settle waits. Stops early when told. */
  prune(by: Operator | null, signal?: AbortSignal): Promise<PruneReply>;
  pruned(): Promise<readonly PrunedCount[]>;
  /** Goes on through expired keys, old receipts and the old audit, a stretch at a time. */
  forget(): Promise<DutyReply>;
  /** False: there is no such key. Whoever holds it goes on without it. */
  releaseKey(digest: Buffer, key: string, by: Operator): Promise<boolean>;

  /** Frees what dead workers hold and makes due what is stranded, among those that fit: each by itself. */
  recover(filter: RecoverFilter): Promise<RecoverReply>;
  /** Makes due what nothing else will look at, a stretch of all actors at a time. */
  mend(): Promise<RecoverReply>;
  stats(): Promise<StoreStats>;
  reportDuties(worker: string, duties: readonly DutyState[]): Promise<void>;

  /** As `send`, with an entry in the audit for each that was stored. */
  order(orders: readonly Order[]): Promise<SendReply>;
  auditTrail(filter: AuditFilter): Promise<{ readonly items: readonly AuditEntry[]; readonly cursor?: string }>;
}
