/**
 * What a cron makes of the time that has passed: which occurrences run, wait or are left out, and what comes next. Pure: the
 * arithmetic of times comes from a calendar, instants from the `at` of the event, spread from the actor's id.
 */

import { type Calendar, fireAtOf, newestDue, nextOf, spreadOf } from './cron-calendar.ts';
import { type CronContext, type EndedRun, isExhausted } from './cron-context.ts';
import { MAX_AT_ONCE, Taking } from './cron-overlap.ts';
import { fractionOf } from './jitter.ts';

/** An occurrence that is taken up at most this late is on time. */
export const ON_TIME_MS = 60_000;

/** Begins to count time here: what was due before is nobody's any more. */
export function planAnew(calendar: Calendar, context: CronContext, at: number, id: string): CronContext {
  const from = { ...context, lastNominal: Math.max(context.lastNominal, at) };
  return { ...from, next: nextOf(calendar, from, id) };
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
