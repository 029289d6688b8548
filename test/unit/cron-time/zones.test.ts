/**
 * Fire times around clock changes, held against the oracle. Here: the zones below. `CRON_ZONES=all` takes every zone there is and
 * 200 expressions, in some minutes: CRON_ZONES=all npx vitest run --project unit test/unit/cron-time
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { firesBetween, latestFires, nextFire } from '../../../src/cron-time.ts';
import { changesOf, firesIn, matcherOf, readStretch } from './oracle.ts';
import { HOUR_MS, times } from './times.ts';

const ALL = process.env.CRON_ZONES === 'all';
const SINCE = Date.UTC(ALL ? 1970 : 2000, 0, 1);
const UNTIL = Date.UTC(2051, 0, 1);

const CHARACTERISTIC = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe', // half an hour
  'Antarctica/Troll', // two hours
  'Pacific/Apia', // 30 December 2011 never was
  'America/Sao_Paulo', // no midnight
  'Asia/Beirut', // 23:00 to midnight twice
  'America/Havana', // midnight twice
  'Africa/Casablanca', // four changes a year
  'Africa/Cairo',
  'Asia/Gaza',
  'Antarctica/Casey', // three hours
  'Asia/Pyongyang',
];

const BY_MINUTE = [
  '0 * * * *',
  '30 * * * *',
  '*/15 1-3 * * *',
  '30 2 * * *',
  '15 1,2,3 * * *',
  '59 23 * * *',
  '0 0 * * *',
  '5,35 0,23 * * *',
  '30 1 * * SUN',
  '0 30 0 * * *',
  '0 0 2-23/3 * * MON-FRI',
  '45 1 L * *',
  '30 2 1-14 * SUN#L',
  '0 3 * MAR,OCT SUN#L',
  '30 23 8-14 MAR SAT,SUN',
  '15 0 30 12 *',
];
const BY_SECOND = [
  '* * * * *',
  '* * * * * *',
  '*/20 59 * * * *',
  '30 30 2 * * *',
  '1-59/29 0,30 0-3 * * *',
  '59 59 23 * * *',
];

const partOf = (...parts: string[]) => fc.constantFrom(...parts);
const anyByMinute = fc
  .tuple(
    partOf('*/7', '0', '1', '29', '30', '59', '0,30', '10-20', '5-59/10', '58,59,0'),
    partOf('*', '0', '1', '2', '3', '23', '0-3', '*/2', '1-23/2', '22,23,0', '1,2', '2,14'),
    partOf('*', '*', '*', 'L', '1-15', '*/2', '25-31', '1,8,15,22,29'),
    partOf('*', '*', '1-6', 'MAR,APR', 'SEP-NOV', '*/3'),
    partOf('*', '*', '*', 'SUN', 'SAT,SUN', '1-5', 'SUN#L', 'SUN#2', '0#1,6#L', '7'),
  )
  .map((fields) => fields.join(' '));
const drawn = ALL ? fc.sample(anyByMinute, { seed: 1, numRuns: 200 - BY_MINUTE.length - BY_SECOND.length }) : [];

let checked = 0;
const differences: string[] = [];

function compare(
  zone: string,
  expression: string,
  from: number,
  to: number,
  expected: readonly number[],
  points: readonly number[],
) {
  const given = times(expression, { timezone: zone });
  const differ = (what: string, at: number) =>
    differences.push(`${zone} '${expression}' ${what} ${new Date(at).toISOString()}`);
  checked += expected.length + 1;
  if (firesBetween(given, from - 1, to, 1_000_000).join() !== expected.join()) differ('from', from);
  if (latestFires(given, from - 1, to, 9).join() !== expected.slice(-9).join()) differ('up to', to);
  for (const point of points) {
    const next = expected.find((fire) => fire > point);
    if (next === undefined) continue;
    checked++;
    if (nextFire(given, point) !== next) differ('after', point);
  }
}

function compareAt(zone: string, at: number, jumpMs: number, bySecond: boolean): void {
  const size = Math.abs(jumpMs);
  const points = [at - 1, at, at + 1, at + size / 2, at + size - 1, at + size, at + size + 1];
  const look = (expressions: readonly string[], spanMs: number, stepMs: number) => {
    const [from, to] = [Math.floor((at - spanMs) / 60_000) * 60_000, at + spanMs];
    const stretch = readStretch(zone, from, to, stepMs);
    for (const expression of expressions) {
      compare(zone, expression, from, to, firesIn(stretch, matcherOf(expression)), points);
    }
  };
  // Until 1972 some clocks changed between minutes, and showed seconds of their own.
  const uneven = at % 60_000 !== 0 || jumpMs % 60_000 !== 0;
  look([...BY_MINUTE, ...drawn], size + (ALL ? 13 : 4) * HOUR_MS, uneven ? 1000 : 60_000);
  if (bySecond) look(BY_SECOND, size + HOUR_MS / 6, 1000);
}

test('around every clock change crons fire as the rule says', { timeout: ALL ? 3 * HOUR_MS : 60_000 }, () => {
  const seen = new Set<string>();
  for (const zone of ALL ? Intl.supportedValuesOf('timeZone') : CHARACTERISTIC) {
    const changes = changesOf(zone, SINCE, UNTIL);
    const key = JSON.stringify([new Date(SINCE).toLocaleString('en', { timeZone: zone }), changes]);
    if (seen.has(key)) continue;
    seen.add(key);
    compareAt(zone, Date.UTC(2026, 1, 28), 0, true);
    for (const [index, { at, jumpMs }] of changes.entries()) compareAt(zone, at, jumpMs, index % 20 < 2);
  }
  expect(differences).toEqual([]);
  expect(checked).toBeGreaterThan(ALL ? 10_000_000 : 100_000);
});
