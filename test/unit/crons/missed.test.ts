/** Occurrences that nobody was there for, and those that are on time. */
import { describe, expect, test } from 'vitest';
import { MAX_AT_ONCE } from '../../../machines/cron-overlap.ts';
import type { StoredCron } from '../../../src/crons/definition.ts';
import { childId } from '../../../src/turn/birth.ts';
import { ACTOR, at, CronLife, cron, HOUR, hours, MINUTE, specOf, started, T0 } from './cron-life.ts';

describe('a fire', () => {
  test('is a run born in the turn that moves the cron on, under an id that follows from its instant', () => {
    const life = cron();
    expect(life).toMatchObject({ state: 'waiting', dueAt: at(1) });
    const { started: runs } = life.at(at(1));
    expect(runs).toMatchObject([{ nominalAt: at(1), delayMs: 0 }]);
    expect(runs[0]?.birth).toMatchObject({
      id: childId(ACTOR, `fire/${at(1)}`),
      parent: ACTOR,
      role: `1{"nominalAt":${at(1)}}`,
      name: 'tick',
      labels: ['cron:tick'],
      key: null,
    });
    expect(life).toMatchObject({ state: 'waiting', dueAt: at(2) });
  });

  test('never happens for what was due before the cron was there', () => {
    expect(hours([cron({ missed: 'all' }).dueAt ?? 0])).toEqual([1]);
  });

  test('up to a minute late is on time, whatever is done about missed ones', () => {
    const life = cron({ missed: 'skip' });
    expect(started(life.at(at(1, 1)))).toEqual([1]);
    life.ended(at(1, 2), at(1));
    expect(started(life.at(at(2, 1) + 1))).toEqual([]);
    expect(life.context).toMatchObject({ fires: 1, missed: 1, lastNominal: at(2) });
  });

  test('does not come back when the clock is set back', () => {
    const life = cron();
    life.at(at(2));
    life.ended(at(2, 1), at(2));
    expect(started(life.at(at(1)))).toEqual([]);
    expect(started(life.at(at(2)))).toEqual([]);
    expect(life.dueAt).toBe(at(3));
  });
});

describe('after nobody was there for four fires, the last of them half an hour ago', () => {
  const back = (given: Partial<StoredCron>): { life: CronLife; ran: number[] } => {
    const life = cron({ overlap: 'allow', ...given });
    return { life, ran: started(life.at(at(4, 30))) };
  };

  test.each([
    ['skip', [], 4],
    ['last', [4], 3],
    ['first', [1], 3],
    ['all', [1, 2, 3, 4], 0],
  ] as const)("missed: '%s' runs %j and counts %i as missed", (missed, expected, count) => {
    const { life, ran } = back({ missed });
    expect(ran).toEqual(expected);
    expect(life.context).toMatchObject({ missed: count, fires: expected.length, lastNominal: at(4) });
    expect(life.dueAt).toBe(at(5));
  });

  test.each([
    ['last', [], 4],
    ['first', [], 4],
    ['all', [], 4],
  ] as const)("missed: '%s' leaves out what is older than its window", (missed, expected, count) => {
    const { life, ran } = back({ missed, missedWindowMs: 20 * MINUTE });
    expect(ran).toEqual(expected);
    expect(life.context.missed).toBe(count);
  });

  test('the window counts from now, and what lies in it to the millisecond is made up for', () => {
    expect(back({ missed: 'all', missedWindowMs: 90 * MINUTE }).ran).toEqual([3, 4]);
    expect(back({ missed: 'first', missedWindowMs: 90 * MINUTE }).ran).toEqual([3]);
    expect(back({ missed: 'all', missedWindowMs: 90 * MINUTE - 1 }).ran).toEqual([4]);
  });
});

test('an occurrence that is on time runs beside what is made up for', () => {
  const back = (missed: StoredCron['missed']): number[] => started(cron({ missed, overlap: 'allow' }).at(at(4)));
  expect(back('skip')).toEqual([4]);
  expect(back('last')).toEqual([4]);
  expect(back('first')).toEqual([1, 4]);
  expect(back('all')).toEqual([1, 2, 3, 4]);
});

test('no more than a thousand are made up for, the newest, and no more are counted', () => {
  const life = cron({ missed: 'all', overlap: 'allow', missedWindowMs: 365 * 24 * HOUR });
  const ran = started(life.at(at(3000, 30)));
  expect(ran).toHaveLength(MAX_AT_ONCE);
  expect([ran[0], ran.at(-1)]).toEqual([2001, 3000]);
  const skipping = cron({ missed: 'skip' });
  skipping.at(at(3000, 30));
  expect(skipping.context.missed).toBe(MAX_AT_ONCE);
});

test('what is made up for is spread over a minute, and over a tenth of the gap where that is less', () => {
  const delays = (everyMs: number): number[] => {
    const times = { ...specOf().times, everyMs };
    const life = new CronLife(specOf({ times, missed: 'all', overlap: 'allow' }), T0);
    return life.at(T0 + 500 * everyMs + 70_000).started.map(({ delayMs }) => delayMs);
  };
  const [slow, fast] = [delays(HOUR), delays(2 * MINUTE)];
  expect([slow.length, fast.length]).toEqual([500, 500]);
  expect(Math.max(...slow)).toBeLessThan(MINUTE);
  expect(Math.max(...slow)).toBeGreaterThan(45_000);
  expect(Math.max(...fast)).toBeLessThan(12_000);
  expect(new Set(fast).size).toBeGreaterThan(300);
});
