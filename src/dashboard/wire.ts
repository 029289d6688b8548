/** What the server and the page say to each other. Instants are milliseconds since 1970; states are paths such as 'math.added'. */
import type { Chart } from '../inspect/chart-model.ts';
import type { Drawing } from '../inspect/drawing.ts';

/** A payload as text: without what is redacted, and cut where it is long. */
export interface Shown {
  readonly text: string;
  /** Characters that were left out. */
  readonly cut: number;
}

export interface ActorRow {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly status: 'active' | 'done' | 'dropped' | 'quarantined';
  readonly states: readonly string[];
  readonly outcome: string | null;
  readonly why: string | null;
  readonly queue: string;
  readonly attempt: number;
  readonly wakeAt: number | null;
  readonly createdAt: number;
  readonly settledAt: number | null;
}

export interface ActorPage {
  readonly items: readonly ActorRow[];
  readonly cursor: string | null;
}

export interface ActorDetail extends ActorRow {
  readonly now: number;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly key: string | null;
  readonly parentId: string | null;
  readonly childKey: string | null;
  readonly retried: number;
  readonly seq: number;
  readonly mail: number;
  readonly recovering: { readonly attempt: number; readonly of: number | null; readonly nextAt: number } | null;
  readonly input: Shown | null;
  readonly context: Shown | null;
  readonly output: Shown | null;
  readonly progress: Shown | null;
  readonly error: { readonly name: string; readonly message: string; readonly code: string | null } | null;
  readonly timers: readonly { readonly id: string; readonly event: string; readonly dueAt: number }[];
  readonly effects: readonly {
    readonly id: string;
    readonly src: string;
    readonly running: boolean;
    readonly workerId: string | null;
    readonly childId: string | null;
  }[];
  readonly waitingFor: readonly { readonly detail: string; readonly at: number | null }[];
  readonly accepts: readonly string[];
  /** What its state allows an operator to do. */
  readonly may: readonly ActorAction[];
  /** Newest first, the newest so many. */
  readonly history: readonly HistoryRow[];
  readonly historyLeftOut: number;
  /** Whether a step of its past can be looked into: this process has its code. */
  readonly replayable: boolean;
}

export type ActorAction = 'send' | 'cancel' | 'run-now' | 'retry' | 'release';

export interface HistoryRow {
  readonly seq: number;
  readonly at: number;
  readonly event: string;
  readonly states: readonly string[];
}

/** One step of an actor's past. */
export interface StepDetail {
  readonly seq: number;
  readonly event: Shown;
  /** As a replay gives it; null where this process cannot take its past again. */
  readonly context: Shown | null;
}

/** A definition, and how it is drawn. */
export interface ChartReply {
  readonly chart: Chart | null;
  readonly drawing: Drawing | null;
}

export interface Count {
  readonly count: number;
  /** False: about so many. */
  readonly exact: boolean;
}

export interface DefinitionRow {
  readonly name: string;
  readonly version: number;
  readonly kind: 'job' | 'actor' | 'followup' | 'cron' | 'flow';
  readonly registeredAt: number;
  readonly active: Count;
  readonly quarantined: number;
  /** Within the last hour. */
  readonly done: number;
  readonly dropped: number;
}

export interface DefinitionDetail extends DefinitionRow {
  /** Actors in each state; of final ones, those that came there within the last hour. */
  readonly population: readonly { readonly state: string; readonly count: number; readonly exact: boolean }[];
}

/** What recent runs did. */
export interface Heat {
  readonly runs: number;
  readonly dwell: readonly { readonly state: string; readonly visits: number; readonly medianMs: number }[];
  readonly moves: readonly { readonly from: string; readonly to: string; readonly count: number }[];
}

export interface Overview {
  readonly now: number;
  readonly active: Count;
  readonly recovering: Count;
  readonly quarantined: number;
  readonly parked: number;
  readonly dueNow: Count;
  readonly later: Count;
  readonly oldestDueAt: number | null;
  readonly states: readonly { readonly state: string; readonly count: number }[];
  readonly statesExact: boolean;
  /** Ends per minute, oldest first, one for each of the last sixty. */
  readonly minutes: readonly { readonly at: number; readonly done: number; readonly dropped: number }[];
  /** They are complete from here on. */
  readonly minutesSince: number;
  readonly queues: readonly QueueRow[];
  readonly workers: readonly {
    readonly id: string;
    readonly host: string;
    readonly pid: number;
    readonly alive: boolean;
    readonly beatAt: number;
    readonly held: number;
    readonly concurrency: number;
  }[];
  readonly setAside: readonly {
    readonly duty: string;
    readonly target: string;
    readonly error: string;
    readonly nextAt: number;
  }[];
}

export interface QueueRow {
  readonly queue: string;
  readonly paused: boolean;
  readonly due: number;
  readonly later: number;
  readonly oldestDueAt: number | null;
}

export interface CronRow {
  readonly id: string;
  readonly actorId: string;
  readonly state: 'waiting' | 'paused' | 'retired';
  readonly job: string;
  readonly times: string;
  readonly timezone: string;
  /** The next few, jitter not included but for the first. */
  readonly next: readonly number[];
  readonly last: { readonly id: string; readonly status: string; readonly at: number } | null;
  readonly running: number;
  readonly fires: number;
  readonly missed: number;
  readonly skipped: number;
  readonly pausedBecause: string | null;
}

export interface RetryReply {
  readonly matched: number;
  readonly retried: number;
  readonly raced: number;
  readonly conflicts: number;
  readonly ids: readonly string[];
  readonly pruned: number | null;
}

export interface ErrorReply {
  readonly error: string;
  readonly code: string;
}
