import { describe, expect, test } from 'vitest';
import { type Alarm, AlarmPlan, type AlarmSettings } from '../../src/alarms/plan.ts';

const SETTINGS: AlarmSettings = { horizonMs: 10_000, bucketMs: 1_000, leadMs: 250, maxArmed: 5 };

/** The store's clock reads 1,000,000 when the monotonic one reads 0. */
const NOW = 1_000_000;

function takenFirst(plan: AlarmPlan, monotonicMs: number): Alarm | undefined {
  return [...plan.take(monotonicMs).values()].flat()[0];
}

function taken(plan: AlarmPlan, monotonicMs: number): { queue: string; bucket: number; ringsAtMs: number }[] {
  return [...plan.take(monotonicMs).values()]
    .flat()
    .map(({ queue, bucket, ringsAtMs }) => ({ queue, bucket, ringsAtMs }));
}

describe('one alarm per queue and bucket', () => {
  test('rings the lead before the bucket, by the difference of two readings of the store', () => {
    const plan = new AlarmPlan(SETTINGS);
    plan.arm('a', NOW + 3_456, NOW, 70);
    expect(taken(plan, 70)).toEqual([{ queue: 'a', bucket: NOW + 3_000, ringsAtMs: 70 + 3_000 - 250 }]);
  });

  test('all due times of a bucket share it, those of other buckets and queues do not', () => {
    const plan = new AlarmPlan(SETTINGS);
    for (const at of [3_000, 3_001, 3_999]) plan.arm('a', NOW + at, NOW, 0);
    plan.arm('a', NOW + 4_000, NOW, 0);
    plan.arm('b', NOW + 3_500, NOW, 0);
    expect(taken(plan, 0).map(({ queue, bucket }) => [queue, bucket - NOW])).toEqual([
      ['a', 3_000],
      ['a', 4_000],
      ['b', 3_000],
    ]);
  });

  test('one that is armed is not wanted again until it has rung', () => {
    const plan = new AlarmPlan(SETTINGS);
    plan.arm('a', NOW + 3_500, NOW, 0);
    plan.take(0);
    expect(plan.arm('a', NOW + 3_600, NOW + 1_000, 1_000)).toBe(false);
    expect(plan.armed(1_000)).toBe(1);
    expect(plan.armed(2_750)).toBe(0);
  });

  test('what comes to a bucket after its alarm has rung rings at once, every time', () => {
    const plan = new AlarmPlan(SETTINGS);
    plan.arm('a', NOW + 3_500, NOW, 0);
    plan.take(0);
    for (const elapsedMs of [2_800, 2_801, 3_100]) {
      expect(plan.arm('a', NOW + 3_600, NOW + elapsedMs, elapsedMs)).toBe(true);
      expect(taken(plan, elapsedMs)).toEqual([{ queue: 'a', bucket: NOW + 3_000, ringsAtMs: elapsedMs }]);
    }
  });

  test('one that could not be added is wanted again by the next who asks', () => {
    const plan = new AlarmPlan(SETTINGS);
    plan.arm('a', NOW + 3_500, NOW, 0);
    plan.forget([...plan.take(0).values()].flat());
    expect(plan.armed(0)).toBe(0);
    expect(plan.arm('a', NOW + 3_500, NOW, 0)).toBe(true);
  });
});

describe('few and near', () => {
  test.each([
    ['due now', 0],
    ['overdue', -5_000],
    ['beyond the horizon', 10_001],
    ['not a time', Number.NaN],
  ])('%s needs no alarm', (_, aheadMs) => {
    const plan = new AlarmPlan(SETTINGS);
    expect(plan.arm('a', NOW + aheadMs, NOW, 0)).toBe(false);
    expect(taken(plan, 0)).toEqual([]);
  });

  test('never more are armed than the bound, and there is room again when they have rung', () => {
    const plan = new AlarmPlan(SETTINGS);
    for (let second = 1; second <= 9; second += 1) plan.arm('a', NOW + second * 1_000, NOW, 0);
    expect(taken(plan, 0)).toHaveLength(5);
    expect(plan.arm('b', NOW + 9_000, NOW, 0)).toBe(false);
    expect(plan.arm('b', NOW + 200, NOW, 0), 'one that rings at once is soon gone').toBe(true);
    plan.take(0);
    expect(plan.armed(0)).toBe(5);
    expect(plan.arm('b', NOW + 9_000, NOW + 4_800, 4_800)).toBe(true);
  });
});

describe('topping up', () => {
  test('wants a bucket again though it is armed, for the instant it was armed for', () => {
    const plan = new AlarmPlan(SETTINGS);
    plan.arm('a', NOW + 3_500, NOW, 0);
    const [first] = taken(plan, 0);
    expect(plan.topUp('a', NOW + 3_000, NOW + 1_000, 1_003)).toBe(true);
    expect(takenFirst(plan, 1_003)).toMatchObject({ again: true, ringsAtMs: first?.ringsAtMs });
  });

  test('wants a bucket nobody has armed', () => {
    const plan = new AlarmPlan(SETTINGS);
    expect(plan.topUp('a', NOW + 3_000, NOW, 0)).toBe(true);
    expect(takenFirst(plan, 0)).toMatchObject({ again: false });
  });

  test('leaves a bucket alone whose alarm must have rung: the sweep looks that far itself', () => {
    const plan = new AlarmPlan(SETTINGS);
    expect(plan.topUp('a', NOW + 3_000, NOW + 2_750, 2_750)).toBe(false);
    expect(plan.topUp('a', NOW + 3_000, NOW + 3_500, 3_500)).toBe(false);
  });

  test('leaves a bucket alone that rang too early here, so that wrong clocks cause no storm', () => {
    const plan = new AlarmPlan(SETTINGS);
    plan.arm('a', NOW + 3_500, NOW, 0);
    plan.take(0);
    plan.rang('a', NOW + 3_000);
    for (const elapsedMs of [10, 1_000, 2_000]) {
      expect(plan.topUp('a', NOW + 3_000, NOW + elapsedMs, elapsedMs)).toBe(false);
    }
  });
});
