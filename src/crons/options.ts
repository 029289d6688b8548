/** The options of a cron: each with its default, its unit and its check. Inside, instants and durations are milliseconds. */

import { CronTimeError } from '../cron-time/error.ts';
import { checkCronTimes, type CronTimes as StoredTimes, shortestGapMs } from '../cron-time.ts';
import type { AnyDefinition, InputOf } from '../definitions/typed-name.ts';
import type { Duration } from '../duration.ts';
import { InvalidOptionError } from '../errors.ts';
import { type Check, date, duration, integer, kind, object, oneOf, optional, refuse, text } from '../option-checks.ts';
import type { Instant } from '../store/contract.ts';
import type { StoredCron } from './definition.ts';

/**
 * When a cron fires. `cron`: five fields (minute, hour, day of month, month, day of week), six with seconds in front, or a name
 * such as '@daily'. `every`: at its multiples, counted from `startAt`, or from 1970 without one, so that '1h' is on the hour;
 * '1s' to '366d'.
 */
export type CronTimes = (
  | { readonly cron: string; readonly every?: never }
  | { readonly every: Duration; readonly cron?: never }
) & {
  /**
   * IANA name, such as 'Europe/Berlin': which clock `cron` means. A time that a clock change skips fires when the skipped stretch
   * ends, one that comes twice fires the first time. @defaultValue 'UTC'
   */
  readonly timezone?: string;
  /** No fire before it. */
  readonly startAt?: Date;
  /** No fire after it. */
  readonly endAt?: Date;
};

/** What `scheduleCron` takes. */
export type CronOptions<D = AnyDefinition> = CronTimes & {
  /** At most 200 bytes. There is one cron of that id in a namespace; scheduling it again changes it. */
  readonly id: string;
  /** What each fire runs. */
  readonly job: D | string;
  /** What each run gets; validated once, here. */
  readonly input?: InputOf<D>;
  /** So many fires, and then no more; 1 to a billion. Runs that were asked for by hand do not count. None unless given. */
  readonly limit?: number;
  /** Each fire is late by up to this, the same for every process; less than the time between two fires. @defaultValue 0 */
  readonly jitter?: Duration;
  /**
   * What becomes of fires that nobody was there for, once somebody is: none of them runs, the last, the first, or all of them,
   * the newest 1,000. A fire that is taken up at most a minute late is not missed. @defaultValue 'last'
   */
  readonly missed?: 'skip' | 'last' | 'first' | 'all';
  /** What was missed longer ago is left out. @defaultValue '24h' for 'first' and 'all', and none for 'last' */
  readonly missedWindow?: Duration;
  /**
   * What happens to a fire while a run of this cron still goes on: it is left out, it waits for the end of that run (at most
   * 1,000 do), it runs as well (at most 1,000 do), or that run is cancelled. @defaultValue 'skip'
   */
  readonly overlap?: 'skip' | 'queue' | 'allow' | 'cancelOther';
  /** After so many dropped or expired runs in a row the cron is paused; 1 to 1000. Never unless given. */
  readonly pauseAfterFailures?: number;
  /** Remove the cron once its run has ended, however; with `limit: 1` only. The run and its record stay. @defaultValue false */
  readonly deleteAfterRun?: boolean;
  /** `false`: it is there, and paused. @defaultValue true */
  readonly enabled?: boolean;
};

const DAY_MS = 86_400_000;
const YEAR_MS = 366 * DAY_MS;

export const cronId: Check<string> = text(200);

const anything: Check<unknown> = (value) => value;
const anyText = kind<string>('text', (value) => typeof value === 'string');

const timeChecks = {
  cron: optional(anyText, null),
  every: optional(duration(1000, YEAR_MS), null),
  timezone: optional(anyText, 'UTC'),
  startAt: optional(date, null),
  endAt: optional(date, null),
};

const otherChecks = {
  id: cronId,
  job: kind<AnyDefinition | string>('a definition or the name of one', isNamed),
  input: anything,
  limit: optional(integer(1, 1_000_000_000), null),
  jitter: optional(duration(0, YEAR_MS), 0),
  missed: optional(oneOf('skip', 'last', 'first', 'all'), 'last' as const),
  missedWindow: optional(duration(1, YEAR_MS), null),
  overlap: optional(oneOf('skip', 'queue', 'allow', 'cancelOther'), 'skip' as const),
  pauseAfterFailures: optional(integer(1, 1000), null),
  deleteAfterRun: optional(oneOf(true, false), false),
  enabled: optional(oneOf(true, false), true),
};

const cronChecks = object({ ...timeChecks, ...otherChecks });

/** The times alone: what else a cron has may be there, and is not looked at. */
const previewChecks = object({
  ...timeChecks,
  ...Object.fromEntries(Object.keys(otherChecks).map((name) => [name, anything])),
});

export interface ResolvedCron {
  readonly job: AnyDefinition | string;
  readonly input: unknown;
  /** All but what its runs are made of. */
  readonly spec: Omit<StoredCron, 'target' | 'declared'>;
}

/** What is wrong whenever it is looked at; whether it ever fires from now on is for {@link checkAhead}. */
export function resolveCronOptions(options: unknown): ResolvedCron {
  const { job, input, cron, every, timezone, startAt, endAt, jitter, missedWindow, ...rest } = cronChecks(options, '');
  const { missed, overlap, limit, deleteAfterRun } = rest;
  if (missed === 'all' && overlap === 'cancelOther')
    throw new InvalidOptionError(
      'missed',
      "cannot be 'all' with overlap 'cancelOther': each run would end the one before.",
    );
  if (deleteAfterRun && limit !== 1)
    throw new InvalidOptionError(
      'deleteAfterRun',
      "needs 'limit: 1': after more than one run there is no telling which.",
    );
  const times = timesOf({ cron, every, timezone, startAt, endAt });
  const windowMs = missedWindow ?? (missed === 'last' ? null : DAY_MS);
  return {
    job,
    input,
    spec: {
      id: rest.id,
      times,
      enabled: rest.enabled,
      limit,
      jitterMs: jitter,
      missed,
      missedWindowMs: windowMs,
      overlap,
      pauseAfterFailures: rest.pauseAfterFailures,
      deleteAfterRun,
    },
  };
}

export function resolveCronTimes(options: unknown): StoredTimes {
  return timesOf(previewChecks(options, ''));
}

function timesOf({
  cron,
  every,
  timezone,
  startAt,
  endAt,
}: Pick<ReturnType<typeof cronChecks>, keyof typeof timeChecks>): StoredTimes {
  const times = {
    cron,
    everyMs: every,
    timezone,
    startAt: startAt?.getTime() ?? null,
    endAt: endAt?.getTime() ?? null,
  };
  checkTimes(times, 0);
  return times;
}

/**
 * Whether a cron that begins now can do what it says. One that is there already is not asked: it may have come to its end, and
 * declaring it again must not fail for that.
 */
export function checkAhead({ times, jitterMs }: StoredCron, now: Instant): void {
  checkTimes(times, now);
  const gapMs = jitterMs === 0 ? Number.POSITIVE_INFINITY : shortestGapMs(times, now);
  if (jitterMs > gapMs) {
    refuse('jitter', `must be at most the shortest time between two fires, ${gapMs} ms`, jitterMs);
  }
}

function checkTimes(times: StoredTimes, now: Instant): void {
  try {
    checkCronTimes(times, now);
  } catch (error) {
    throw error instanceof CronTimeError ? new InvalidOptionError(error.field, error.problem) : error;
  }
}

function isNamed(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null);
}
