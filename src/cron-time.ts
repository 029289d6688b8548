/**
 * When a cron fires: pure arithmetic over expressions, intervals and time zones. Instants are milliseconds since 1970.
 *
 * An expression names wall-clock times, and each of them fires once: at the first instant at which the clocks of the zone show
 * it or have passed it. So a time that comes twice in autumn fires the first time only, and a time that a clock change skips
 * fires when the skipped stretch ends, together with all others in it. `every` counts real time and knows no clock changes.
 */
import { CronTimeError } from './cron-time/error.ts';
import { expressionOf } from './cron-time/expression.ts';
import { zoneOf } from './cron-time/zone.ts';

/** The times at which a cron fires. Exactly one of `cron` and `everyMs` is given. */
export interface CronTimes {
  /**
   * Five fields (minute, hour, day of month, month, day of week), six with seconds first, or '@hourly', '@daily', '@weekly',
   * '@monthly', '@yearly'. Either day field suffices when both are given, that is, when neither is just '*'.
   */
  readonly cron: string | null;
  /** Fires at every multiple of this after `startAt`, or after 1970 without one: '1h' is then on the hour. From 1 s to 366 d. */
  readonly everyMs: number | null;
  /** IANA name. Decides what `cron` means, and nothing about `everyMs`. */
  readonly timezone: string;
  /** No fire before this one; a fire at this very instant counts. Null: no bound. */
  readonly startAt: number | null;
  /** No fire after this one; a fire at this very instant counts. Null: no bound. */
  readonly endAt: number | null;
}

const MIN_EVERY_MS = 1000;
const MAX_EVERY_MS = 366 * 86_400_000;
/** As far as croner looks ahead. */
const LAST_INSTANT = Date.UTC(3000, 0, 1) - 1;
const MAX_INSTANT = Date.UTC(10_000, 0, 1) - 1;
/** How many of the coming fires are looked at for the shortest distance. */
const GAPS_SEEN = 200;

/** First fire strictly after `after`, from `startAt` to `endAt`. Null: never again, or not before the year 3000. */
export function nextFire(times: CronTimes, after: number): number | null {
  const { from, until } = bounds(times, after, LAST_INSTANT);
  if (from >= until) return null;
  const fire = rhythmOf(times).next(from);
  return fire !== null && fire <= until ? fire : null;
}

/** Fires after `after`, up to and with `upTo`: the oldest `limit` of them, oldest first. */
export function firesBetween(times: CronTimes, after: number, upTo: number, limit: number): number[] {
  const fires: number[] = [];
  let fire = nextFire(times, after);
  while (fire !== null && fire <= upTo && fires.length < limit) {
    fires.push(fire);
    fire = nextFire(times, fire);
  }
  return fires;
}

/** Fires after `after`, up to and with `upTo`: the newest `limit` of them, oldest first. Costs as much as what it returns. */
export function latestFires(times: CronTimes, after: number, upTo: number, limit: number): number[] {
  const { from, until } = bounds(times, after, upTo);
  const fires: number[] = [];
  if (from >= until) return fires;
  const rhythm = rhythmOf(times);
  for (let back = until; fires.length < limit; ) {
    const fire = rhythm.last(back);
    if (fire === null || fire <= from) break;
    fires.push(fire);
    back = fire - 1;
  }
  return fires.reverse();
}

/**
 * Shortest distance between two of the next 200 fires: jitter below it keeps their order. Clock changes that come later than
 * those may bring two fires closer. Infinity: fewer than two fires are to come.
 */
export function shortestGapMs(times: CronTimes, from: number): number {
  const fires = firesBetween(times, from, LAST_INSTANT, GAPS_SEEN + 1);
  return fires.reduce((shortest, fire, index) => Math.min(shortest, fire - (fires[index - 1] ?? -Infinity)), Infinity);
}

/** Refuses times that cannot be read, and times that never fire after `now`. */
export function checkCronTimes(times: CronTimes, now: number): void {
  const { cron, everyMs, startAt, endAt } = times;
  if (cron === null && everyMs === null) throw new CronTimeError('cron', "is missing: give 'cron' or 'every'.");
  if (cron !== null && everyMs !== null) {
    throw new CronTimeError('every', "cannot be combined with 'cron': give one of them and leave out the other.");
  }
  if (everyMs !== null) checkEvery(everyMs);
  else expressionOf(cron);
  zoneOf(times.timezone);
  checkInstant('startAt', startAt);
  checkInstant('endAt', endAt);
  if (startAt !== null && endAt !== null && startAt > endAt) {
    throw new CronTimeError('startAt', `must not be after 'endAt' (${iso(endAt)}), got ${iso(startAt)}.`);
  }
  if (endAt !== null && endAt <= now) {
    throw new CronTimeError('endAt', `must be after now (${iso(now)}), got ${iso(endAt)}. Move it, or leave it out.`);
  }
  if (nextFire(times, now) === null) refuseNever(times, now);
}

function checkEvery(everyMs: number): void {
  if (Number.isInteger(everyMs) && everyMs >= MIN_EVERY_MS && everyMs <= MAX_EVERY_MS) return;
  throw new CronTimeError(
    'every',
    `must be whole milliseconds from 1000 (1s) to ${MAX_EVERY_MS} (366d), got ${everyMs}.`,
  );
}

function checkInstant(field: 'startAt' | 'endAt', at: number | null): void {
  if (at === null || (Number.isInteger(at) && at >= 0 && at <= MAX_INSTANT)) return;
  throw new CronTimeError(field, `must be a time from 1970 to 9999 in whole milliseconds since 1970, got ${at}.`);
}

function refuseNever(times: CronTimes, now: number): never {
  const unending = nextFire({ ...times, endAt: null }, now);
  if (unending !== null) {
    const first = `the first fire would be at ${iso(unending)}`;
    throw new CronTimeError('endAt', `leaves no fire: ${first}. Move it there or later, or leave it out.`);
  }
  if (nextFire({ ...times, startAt: null, endAt: null }, now) !== null) {
    throw new CronTimeError(
      'startAt',
      'leaves no fire before the year 3000. Move it to an earlier time, or leave it out.',
    );
  }
  throw new CronTimeError(
    'cron',
    `never fires: no date fits '${times.cron}'. Check day of month and month against each other.`,
  );
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function bounds({ startAt, endAt }: CronTimes, after: number, upTo: number): { from: number; until: number } {
  return {
    from: Math.max(Math.floor(after), (startAt ?? 0) - 1),
    until: Math.min(Math.floor(upTo), endAt ?? LAST_INSTANT, LAST_INSTANT),
  };
}

interface Rhythm {
  /** First fire strictly after. */
  next(after: number): number | null;
  /** Last fire at or before. */
  last(upTo: number): number | null;
}

function rhythmOf({ cron, everyMs, timezone, startAt }: CronTimes): Rhythm {
  if (everyMs !== null) {
    const anchor = startAt ?? 0;
    const last = (upTo: number) => anchor + Math.floor((upTo - anchor) / everyMs) * everyMs;
    return { last, next: (after) => last(after) + everyMs };
  }
  const expression = expressionOf(cron);
  const zone = zoneOf(timezone);
  return {
    next(after) {
      const wall = expression.nextRun(new Date(zone.furthestWall(after)));
      return wall && zone.firstInstant(wall.getTime());
    },
    last(upTo) {
      const [wall] = expression.previousRuns(1, new Date(zone.furthestWall(upTo) + 1));
      return wall === undefined ? null : zone.firstInstant(wall.getTime());
    },
  };
}
