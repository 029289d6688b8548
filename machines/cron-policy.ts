/**
 * What a cron makes of the time that has passed: which occurrences run, wait or are left out, and what comes next. Pure: the
 * arithmetic of times comes from a calendar, instants from the `at` of the event, spread from the actor's id.
 */

import { fractionOf } from './jitter.ts';

/** An occurrence that is taken up at most this late is on time. */
export const ON_TIME_MS = 60_000;
/** So many occurrences are counted, caught up with, kept waiting or left running at once. */
export const MAX_AT_ONCE = 1000;
/** Catch-up runs of crons that all come back from one outage are spread over this, and over less where a cron fires often. */
const MAX_SPREAD_MS = 60_000;
const SPREAD_OF_GAP = 0.1;

/** When a cron fires. Its times are opaque here. */
export interface Calendar {
  /** First fire strictly after. Null: never again. */
  next(times: unknown, after: number): number | null;
  /** The oldest fire after `after` and up to `upTo`; null: none. */
  oldest(times: unknown, after: number, upTo: number): number | null;
  /** The newest `limit` fires after `after` and up to `upTo`, oldest first. */
  latest(times: unknown, after: number, upTo: number, limit: number): readonly number[];
}

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

/** Begins to count time here: what was due before is nobody's any more. */
export function planAnew(calendar: Calendar, context: CronContext, at: number, id: string): CronContext {
  const from = { ...context, lastNominal: Math.max(context.lastNominal, at) };
  return { ...from, next: nextOf(calendar, from, id) };
}

/** Nothing more is to come, and nothing is under way. */
export function isSpent({ next, running, queued }: CronContext): boolean {
  return next === null && running.length === 0 && queued.length === 0;
}

/**
 * Sees to all that has come due. `hurried`: its times are about to change, so that what only its jitter holds back is seen to as
 * well, and the rest of its wait is given to the run.
 */
export function fireDue(
  calendar: Calendar,
  context: CronContext,
  at: number,
  id: string,
  { hurried = false } = {},
): CronContext {
  const { spec, lastNominal } = context;
  const newest = newestDue(calendar, context, at, id, hurried);
  if (newest === null || isExhausted(context)) return { ...context, next: nextOf(calendar, context, id) };
  const due = calendar.latest(spec.times, lastNominal, newest, MAX_AT_ONCE + 1);
  const fireAt = fireAtOf(calendar, spec, newest, id);
  const isLate = at - fireAt > ON_TIME_MS;
  const missed = (isLate ? due : due.slice(0, -1)).slice(-MAX_AT_ONCE);
  const made = madeUp(calendar, context, missed, at, isLate);
  const spreadMs = spreadOf(calendar, spec, newest);
  const taking = new Taking(context);
  for (const nominalAt of made) {
    taking.take(nominalAt, Math.floor(fractionOf(id, nominalAt) * spreadMs), true);
  }
  if (!isLate) taking.take(newest, Math.max(0, fireAt - at), false);
  const seen = { ...taking.result, missed: taking.result.missed + missed.length - made.length, lastNominal: newest };
  return { ...seen, next: nextOf(calendar, seen, id) };
}

/** A run has ended. One that was asked for beside the schedule was never among those that run. */
export function hearEnd(context: CronContext, ended: EndedRun, isExtra: boolean): CronContext {
  const { running, failures } = context;
  const { nominalAt, status } = ended;
  return {
    ...context,
    lastRun: ended,
    running: isExtra ? running : running.filter((other) => other !== nominalAt),
    failures: status === 'success' ? 0 : status === 'cancelled' ? failures : failures + 1,
  };
}

export function mayStartQueued({ spec, running, queued }: CronContext): boolean {
  if (queued.length === 0) return false;
  return running.length === 0 || (spec.overlap === 'allow' && running.length < MAX_AT_ONCE);
}

export function startQueued(context: CronContext): CronContext {
  const [nominalAt, ...queued] = context.queued;
  return nominalAt === undefined ? context : started({ ...context, queued }, nominalAt, 0);
}

/** Its limit is spent, by runs that were started or wait to be. */
function isExhausted({ spec, fires, uncounted, queued }: CronContext): boolean {
  return spec.limit !== null && fires - uncounted + queued.length >= spec.limit;
}

function started(context: CronContext, nominalAt: number, delayMs: number): CronContext {
  const { running, fires, orders } = context;
  return {
    ...context,
    running: [...running, nominalAt],
    fires: fires + 1,
    orders: [...orders, { type: 'run.start', nominalAt, delayMs }],
  };
}

function newestDue(
  calendar: Calendar,
  { spec, lastNominal }: CronContext,
  at: number,
  id: string,
  hurried: boolean,
): number | null {
  const [newest] = calendar.latest(spec.times, lastNominal, at, 1);
  if (newest === undefined) return null;
  if (hurried || fireAtOf(calendar, spec, newest, id) <= at) return newest;
  return calendar.latest(spec.times, lastNominal, newest - 1, 1)[0] ?? null;
}

/** Of what was missed, oldest first, all that is made up for. */
function madeUp(
  calendar: Calendar,
  { spec, lastNominal }: CronContext,
  missed: readonly number[],
  at: number,
  isLate: boolean,
): readonly number[] {
  const { times, missedWindowMs, overlap } = spec;
  const from = missedWindowMs === null ? Number.NEGATIVE_INFINITY : at - missedWindowMs;
  const recent = missed.filter((nominalAt) => nominalAt >= from);
  const newest = recent.at(-1);
  if (newest === undefined || spec.missed === 'skip') return [];
  if (spec.missed === 'all') return recent;
  if (spec.missed === 'last') return isLate ? [newest] : [];
  // The one on time would end it at once.
  if (overlap === 'cancelOther' && !isLate) return [];
  const oldest = calendar.oldest(times, Math.max(lastNominal, from - 1), newest);
  return oldest === null ? [] : [oldest];
}

/** All crons that missed something in one outage come back at the same moment, and must not all begin in it. */
function spreadOf(calendar: Calendar, { times }: CronSpec, newest: number): number {
  const following = calendar.next(times, newest);
  return following === null ? MAX_SPREAD_MS : Math.min(MAX_SPREAD_MS, (following - newest) * SPREAD_OF_GAP);
}

function nextOf(calendar: Calendar, context: CronContext, id: string): CronContext['next'] {
  const { spec, lastNominal } = context;
  const nominalAt = isExhausted(context) ? null : calendar.next(spec.times, lastNominal);
  return nominalAt === null ? null : { nominalAt, fireAt: fireAtOf(calendar, spec, nominalAt, id) };
}

/** Never as late as the fire after it, however near a change of clocks brings that one. */
function fireAtOf(calendar: Calendar, { times, jitterMs }: CronSpec, nominalAt: number, id: string): number {
  if (jitterMs === 0) return nominalAt;
  const gapMs = (calendar.next(times, nominalAt) ?? Number.POSITIVE_INFINITY) - nominalAt;
  return nominalAt + Math.floor(fractionOf(id, nominalAt) * Math.min(jitterMs, gapMs));
}

/** Takes occurrences that come to light together: each runs, waits or is left out. */
class Taking {
  result: CronContext;
  /** One of them runs or waits. */
  #took = false;

  constructor(context: CronContext) {
    this.result = context;
  }

  take(nominalAt: number, delayMs: number, isMissed: boolean): void {
    const { spec, running, queued, orders } = this.result;
    if (isExhausted(this.result)) return;
    if (spec.overlap === 'cancelOther') {
      const cancels = running.map((other) => ({ type: 'run.cancel', nominalAt: other }) as const);
      this.result = { ...this.result, orders: [...orders, ...cancels] };
    }
    const alone = running.length === 0 && queued.length === 0;
    const beside = (spec.overlap === 'allow' || spec.overlap === 'cancelOther') && running.length < MAX_AT_ONCE;
    if (alone || beside) this.result = started(this.result, nominalAt, delayMs);
    else if (this.#mayWait(isMissed)) this.result = { ...this.result, queued: [...queued, nominalAt] };
    else {
      this.result = { ...this.result, skipped: this.result.skipped + 1 };
      return;
    }
    this.#took = true;
  }

  /** Also under `skip`: those that come to light together do not shut each other out, nor does what runs shut out all that was missed. */
  #mayWait(isMissed: boolean): boolean {
    const { spec, queued } = this.result;
    if (queued.length >= MAX_AT_ONCE) return false;
    if (spec.overlap === 'queue') return true;
    if (spec.overlap !== 'skip') return false;
    return this.#took || (isMissed && spec.missed === 'all');
  }
}
