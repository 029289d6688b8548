/** What operators ask of a scheduler: to have dropped runs begin again, to recover, to let history go, and to tell who did what. */
import type { RunRecord } from '../run-record.ts';

/** Which dropped runs: exactly one of these. `ids`: at most 10,000; one that is given twice counts once. */
export type FailedSelector =
  | { readonly name: string; readonly queue?: never; readonly ids?: never }
  | { readonly queue: string; readonly name?: never; readonly ids?: never }
  | { readonly ids: readonly string[]; readonly name?: never; readonly queue?: never };

/** All given conditions hold at once. */
export interface RetryFailedOptions {
  /** The class or code of the last error, or part of its message in any case; at most 1024 bytes. */
  readonly error?: string;
  /** Settled at this instant or later. */
  readonly since?: Date;
  /** Settled before this instant. */
  readonly until?: Date;
  /** At most so many, in the order they were made; 1 to 10,000,000. All unless given. */
  readonly limit?: number;
  /** Counts, and gives the first 20 ids; nothing moves. @defaultValue false */
  readonly preview?: boolean;
  /** Nothing moves when the idempotency key of one of them belongs to another run. @defaultValue false */
  readonly atomic?: boolean;
}

/** A run that stays dropped because its idempotency key belongs to another one by now. */
export interface KeyConflict {
  readonly id: string;
  readonly key: string;
  /** The run that has the key. Null: it was not to be seen at that moment. */
  readonly heldBy: string | null;
}

export interface RetryFailedResult {
  /** Of the runs that begin again; of a preview, the first 20 that would. */
  readonly ids: string[];
  /** How many fitted, at most `limit`: those that begin again, raced, and are in conflict. */
  readonly matched: number;
  readonly retried: number;
  /** Somebody else had hold of them at that moment, or was faster. */
  readonly raced: number;
  readonly conflicts: KeyConflict[];
  /**
   * How many more were dropped under that name or in that queue, and are past their retention. Absent where that is not
   * known: for ids, and with conditions that what is gone can no longer be held against.
   */
  readonly pruned?: number;
}

export interface ReconcileFilter {
  /** The scheduler's own unless given. */
  readonly namespace?: string;
  readonly label?: string;
  /** 1 to 100,000. @defaultValue 1000 */
  readonly limit?: number;
}

/** What a duty or an operation came to: rows it acted on, and rows it could not. */
export interface DutyResult {
  readonly processed: number;
  readonly errors: number;
}

export interface PruneResult {
  /** Successful runs that are gone. */
  readonly done: number;
  /** Dropped runs that are gone. */
  readonly dropped: number;
  /** Past their retention, but children of a flow that still runs: kept for another day. */
  readonly carried: number;
  /** Days of history that somebody was reading just then; nothing of them is gone, and the next pass takes them. */
  readonly blocked: number;
}

/** Which entries of the audit. All given conditions hold at once. */
export interface AuditOptions {
  readonly who?: string;
  readonly action?: AuditAction;
  /** The id of an actor, the name of a queue, or an idempotency key. */
  readonly target?: string;
  readonly since?: Date;
  readonly until?: Date;
  /** 1 to 1000. @defaultValue 50 */
  readonly limit?: number;
  /** From the page before. */
  readonly cursor?: string;
}

export type AuditAction =
  | 'cancel'
  | 'runNow'
  | 'reschedule'
  | 'retry'
  | 'retryFailed'
  | 'release'
  | 'fork'
  | 'pauseQueue'
  | 'resumeQueue'
  | 'releaseKey'
  | 'prune'
  | 'cron.pause'
  | 'cron.resume'
  | 'cron.update';

/** One thing an operator did. Kept for 90 days. */
export interface AuditRecord {
  readonly id: string;
  readonly at: Date;
  /** The scheduler's `operator`. */
  readonly who: string;
  readonly action: AuditAction;
  readonly target: string;
  readonly reason?: string;
  /** How it was, and what was asked or became of it; the parts depend on the action. */
  readonly before: unknown;
  readonly after: unknown;
}

/** Runs that history has let go of, since there is history. */
export interface PrunedRuns {
  readonly name: string;
  readonly queue: string;
  readonly status: RunRecord['status'];
  /** Absent for a success, and for what was too rare in its day to be counted by itself. */
  readonly reason?: string;
  /** Of the last error. */
  readonly code?: string;
  readonly count: number;
}

export interface Operations {
  /**
   * Has a dropped run begin again from its stored input, under the same id: with all its budgets anew, while attempts, journal
   * and fence go on. It claims its idempotency key again. Crons and flows do not begin again.
   * @throws ActorNotFoundError when it was pruned @throws InvalidStateError when it is not dropped @throws IdempotencyConflictError
   */
  retry(id: string): Promise<void>;
  /**
   * Has many dropped runs begin again, in batches. By name or queue, cancelled ones are left alone: somebody meant it.
   * @throws InvalidOptionError unless exactly one selector is given
   */
  retryFailed(selector: FailedSelector, options?: RetryFailedOptions): Promise<RetryFailedResult>;
  /** Recovers now what the sweep would recover in time: what dead workers hold, and what nothing would look at. */
  reconcile(filter?: ReconcileFilter): Promise<DutyResult>;
  /**
   * Lets history go whose retention has passed, as the sweep does every ten minutes: whole days, so that a run stays up to a
   * day longer. Days that somebody is reading wait for the next time.
   */
  prune(): Promise<PruneResult>;
  /** Frees an idempotency key, whoever holds it; that run goes on. False: nobody has it. `reason`: kept in the audit. */
  releaseKey(key: string, reason: string): Promise<boolean>;
  /** What operators did, newest first. `cursor`, when there is more. */
  audit(options?: AuditOptions): Promise<{ items: AuditRecord[]; cursor?: string }>;
  /** How many runs history has let go of, by name, queue, status, reason and code. */
  pruned(): Promise<PrunedRuns[]>;
}
