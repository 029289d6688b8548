/**
 * What is said of a cron, and what is kept of it from fire to fire. Plain data that is stored as it is: its times and what its runs
 * are made of stay opaque.
 */

/** All that was said of a cron. */
export interface CronSpec {
  readonly id: string;
  /** It is one of a set that is applied as a whole. */
  readonly declared: boolean;
  readonly times: unknown;
  /** What its runs are made of; opaque here. */
  readonly target: unknown;
  readonly enabled: boolean;
  readonly limit: number | null;
  readonly jitterMs: number;
  readonly missed: 'skip' | 'last' | 'first' | 'all';
  /** Null: whatever its age. */
  readonly missedWindowMs: number | null;
  readonly overlap: 'skip' | 'queue' | 'allow' | 'cancelOther';
  readonly pauseAfterFailures: number | null;
  readonly deleteAfterRun: boolean;
}

/** What the engine is to do: make a run of that occurrence, or end the one it has. */
export type CronOrder =
  | { readonly type: 'run.start'; readonly nominalAt: number; readonly delayMs: number }
  | { readonly type: 'run.cancel'; readonly nominalAt: number };

export interface EndedRun {
  readonly id: string;
  readonly nominalAt: number;
  readonly status: 'success' | 'failed_dropped' | 'cancelled' | 'expired';
  readonly settledAt: number;
}

/** Stored with every fire. Runs are known by the instants that the schedule names for them. */
export interface CronContext {
  readonly spec: CronSpec;
  readonly registeredAt: number;
  /** Whatever was due until here has been seen to. Never goes back. */
  readonly lastNominal: number;
  /** `fireAt`: with jitter. */
  readonly next: { readonly nominalAt: number; readonly fireAt: number } | null;
  readonly running: readonly number[];
  readonly queued: readonly number[];
  /** Runs that were started. */
  readonly fires: number;
  /** Of which were before the limit began to count. */
  readonly uncounted: number;
  /** Left out because a run was still going. */
  readonly skipped: number;
  /** Left out because nobody was there in time. */
  readonly missed: number;
  /** Runs in a row that were dropped or expired. */
  readonly failures: number;
  readonly lastRun: EndedRun | null;
  readonly pausedBecause: string | null;
  readonly removedBecause: string | null;
  /** Of this step; given to the engine before it ends. */
  readonly orders: readonly CronOrder[];
}

export function newCron(spec: CronSpec, registeredAt: number): CronContext {
  return {
    spec,
    registeredAt,
    lastNominal: registeredAt,
    next: null,
    running: [],
    queued: [],
    fires: 0,
    uncounted: 0,
    skipped: 0,
    missed: 0,
    failures: 0,
    lastRun: null,
    pausedBecause: null,
    removedBecause: null,
    orders: [],
  };
}

export function sameSpec(one: CronSpec, other: CronSpec): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Nothing more is to come, and nothing is under way. */
export function isSpent({ next, running, queued }: CronContext): boolean {
  return next === null && running.length === 0 && queued.length === 0;
}

/** Its limit is spent, by runs that were started or wait to be. */
export function isExhausted({ spec, fires, uncounted, queued }: CronContext): boolean {
  return spec.limit !== null && fires - uncounted + queued.length >= spec.limit;
}
