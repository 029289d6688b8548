import { describe, expect, test } from 'vitest';
import { checkCronTimes, firesBetween, latestFires, nextFire, shortestGapMs } from '../../src/cron-time.ts';
import { firesIn, matcherOf, readStretch } from './cron-time/oracle.ts';
import { at, DAY_MS, HOUR_MS, NOW, times } from './cron-time/times.ts';

const iso = (fires: readonly (number | null)[]) =>
  fires.map((fire) => (fire === null ? null : new Date(fire).toISOString()));

/** The fires of so many days from midnight UTC on. */
function firesOn(day: string, cron: string, timezone: string, days = 1): (string | null)[] {
  const from = at(`${day}T00:00:00Z`) - 1;
  return iso(firesBetween(times(cron, { timezone }), from, from + days * DAY_MS, 100));
}

describe('an expression', () => {
  test.each([
    ['five fields start with minutes', '30 9 * * *', '2026-11-25T09:30:00.000Z'],
    ['six fields start with seconds', '15 30 9 * * *', '2026-11-25T09:30:15.000Z'],
    ['months and weekdays have names, in any case', '0 0 * JAN mon', '2027-01-04T00:00:00.000Z'],
    ['0 and 7 are Sunday', '0 0 * * 7', '2026-11-29T00:00:00.000Z'],
    ['a range of weekdays may end on Sunday', '0 0 * * SAT-SUN', '2026-11-28T00:00:00.000Z'],
    ['a range takes steps', '0-30/20 8 * * *', '2026-11-25T08:00:00.000Z'],
    ['L is the last day of the month', '0 0 L 2 *', '2027-02-28T00:00:00.000Z'],
    ['LW is the last weekday of the month', '0 0 LW 1 *', '2027-01-29T00:00:00.000Z'],
    ['W is the nearest weekday', '0 0 28W * *', '2026-11-27T00:00:00.000Z'],
    ['# counts weekdays', '0 0 * * FRI#2', '2026-12-11T00:00:00.000Z'],
    ['#L is the last such weekday', '0 0 * * FRI#L', '2026-11-27T00:00:00.000Z'],
    ['+ asks for both days', '0 0 13 * +FRI', '2027-08-13T00:00:00.000Z'],
    ['@daily is midnight', '@daily', '2026-11-25T00:00:00.000Z'],
    ['@weekly is midnight on Sunday', '@weekly', '2026-11-29T00:00:00.000Z'],
    ['29 February waits for its year', '0 0 29 2 *', '2028-02-29T00:00:00.000Z'],
    ['a 29 February that is no leap day is passed over', '0 0 29 2 +SUN', '2032-02-29T00:00:00.000Z'],
  ])('%s', (_, cron, expected) => {
    checkCronTimes(times(cron), NOW);
    expect(iso([nextFire(times(cron), NOW)])).toEqual([expected]);
  });

  test('fires on either day when both days are given', () => {
    expect(firesOn('2026-12-01', '0 0 5 * MON', 'UTC', 14)).toEqual([
      '2026-12-05T00:00:00.000Z',
      '2026-12-07T00:00:00.000Z',
      '2026-12-14T00:00:00.000Z',
    ]);
  });

  test.each([
    '0 0 L * *',
    '0 0 29 2 *',
    '0 0 31 * *',
    '0 0 * * MON#1,WED#5',
    '0 0 * FEB SUN#5',
    '0 0 * * 1-5',
    '0 0 L,15 * FRI#L',
    '0 0 */5 */2 SAT',
    '0 0 1-7 JAN,JUL 2-4',
    '0 0 30 4-6 SUN#L',
  ])('%s fires on the same days as by a plain calendar, in both directions', (cron) => {
    const [from, to] = [Date.UTC(1999, 11, 31), Date.UTC(2030, 0, 1)];
    const expected = firesIn(readStretch('UTC', from, to, DAY_MS), matcherOf(cron));
    expect(expected).not.toEqual([]);
    expect(firesBetween(times(cron), from - 1, to, 100_000)).toEqual(expected);
    expect(latestFires(times(cron), from - 1, to, 100_000)).toEqual(expected);
  });
});

describe('when clocks are set forward', () => {
  test('a skipped time fires when the gap ends', () => {
    expect(firesOn('2026-03-28', '30 2 * * *', 'Europe/Berlin', 3)).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  test('all skipped times and the one at the end of the gap fire once together', () => {
    expect(firesOn('2026-03-29', '*/20 2,3 * * *', 'Europe/Berlin')).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T01:20:00.000Z',
      '2026-03-29T01:40:00.000Z',
    ]);
  });

  test('a gap of half an hour skips half an hour', () => {
    expect(firesOn('2026-10-03', '10,40 2 * * *', 'Australia/Lord_Howe')).toEqual([
      '2026-10-03T15:30:00.000Z',
      '2026-10-03T15:40:00.000Z',
    ]);
  });

  test('a midnight that does not exist fires at one', () => {
    expect(firesOn('2018-11-04', '0 0 * * *', 'America/Sao_Paulo')).toEqual(['2018-11-04T03:00:00.000Z']);
  });

  test('a day that does not exist fires when the next one begins, once', () => {
    expect(firesOn('2011-12-29', '0 12 30 12 *', 'Pacific/Apia', 30)).toEqual(['2011-12-30T10:00:00.000Z']);
    expect(firesOn('1993-08-20', '0 */3 21 8 *', 'Pacific/Kwajalein', 30)).toEqual(['1993-08-21T12:00:00.000Z']);
  });

  test('clocks that were set by odd seconds are known', () => {
    expect(firesOn('1972-01-07', '30 0 * * *', 'Africa/Monrovia')).toEqual(['1972-01-07T00:44:30.000Z']);
  });
});

describe('when clocks are set back', () => {
  test('a time that comes twice fires the first time only', () => {
    expect(firesOn('2026-10-24', '30 2 * * *', 'Europe/Berlin', 3)).toEqual([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  test('nothing fires while the clocks repeat themselves', () => {
    const everyMinute = times('* * * * *', { timezone: 'America/New_York' });
    expect(iso([nextFire(everyMinute, at('2026-11-01T05:59:00Z'))])).toEqual(['2026-11-01T07:00:00.000Z']);
    expect(iso([nextFire(everyMinute, at('2026-11-01T06:30:00Z'))])).toEqual(['2026-11-01T07:00:00.000Z']);
  });

  test('a midnight that comes twice fires once', () => {
    expect(firesOn('2026-11-01', '0 0 * * *', 'America/Havana', 2)).toEqual([
      '2026-11-01T04:00:00.000Z',
      '2026-11-02T05:00:00.000Z',
    ]);
  });

  test('a day that ends twice fires before its first end', () => {
    expect(firesOn('2018-02-17', '59 23 * * *', 'America/Sao_Paulo', 3)).toEqual([
      '2018-02-17T01:59:00.000Z',
      '2018-02-18T01:59:00.000Z',
      '2018-02-19T02:59:00.000Z',
    ]);
  });
});

describe('every', () => {
  test('fires on multiples of the interval since 1970, so that all processes agree', () => {
    expect(iso(firesBetween(times(HOUR_MS), NOW + 1, NOW + 3 * HOUR_MS, 9))).toEqual([
      '2026-11-24T13:00:00.000Z',
      '2026-11-24T14:00:00.000Z',
      '2026-11-24T15:00:00.000Z',
    ]);
  });

  test('counts from startAt, the first fire, when there is one', () => {
    const startAt = NOW + 90_000;
    const counted = times(DAY_MS, { startAt });
    expect(firesBetween(counted, 0, startAt + DAY_MS, 9)).toEqual([startAt, startAt + DAY_MS]);
    expect(latestFires(counted, 0, startAt + DAY_MS, 9)).toEqual([startAt, startAt + DAY_MS]);
  });

  test('counts real time across clock changes', () => {
    expect(shortestGapMs(times(DAY_MS, { timezone: 'Europe/Berlin' }), at('2026-03-20T00:00:00Z'))).toBe(DAY_MS);
  });
});

describe('the bounds', () => {
  const hourly = times('0 * * * *', { startAt: NOW, endAt: NOW + 2 * HOUR_MS });

  test('startAt and endAt themselves count, after and limit as said', () => {
    const all = [NOW, NOW + HOUR_MS, NOW + 2 * HOUR_MS];
    expect(firesBetween(hourly, 0, Infinity, 9)).toEqual(all);
    expect(latestFires(hourly, 0, Infinity, 9)).toEqual(all);
    expect(firesBetween(hourly, NOW, NOW + HOUR_MS, 9)).toEqual([NOW + HOUR_MS]);
    expect(latestFires(hourly, NOW, NOW + HOUR_MS, 9)).toEqual([NOW + HOUR_MS]);
    expect(firesBetween(hourly, 0, Infinity, 2)).toEqual(all.slice(0, 2));
    expect(latestFires(hourly, 0, Infinity, 2)).toEqual(all.slice(1));
    expect(firesBetween(hourly, 0, Infinity, 0)).toEqual([]);
    expect(latestFires(hourly, 0, Infinity, 0)).toEqual([]);
  });

  test('after the last fire there is none', () => {
    expect(nextFire(hourly, NOW + 2 * HOUR_MS)).toBeNull();
    expect(latestFires(hourly, NOW + 2 * HOUR_MS, Infinity, 9)).toEqual([]);
    expect(nextFire(times('0 0 29 2 *'), at('2996-03-01T00:00:00Z'))).toBeNull();
    expect(nextFire(times('* * * * *'), Infinity)).toBeNull();
  });

  test('the newest fires of a year of seconds are found from its end', () => {
    const secondly = times('* * * * * *', { timezone: 'Europe/Berlin' });
    const newest = latestFires(secondly, NOW - 366 * DAY_MS, NOW + 500, 1000);
    expect(newest).toHaveLength(1000);
    expect([newest[0], newest.at(-1)]).toEqual([NOW - 999_000, NOW]);
  });

  test('an expression without any date answers', () => {
    for (const cron of ['0 0 31 2 *', '* * * 1-28 * +MON#5']) {
      expect(nextFire(times(cron), NOW)).toBeNull();
      expect(latestFires(times(cron), 0, NOW, 5)).toEqual([]);
    }
  });

  test('more expressions and zones than are kept ready give the same fires', () => {
    const zones = Intl.supportedValuesOf('timeZone').flatMap((zone) => [zone, zone.toLowerCase()]);
    const fires = () =>
      zones.map((timezone, index) => nextFire(times(`${index % 60} ${index % 24} * * *`, { timezone }), NOW));
    const manyExpressions = Array.from({ length: 600 }, (_, index) => `${index % 60} ${Math.floor(index / 60)} * * *`);
    const first = fires();
    for (const cron of manyExpressions) expect(nextFire(times(cron), NOW)).toBeGreaterThan(NOW);
    expect(fires()).toEqual(first);
  });
});

describe('the shortest gap', () => {
  test.each([
    ['of an even rhythm is its step', '*/5 * * * *', 5 * 60_000],
    ['of an uneven one is its smallest step', '0,1,30 9 * * *', 60_000],
    ['of a daily time is shorter where clocks are set forward', '0 12 * * *', 23 * HOUR_MS],
  ])('%s', (_, cron, expected) => {
    expect(shortestGapMs(times(cron, { timezone: 'Europe/Berlin' }), NOW)).toBe(expected);
  });

  test('of a single fire is endless', () => {
    expect(shortestGapMs(times(DAY_MS, { startAt: NOW, endAt: NOW + 1 }), 0)).toBe(Infinity);
    expect(shortestGapMs(times('0 0 31 2 *'), 0)).toBe(Infinity);
  });
});
