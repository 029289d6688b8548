/** Occurrences that come while a run still goes on, and those that jitter holds back. */
import { describe, expect, test } from 'vitest';
import { MAX_AT_ONCE } from '../../../machines/cron-overlap.ts';
import { childId } from '../../../src/turn/birth.ts';
import { ACTOR, at, type CronLife, cron, hours, MINUTE, specOf, started } from './cron-life.ts';

describe('while a run still goes on', () => {
  test("overlap: 'skip' leaves the occurrence out and counts it", () => {
    const life = cron();
    life.at(at(1));
    expect(started(life.at(at(2)))).toEqual([]);
    expect(life.context).toMatchObject({ skipped: 1, fires: 1, missed: 0 });
    life.ended(at(2, 5), at(1));
    expect(started(life.at(at(3)))).toEqual([3]);
  });

  test("overlap: 'queue' has it wait for the end of the run, in order", () => {
    const life = cron({ overlap: 'queue' });
    life.at(at(1));
    life.at(at(2));
    life.at(at(3));
    expect(hours(life.context.queued)).toEqual([2, 3]);
    expect(started(life.ended(at(3, 1), at(1)))).toEqual([2]);
    expect(started(life.ended(at(3, 2), at(2), 'failed_dropped'))).toEqual([3]);
    expect(life.context).toMatchObject({ queued: [], running: [at(3)], fires: 3, skipped: 0 });
  });

  test('at most a thousand wait; more are counted as skipped', () => {
    const life = cron({ overlap: 'queue' });
    for (let hour = 1; hour <= MAX_AT_ONCE + 3; hour++) life.at(at(hour));
    expect(life.context).toMatchObject({ skipped: 2, fires: 1 });
    expect(life.context.queued).toHaveLength(MAX_AT_ONCE);
  });

  test("overlap: 'allow' runs it as well, and at most a thousand at once", () => {
    const life = cron({ overlap: 'allow' });
    for (let hour = 1; hour <= MAX_AT_ONCE + 3; hour++) life.at(at(hour));
    expect(life.context).toMatchObject({ fires: MAX_AT_ONCE, skipped: 3 });
  });

  test("overlap: 'cancelOther' ends the run in the same turn", () => {
    const life = cron({ overlap: 'cancelOther' });
    life.at(at(1));
    const did = life.at(at(2));
    expect(started(did)).toEqual([2]);
    expect(did.cancelled).toEqual([childId(ACTOR, `fire/${at(1)}`)]);
    life.ended(at(2, 1), at(1), 'cancelled');
    expect(life.context).toMatchObject({ running: [at(2)], failures: 0 });
  });

  test('the first of what was missed is not begun just to be ended by the one on time', () => {
    const life = cron({ overlap: 'cancelOther', missed: 'first' });
    const did = life.at(at(4));
    expect(started(did)).toEqual([4]);
    expect(did.cancelled).toEqual([]);
    expect(life.context.missed).toBe(3);
  });

  test.each(['skip', 'queue'] as const)(
    "what comes to light together waits in line, also with overlap '%s'",
    (overlap) => {
      const life = cron({ overlap, missed: 'all' });
      expect(started(life.at(at(3)))).toEqual([1]);
      expect(hours(life.context.queued)).toEqual([2, 3]);
      expect(started(life.ended(at(3, 1), at(1)))).toEqual([2]);
      expect(started(life.ended(at(3, 2), at(2)))).toEqual([3]);
      expect(life.context).toMatchObject({ fires: 3, skipped: 0, missed: 0 });
    },
  );

  test("overlap: 'skip' keeps all that was missed with missed: 'all', and drops the last with missed: 'last'", () => {
    const all = cron({ missed: 'all' });
    all.at(at(1));
    all.at(at(3, 30));
    expect(hours(all.context.queued)).toEqual([2, 3]);
    const last = cron();
    last.at(at(1));
    last.at(at(3, 30));
    expect(last.context).toMatchObject({ queued: [], missed: 1, skipped: 1 });
  });
});

describe('jitter', () => {
  const jittered = (): CronLife => cron({ jitterMs: 30 * MINUTE });

  test('moves a fire by the same part of it for every process, and never to the next one', () => {
    const fireAt = jittered().dueAt ?? 0;
    expect(fireAt).toBe(jittered().dueAt);
    expect(fireAt).toBeGreaterThan(at(1));
    expect(fireAt).toBeLessThan(at(1, 30));
    const life = jittered();
    const offsets: number[] = [];
    for (let hour = 1; hour <= 200; hour++) {
      const due = life.dueAt ?? 0;
      offsets.push(due - at(hour));
      expect(started(life.at(due))).toEqual([hour]);
      life.ended(due, at(hour));
    }
    expect(Math.min(...offsets)).toBeLessThan(2 * MINUTE);
    expect(Math.max(...offsets)).toBeGreaterThan(28 * MINUTE);
    expect(Math.max(...offsets)).toBeLessThan(30 * MINUTE);
  });

  test('counts as on time, and what it still holds back is not missed', () => {
    const life = jittered();
    const due = life.dueAt ?? 0;
    expect(started(life.at(due - 1))).toEqual([]);
    expect(started(life.at(due + MINUTE))).toEqual([1]);
    const later = cron({ jitterMs: 30 * MINUTE, missed: 'skip' });
    // The third hour has struck, and its own fire has not.
    later.at(at(3));
    expect(later.context).toMatchObject({ fires: 0, missed: 2, lastNominal: at(2) });
    expect(hours([later.context.next?.nominalAt ?? 0])).toEqual([3]);
  });

  test('held back when the cron is changed, it is given to the run', () => {
    const life = jittered();
    const due = life.dueAt ?? 0;
    const { started: runs } = life.asked(at(1), { type: 'cron.update', spec: specOf({ limit: 100 }) });
    expect(runs).toMatchObject([{ nominalAt: at(1), delayMs: due - at(1) }]);
    expect(life.dueAt).toBe(at(2));
  });
});
