/**
 * When crons fire, found without any of the code under test and without any cron library: it reads what the clocks of a zone show
 * minute by minute (or second by second) from Intl, and takes the rule word for word.
 */

const DAY_MS = 86_400_000;

/** What the clocks show, as if that were UTC. */
type Wall = number;

interface Change {
  readonly at: number;
  /** By how much the clocks are set forward; negative: back. */
  readonly jumpMs: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

export function wallAt(zone: string, at: number): Wall {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  const shown = format.format(at); // 01/31/2026, 23:59:59
  const number = (from: number, to: number) => Number(shown.slice(from, to));
  return Date.UTC(number(6, 10), number(0, 2) - 1, number(3, 5), number(12, 14), number(15, 17), number(18, 20));
}

/** All clock changes of a zone, by looking twice a day and halving. */
export function changesOf(zone: string, from: number, to: number): Change[] {
  const offset = (at: number) => wallAt(zone, at) - at;
  const changes: Change[] = [];
  let before = offset(from);
  for (let look = from; look < to; look += DAY_MS / 2) {
    let [low, high] = [look, look + DAY_MS / 2];
    const after = offset(high);
    if (after === before) continue;
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    changes.push({ at: high, jumpMs: after - before });
    before = after;
  }
  return changes;
}

const NAMES = {
  month: ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
  weekday: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
};

type Matcher = (wall: Date) => boolean;

/** Reads an expression of numbers, names, lists, ranges, steps, 'L' as day of month, 'FRI#2' and 'FRI#L'. */
export function matcherOf(expression: string): Matcher {
  const fields = expression.split(' ');
  if (fields.length === 5) fields.unshift('0');
  const [second = '', minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const seconds = valuesOf(second, 0, 59);
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const months = valuesOf(month, 1, 12, NAMES.month);
  const dayParts = day.split(',').map(dayMatcher);
  const weekdayParts = weekday.split(',').map(weekdayMatcher);
  const onDay: Matcher = (wall) => dayParts.some((matches) => matches(wall));
  const onWeekday: Matcher = (wall) => weekdayParts.some((matches) => matches(wall));
  const onDate: Matcher = day === '*' ? onWeekday : weekday === '*' ? onDay : (wall) => onDay(wall) || onWeekday(wall);
  return (wall) =>
    minutes.has(wall.getUTCMinutes()) &&
    hours.has(wall.getUTCHours()) &&
    seconds.has(wall.getUTCSeconds()) &&
    months.has(wall.getUTCMonth() + 1) &&
    onDate(wall);
}

function dayMatcher(part: string): Matcher {
  if (part === 'L') return (wall) => new Date(wall.getTime() + DAY_MS).getUTCDate() === 1;
  const days = valuesOf(part, 1, 31);
  return (wall) => days.has(wall.getUTCDate());
}

function weekdayMatcher(part: string): Matcher {
  const [name = '', nth] = part.split('#');
  const weekdays = valuesOf(name, 0, 7, NAMES.weekday);
  if (weekdays.has(7)) weekdays.add(0);
  return (wall) => {
    if (!weekdays.has(wall.getUTCDay())) return false;
    if (nth === undefined) return true;
    if (nth === 'L') return new Date(wall.getTime() + 7 * DAY_MS).getUTCDate() <= 7;
    return Math.ceil(wall.getUTCDate() / 7) === Number(nth);
  };
}

function valuesOf(field: string, min: number, max: number, names: readonly string[] = []): Set<number> {
  const values = new Set<number>();
  const read = (text: string) => (names.includes(text) ? names.indexOf(text) : Number(text));
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/');
    const [low = '', high = low] = range === '*' ? [String(min), String(max)] : range.split('-');
    for (let value = read(low); value <= read(high); value += Number(step)) values.add(value);
  }
  return values;
}

/** A stretch of time, and what its clocks show at each step of it. */
export interface Stretch {
  /** Every wall time shown, with the first instant that shows it, oldest first. */
  readonly shown: readonly { readonly at: number; readonly wall: Date }[];
  /** Every wall time that is never shown, with the first instant after the gap it lies in. */
  readonly skipped: readonly { readonly at: number; readonly wall: Date }[];
}

export function readStretch(zone: string, from: number, to: number, stepMs: number): Stretch {
  const first = new Map<Wall, number>();
  const gaps: { after: Wall; before: Wall; at: number }[] = [];
  let previous = wallAt(zone, from) - stepMs;
  for (let at = from; at <= to; at += stepMs) {
    const wall = wallAt(zone, at);
    if (!first.has(wall)) first.set(wall, at);
    if (wall > previous + stepMs) gaps.push({ after: previous, before: wall, at });
    previous = wall;
  }
  const skipped: { at: number; wall: Date }[] = [];
  for (const { after, before, at } of gaps) {
    for (let wall = after + stepMs; wall < before; wall += stepMs) {
      if (!first.has(wall)) skipped.push({ at, wall: new Date(wall) });
    }
  }
  return { shown: [...first].map(([wall, at]) => ({ at, wall: new Date(wall) })), skipped };
}

/** The fires in a stretch: a wall time fires when it is first shown, or when the gap that skips it ends; no instant fires twice. */
export function firesIn({ shown, skipped }: Stretch, matches: Matcher): number[] {
  const fires = new Set<number>();
  for (const { at, wall } of shown) if (matches(wall)) fires.add(at);
  for (const { at, wall } of skipped) if (matches(wall)) fires.add(at);
  return [...fires].sort((a, b) => a - b);
}
