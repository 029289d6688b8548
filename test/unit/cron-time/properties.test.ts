import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { firesBetween, latestFires, nextFire } from '../../../src/cron-time.ts';
import { DAY_MS } from './times.ts';

const field = (min: number, max: number, ...more: string[]) => {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map((pair) => pair.sort((a, b) => a - b).join('-'));
  const step = fc
    .tuple(fc.oneof(range, fc.constant('*')), fc.integer({ min: 1, max: max - min }))
    .map((parts) => parts.join('/'));
  const part = fc.oneof(value.map(String), range, step, fc.constantFrom('*', ...more));
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: part },
    fc.tuple(part, part).map(String),
  );
};
const cron = fc
  .tuple(
    field(0, 59),
    field(0, 59),
    field(0, 23),
    field(1, 31),
    field(1, 12, 'MAR', 'OCT'),
    field(0, 7, 'SUN', 'SUN#L', '6#2'),
  )
  .map((fields) => fields.join(' '));
const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
const instant = fc.integer({ min: 0, max: Date.UTC(2090, 0, 1) });
const anyTimes = fc.oneof(
  fc.record({
    cron,
    everyMs: fc.constant(null),
    timezone: zone,
    startAt: fc.option(instant),
    endAt: fc.option(instant),
  }),
  fc.record({
    cron: fc.constant(null),
    everyMs: fc.integer({ min: 1000, max: 366 * DAY_MS }),
    timezone: zone,
    startAt: fc.option(instant),
    endAt: fc.option(instant),
  }),
);

test('crons fire at rising instants within their bounds, and at nothing in between', () => {
  fc.assert(
    fc.property(anyTimes, instant, fc.double({ min: 0, max: 1, noNaN: true }), (given, start, share) => {
      let previous = start;
      for (let count = 0; count < 20; count++) {
        const fire = nextFire(given, previous);
        if (fire === null) return;
        expect(fire).toBeGreaterThan(previous);
        expect(fire).toBeGreaterThanOrEqual(given.startAt ?? 0);
        expect(fire).toBeLessThanOrEqual(given.endAt ?? Infinity);
        expect(nextFire(given, previous + Math.floor((fire - 1 - previous) * share))).toBe(fire);
        expect(latestFires(given, previous, fire, 2)).toEqual([fire]);
        previous = fire;
      }
    }),
    { numRuns: 500 },
  );
});

test('the fires between two instants are the next ones in a row, and the latest are their tail', () => {
  const spanMs = fc.oneof(fc.integer({ min: 0, max: 10 * 60_000 }), fc.integer({ min: 0, max: 1000 * DAY_MS }));
  fc.assert(
    fc.property(anyTimes, instant, spanMs, fc.integer({ min: 0, max: 50 }), (given, after, span, limit) => {
      const one: number[] = [];
      for (let fire = nextFire(given, after); fire !== null && fire <= after + span; fire = nextFire(given, fire)) {
        if (one.push(fire) === 1000) return;
      }
      expect(firesBetween(given, after, after + span, 1000)).toEqual(one);
      expect(firesBetween(given, after, after + span, limit)).toEqual(one.slice(0, limit));
      expect(latestFires(given, after, after + span, 1000)).toEqual(one);
      expect(latestFires(given, after, after + span, limit)).toEqual(limit === 0 ? [] : one.slice(-limit));
    }),
    { numRuns: 500 },
  );
});
