import { expect, test } from 'vitest';
import { CronTimeError } from '../../../src/cron-time/error.ts';
import { type CronTimes, checkCronTimes, latestFires, nextFire } from '../../../src/cron-time.ts';
import { at, DAY_MS, HOUR_MS, NOW, times } from './times.ts';

function refusal(refused: CronTimes): string {
  try {
    checkCronTimes(refused, NOW);
  } catch (error) {
    if (!(error instanceof CronTimeError)) throw error;
    expect(error.message).toBe(`'${error.field}' ${error.problem}`);
    return error.message;
  }
  throw new Error('they were accepted');
}

test.each<[string, CronTimes, RegExp]>([
  ['neither', times('x', { cron: null }), /^'cron' is missing: give 'cron' or 'every'/],
  ['both', times('* * * * *', { everyMs: 60_000 }), /^'every' cannot be combined with 'cron'/],
  ['an interval under a second', times(999), /^'every' must be .* from 1000 \(1s\) .* got 999/],
  ['an interval over 366 days', times(366 * DAY_MS + 1), /^'every' must be .* \(366d\)/],
  ['an interval of half milliseconds', times(1000.5), /^'every' must be whole milliseconds/],
  ['an interval that is no number', times(Number.NaN), /^'every' must be/],
  ['four fields', times('* * * *'), /^'cron' must have 5 or 6 fields, or be one of @hourly/],
  ['seven fields', times('0 0 0 1 1 * 2030'), /^'cron' must have 5 or 6 fields/],
  ['a date', times('2030-01-23T00:00:00'), /^'cron' must have 5 or 6 fields/],
  ['nothing', times(''), /^'cron' must have 5 or 6 fields/],
  ['an unknown macro', times('@reboot'), /^'cron' must have 5 or 6 fields, or be one of/],
  ['a long text', times('* '.repeat(600)), /^'cron' must be text of at most 1000 characters/],
  ['a wrong second', times('60 * * * * *'), /field 1 is '60', but seconds take 0 to 59/],
  ['a wrong minute', times('61 * * * *'), /field 1 is '61', but minutes take 0 to 59/],
  ['a wrong hour', times('0 9,24 * * *'), /field 2 is '9,24', but hours take 0 to 23/],
  ['a clock time', times('0 12:00 * * *'), /field 2 is '12:00', but hours/],
  ['a wrong day of month', times('0 0 32 * *'), /field 3 is '32', but days of month take 1 to 31/],
  ['a wrong month', times('0 0 0 1 13 *'), /field 5 is '13', but months take 1 to 12/],
  ['a wrong weekday', times('0 0 * * 8'), /field 5 is '8', but days of week take 0 to 7/],
  ['a sixth Friday', times('0 0 * * FRI#6'), /field 5 is 'FRI#6'/],
  ['a falling range', times('0 22-4 * * *'), /field 2 is '22-4'.*rising ranges/],
  ['a step without range', times('5/5 * * * *'), /field 1 is '5\/5'.*steps \('\*\/5'/],
  ['31 February', times('0 0 31 2 *'), /^'cron' never fires: no date fits '0 0 31 2 \*'/],
  ['an unknown zone', times('@daily', { timezone: 'Mars/Phobos' }), /^'timezone' must be an IANA name .* no such zone/],
  ['an unknown zone of an interval', times(1000, { timezone: 'Mars/Phobos' }), /^'timezone' must be an IANA name/],
  ['an offset', times('@daily', { timezone: '+02:00' }), /^'timezone' must be an IANA name .* 'Etc\/GMT-2'/],
  ['an empty zone', times('@daily', { timezone: '' }), /^'timezone' must be an IANA name/],
  ['no zone', times('@daily', { timezone: undefined as unknown as string }), /^'timezone' must be an IANA name/],
  ['British time, which ICU takes for Dhaka', times('@daily', { timezone: 'BST' }), /^'timezone' .* an abbreviation/],
  [
    'startAt after endAt',
    times(1000, { startAt: NOW + 2, endAt: NOW + 1 }),
    /^'startAt' must not be after 'endAt' \(2026/,
  ],
  ['an endAt that has come', times(1000, { endAt: NOW }), /^'endAt' must be after now \(2026-11-24T12:00:00.000Z\)/],
  ['an invalid startAt', times(1000, { startAt: Number.NaN }), /^'startAt' must be a time from 1970 to 9999/],
  ['an endAt in seconds with fractions', times(1000, { endAt: 1.5 }), /^'endAt' must be a time/],
  [
    'an endAt before the first fire',
    times('0 0 1 1 *', { endAt: NOW + 1 }),
    /^'endAt' leaves no fire: .* 2027-01-01T00:00/,
  ],
  [
    'an endAt before the first interval',
    times(HOUR_MS, { endAt: NOW + 1 }),
    /^'endAt' leaves no fire: .* 13:00|T13:00/,
  ],
  ['a startAt too far', times('@daily', { startAt: at('3500-01-01T00:00:00Z') }), /^'startAt' leaves no fire before/],
])('%s is refused', (_, refused, message) => {
  expect(refusal(refused)).toMatch(message);
});

test.each<[string, CronTimes]>([
  ['a second', times(1000)],
  ['366 days', times(366 * DAY_MS, { startAt: NOW })],
  ['a single fire', times('0 13 * * *', { startAt: NOW + HOUR_MS, endAt: NOW + HOUR_MS })],
  ['an endAt far away', times('@yearly', { endAt: at('9999-12-31T23:59:59.999Z') })],
  ['a zone in lower case', times('@daily', { timezone: 'europe/berlin' })],
  ['a fixed zone', times('@daily', { timezone: 'Etc/GMT-2' })],
  ['a zone of three letters', times('@daily', { timezone: 'CET' })],
])('%s is accepted', (_, accepted) => {
  expect(() => checkCronTimes(accepted, NOW)).not.toThrow();
});

test('unchecked times are refused as well', () => {
  expect(() => nextFire(times('61 * * * *'), NOW)).toThrow(CronTimeError);
  expect(() => latestFires(times('@daily', { timezone: 'BST' }), 0, NOW, 1)).toThrow(CronTimeError);
});
