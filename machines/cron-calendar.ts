/**
 * When a cron fires: by its calendar, and a little later by its jitter. Spread comes from the cron's id and the occurrence, so that
 * whoever works it out again finds the same instant.
 */

import { type CronContext, type CronSpec, isExhausted } from './cron-context.ts';
import { fractionOf } from './jitter.ts';

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

export function nextOf(calendar: Calendar, context: CronContext, id: string): CronContext['next'] {
  const { spec, lastNominal } = context;
  const nominalAt = isExhausted(context) ? null : calendar.next(spec.times, lastNominal);
  return nominalAt === null ? null : { nominalAt, fireAt: fireAtOf(calendar, spec, nominalAt, id) };
}

export function newestDue(
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

/** Never as late as the fire after it, however near a change of clocks brings that one. */
export function fireAtOf(calendar: Calendar, { times, jitterMs }: CronSpec, nominalAt: number, id: string): number {
  if (jitterMs === 0) return nominalAt;
  const gapMs = (calendar.next(times, nominalAt) ?? Number.POSITIVE_INFINITY) - nominalAt;
  return nominalAt + Math.floor(fractionOf(id, nominalAt) * Math.min(jitterMs, gapMs));
}

/** All crons that missed something in one outage come back at the same moment, and must not all begin in it. */
export function spreadOf(calendar: Calendar, { times }: CronSpec, newest: number): number {
  const following = calendar.next(times, newest);
  return following === null ? MAX_SPREAD_MS : Math.min(MAX_SPREAD_MS, (following - newest) * SPREAD_OF_GAP);
}
