/** What ends a cron, holds it back or changes it. */
import { describe, expect, test } from 'vitest';
import { at, cron, HOUR, MINUTE, specOf, started } from './cron-life.ts';

describe('limits', () => {
  test('so many fires, then it is retired, once its last run has ended', () => {
    const life = cron({ limit: 2, overlap: 'allow' });
    life.at(at(1));
    life.at(at(2));
    expect(life).toMatchObject({ state: 'waiting', dueAt: null });
    life.ended(at(2, 1), at(2));
    expect(life.state).toBe('waiting');
    life.ended(at(2, 2), at(1));
    expect(life).toMatchObject({ state: 'retired', dueAt: null, over: false });
  });

  test('what was skipped does not count, what waits does', () => {
    const skip = cron({ limit: 2 });
    skip.at(at(1));
    skip.at(at(2));
    skip.ended(at(2, 1), at(1));
    expect(started(skip.at(at(3)))).toEqual([3]);
    const queue = cron({ limit: 2, overlap: 'queue' });
    queue.at(at(1));
    queue.at(at(2));
    expect(queue.dueAt).toBeNull();
    expect(started(queue.ended(at(2, 1), at(1)))).toEqual([2]);
  });

  test('what is made up for counts, the oldest first', () => {
    const life = cron({ limit: 2, missed: 'all', overlap: 'allow' });
    expect(started(life.at(at(4)))).toEqual([1, 2]);
    expect(life.context).toMatchObject({ next: null, missed: 0 });
  });

  test('endAt ends it as well, and counts itself', () => {
    const life = cron({ times: { ...specOf().times, endAt: at(2) } });
    life.at(at(1));
    life.ended(at(1, 1), at(1));
    expect(started(life.at(at(2)))).toEqual([2]);
    life.ended(at(2, 1), at(2));
    expect(life.state).toBe('retired');
  });

  test.each(['success', 'failed_dropped', 'expired'] as const)(
    'deleteAfterRun removes it when its run has ended as %s',
    (status) => {
      const life = cron({ limit: 1, deleteAfterRun: true, pauseAfterFailures: 1 });
      life.at(at(1));
      life.ended(at(1, 1), at(1), status);
      expect(life.state).toBe('removing');
      life.at(at(1, 1) + 1);
      expect(life).toMatchObject({ over: true, record: { outcome: 'success', record: { output: { fires: 1 } } } });
    },
  );
});

describe('failing runs', () => {
  test('so many in a row pause it, with the reason; a success in between starts the count anew', () => {
    const life = cron({ pauseAfterFailures: 2 });
    const outcomes = ['failed_dropped', 'success', 'expired', 'cancelled', 'failed_dropped'] as const;
    outcomes.forEach((status, index) => {
      expect(life.state).toBe('waiting');
      life.at(at(index + 1));
      life.ended(at(index + 1, 1), at(index + 1), status);
    });
    expect(life).toMatchObject({ state: 'paused', dueAt: null });
    expect(life.context.pausedBecause).toContain('2 runs in a row failed, the last one as failed_dropped');
    life.asked(at(6), { type: 'cron.resume' });
    expect(life).toMatchObject({ state: 'waiting', dueAt: at(7), context: { failures: 0, pausedBecause: null } });
  });

  test('without a limit to them a dropped run changes nothing about the next fire', () => {
    const life = cron();
    for (let hour = 1; hour <= 50; hour++) {
      expect(started(life.at(at(hour)))).toEqual([hour]);
      life.ended(at(hour, 1), at(hour), 'failed_dropped');
    }
    expect(life).toMatchObject({ state: 'waiting', context: { failures: 50 } });
  });

  test('a run that was asked for counts as the last one, and not as one that goes on', () => {
    const life = cron({ pauseAfterFailures: 1 });
    life.at(at(1));
    life.ended(at(1), at(1), 'failed_dropped', true);
    expect(life).toMatchObject({ state: 'paused', context: { running: [at(1)], lastRun: { nominalAt: at(1) } } });
  });

  test('what waits in line stays there while it is paused', () => {
    const life = cron({ overlap: 'queue', pauseAfterFailures: 1 });
    life.at(at(1));
    life.at(at(2));
    expect(started(life.ended(at(2, 1), at(1), 'failed_dropped'))).toEqual([]);
    expect(life.state).toBe('paused');
    expect(started(life.asked(at(5, 1), { type: 'cron.resume' }))).toEqual([2]);
    expect(life.dueAt).toBe(at(6));
  });
});

describe('pause and resume', () => {
  test('what was due meanwhile stays missed, and is nobody’s afterwards', () => {
    const life = cron({ missed: 'all' });
    life.asked(at(0, 20), { type: 'cron.pause' });
    expect(life).toMatchObject({ state: 'paused', dueAt: null, context: { next: null, pausedBecause: 'asked to' } });
    expect(started(life.asked(at(3, 30), { type: 'cron.resume' }))).toEqual([]);
    expect(life).toMatchObject({ dueAt: at(4), context: { missed: 0 } });
  });

  test('a pause that is read together with a fire comes first', () => {
    const life = cron();
    expect(started(life.asked(at(1), { type: 'cron.pause' }))).toEqual([]);
    expect(life.state).toBe('paused');
  });

  test('one declared disabled begins paused, and goes on by a word of either kind', () => {
    const resumed = cron({ enabled: false });
    expect(resumed).toMatchObject({ state: 'paused', context: { pausedBecause: 'declared so' } });
    resumed.asked(at(2, 1), { type: 'cron.resume' });
    expect(resumed.dueAt).toBe(at(3));
    const declared = cron({ enabled: false });
    declared.asked(at(2, 1), { type: 'cron.update', spec: specOf() });
    expect(declared.dueAt).toBe(at(3));
  });
});

describe('a change', () => {
  const everyTwo = specOf({ times: { ...specOf().times, everyMs: 2 * HOUR } });

  test('moves the next fire and nothing else', () => {
    const life = cron();
    life.at(at(1));
    life.asked(at(1, 30), { type: 'cron.update', spec: everyTwo });
    expect(life).toMatchObject({ dueAt: at(2), context: { fires: 1, running: [at(1)] } });
    life.ended(at(1, 40), at(1));
    life.at(at(2));
    expect(life).toMatchObject({ dueAt: at(4), context: { fires: 2 } });
  });

  test('that is read together with a fire does not swallow it', () => {
    const life = cron();
    expect(started(life.asked(at(1), { type: 'cron.update', spec: everyTwo }))).toEqual([1]);
    expect(life.dueAt).toBe(at(2));
  });

  test('to what is so already changes nothing, not even the jitter of the next fire', () => {
    const life = cron({ jitterMs: 30 * MINUTE });
    const { dueAt } = life;
    const did = life.asked(at(1), { type: 'cron.update', spec: specOf({ jitterMs: 30 * MINUTE }) });
    expect(did.started).toEqual([]);
    expect(life.dueAt).toBe(dueAt);
  });

  test('of one that is paused leaves it so', () => {
    const life = cron();
    life.asked(at(0, 20), { type: 'cron.pause' });
    life.asked(at(0, 30), { type: 'cron.update', spec: everyTwo });
    expect(life).toMatchObject({ state: 'paused', dueAt: null });
  });

  test('brings one that retired back, with its limit counted anew', () => {
    const life = cron({ limit: 1 });
    life.at(at(1));
    life.ended(at(1, 1), at(1));
    life.asked(at(5), { type: 'cron.update', spec: specOf({ limit: 1 }) });
    expect(life.state).toBe('retired');
    life.asked(at(5, 1), { type: 'cron.update', spec: { ...everyTwo, limit: 1 } });
    expect(life).toMatchObject({ state: 'waiting', dueAt: at(6) });
    expect(started(life.at(at(6)))).toEqual([6]);
    life.ended(at(6, 1), at(6));
    expect(life).toMatchObject({ state: 'retired', context: { fires: 2 } });
  });

  test('read together with the removal before it makes it a new cron, which fires nothing again', () => {
    const life = cron();
    life.at(at(1));
    life.at(
      at(1, 1),
      { kind: 'control', control: { type: 'cancel' } },
      { kind: 'control', control: { type: 'cron.update', spec: specOf() } },
    );
    expect(life).toMatchObject({
      state: 'waiting',
      dueAt: at(2),
      over: false,
      context: { fires: 0, running: [at(1)] },
    });
  });
});

test('removal ends it as cancelled, with the reason', () => {
  const life = cron();
  life.asked(at(0, 20), { type: 'cancel', reason: 'removed' });
  life.at(at(0, 20) + 1);
  expect(life).toMatchObject({ over: true, record: { outcome: 'cancelled', reason: 'removed' } });
});
