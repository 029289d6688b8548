/**
 * When a cron fires: pure arithmetic over expressions, intervals and time zones. Instants are milliseconds since 1970.
 *
 * An expression names wall-clock times, and each of them fires once: at the first instant at which the clocks of the zone show
 * it or have passed it. So a time that comes twice in autumn fires the first time only, and a time that a clock change skips
 * fires when the skipped stretch ends, together with all others in it. `every` counts real time and knows no clock changes.
 */
import { Cron } from 'croner';

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

type CronTimeField = 'cron' | 'every' | 'timezone' | 'startAt' | 'endAt';

/** These times cannot be kept. `field` names the option, `problem` what is wrong with it, what is allowed and what to do. */
export class CronTimeError extends Error {
  override readonly name = 'CronTimeError';
  readonly field: CronTimeField;
  readonly problem: string;
  constructor(field: CronTimeField, problem: string) {
    super(`'${field}' ${problem}`);
    this.field = field;
    this.problem = problem;
  }
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIN_EVERY_MS = 1000;
const MAX_EVERY_MS = 366 * DAY_MS;
const MAX_EXPRESSION_LENGTH = 1000;
/** As far as croner looks ahead. */
const LAST_INSTANT = Date.UTC(3000, 0, 1) - 1;
const MAX_INSTANT = Date.UTC(10_000, 0, 1) - 1;
/** How many of the coming fires are looked at for the shortest distance. */
const GAPS_SEEN = 200;
/** Expressions, and zones, that are kept ready. */
const MAX_READY = 500;

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

const expressions = new Map<string, Cron>();
const zones = new Map<string, Zone>();

function ready<K, V>(known: Map<K, V>, key: K, limit: number, make: (key: K) => V): V {
  const old = known.get(key);
  if (old !== undefined) return old;
  const value = make(key);
  const [oldest] = known.keys();
  if (known.size >= limit && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
  return value;
}

function expressionOf(text: unknown): Cron {
  if (typeof text !== 'string' || text.length > MAX_EXPRESSION_LENGTH) {
    throw new CronTimeError('cron', `must be text of at most ${MAX_EXPRESSION_LENGTH} characters.`);
  }
  return ready(expressions, text, MAX_READY, readExpression);
}

const MACROS = '@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually';
const FIELDS = [
  'seconds take 0 to 59',
  'minutes take 0 to 59',
  'hours take 0 to 23',
  'days of month take 1 to 31, L (the last), LW (the last weekday) or 15W (the weekday nearest the 15th)',
  'months take 1 to 12 or JAN to DEC',
  'days of week take 0 to 7 or SUN to SAT, FRI#2 (the second Friday) or FRI#L (the last)',
];

function readExpression(text: string): Cron {
  const expression = onTheWallClock(text);
  if (expression !== null) return expression;
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6)
    throw new CronTimeError('cron', `must have 5 or 6 fields, or be one of ${MACROS}, got '${text}'.`);
  const sixth = 6 - fields.length;
  const bad = fields.findIndex(
    (field, place) => onTheWallClock(fields.map((_, at) => (at === place ? field : '*')).join(' ')) === null,
  );
  const problem = `cannot be read: field ${bad + 1} is '${fields[bad]}', but ${FIELDS[bad + sixth]}.`;
  throw new CronTimeError(
    'cron',
    `${problem} Lists ('1,5'), rising ranges ('1-5') and steps ('*/5', '0-30/5') fit too.`,
  );
}

/** croner on a clock without zone: wall time as if it were UTC. Left to zones itself, it lets times in a gap fall. Null: unreadable. */
function onTheWallClock(text: string): Cron | null {
  // Text with a colon would be read as a date.
  if (text.includes(':')) return null;
  try {
    return new Cron(text, { utcOffset: 0, mode: '5-or-6-parts' });
  } catch {
    return null;
  }
}

/** Names that ICU knows beside the IANA ones: 'BST' is Dhaka there, 'IST' Kolkata. */
const NOT_IANA = /^(SystemV\/.*|(?!CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)[A-Z]{3})$/i;

function zoneOf(name: unknown): Zone {
  // Intl takes undefined for the zone of this machine.
  if (typeof name !== 'string')
    throw new CronTimeError('timezone', "must be an IANA name such as 'Europe/Berlin' or 'UTC'.");
  return ready(zones, name, MAX_READY, readZone);
}

function readZone(name: string): Zone {
  const refuse = (why: string) =>
    new CronTimeError(
      'timezone',
      `must be an IANA name such as 'Europe/Berlin' or 'UTC', got '${name.slice(0, 60)}': ${why}.`,
    );
  if (/^[+-]/.test(name)) throw refuse("an offset knows no clock changes; a fixed one is 'Etc/GMT-2' for +02:00");
  if (NOT_IANA.test(name)) throw refuse('an abbreviation, and several zones share some');
  try {
    return new Zone(name);
  } catch {
    throw refuse('no such zone is known here');
  }
}

/** From this instant on the clocks of a zone are this far ahead of UTC. */
interface Stretch {
  readonly from: number;
  readonly offsetMs: number;
}

/** No zone ever was further from UTC. */
const MAX_OFFSET_MS = 16 * HOUR_MS;
/** Days that are kept ready for each zone. */
const MAX_DAYS = 200;

/**
 * What the clocks of a zone show. Only Intl knows, and it tells no more than the offset at one instant. So it is asked at both
 * ends of a day, and where they differ the change is found by halving: two changes of a zone were never closer than three days.
 */
class Zone {
  readonly #format: Intl.DateTimeFormat;
  readonly #days = new Map<number, readonly Stretch[]>();

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  }

  /** The furthest that the clocks have shown up to now. After they were set back that is more than what they show. */
  furthestWall(at: number): number {
    const stretches = this.#stretches(at - 2 * MAX_OFFSET_MS, at);
    const last = stretches.map(({ offsetMs }, index) => (stretches[index + 1]?.from ?? at + 1) - 1 + offsetMs);
    return Math.max(...last);
  }

  /** First instant at which the clocks show this time or a later one. */
  firstInstant(wall: number): number {
    const stretches = this.#stretches(wall - MAX_OFFSET_MS, wall + MAX_OFFSET_MS);
    const reached = stretches.map(({ from, offsetMs }) => Math.max(from, wall - offsetMs));
    return reached.find((at, index) => at < (stretches[index + 1]?.from ?? Infinity)) ?? wall;
  }

  #stretches(from: number, to: number): Stretch[] {
    const found: Stretch[] = [];
    for (let day = Math.floor(from / DAY_MS); day * DAY_MS <= to; day++) {
      for (const stretch of ready(this.#days, day, MAX_DAYS, (missing) => this.#readDay(missing))) {
        if (stretch.from <= to && stretch.offsetMs !== found.at(-1)?.offsetMs) found.push(stretch);
      }
    }
    return found;
  }

  #readDay(day: number): Stretch[] {
    const [start, end] = [day * DAY_MS, (day + 1) * DAY_MS];
    const [before, after] = [this.#offsetMs(start), this.#offsetMs(end)];
    const first = { from: start, offsetMs: before };
    if (before === after) return [first];
    let [low, high] = [start, end];
    // Clocks change on whole seconds.
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (this.#offsetMs(middle) === before) low = middle;
      else high = middle;
    }
    return [first, { from: high, offsetMs: after }];
  }

  #offsetMs(at: number): number {
    const [, sign, hours, minutes, seconds] = /GMT([+-])(\d+):(\d+)(?::(\d+))?$/.exec(this.#format.format(at)) ?? [];
    if (sign === undefined) return 0;
    return Number(`${sign}1`) * (Number(hours) * HOUR_MS + Number(minutes) * 60_000 + Number(seconds ?? 0) * 1000);
  }
}
