import { describe, expect, test } from 'vitest';
import { defaultFollowupPolicy } from '../../../machines/followup.ts';
import { FollowupLife, noGateway } from './followup-life.ts';

const { retry } = defaultFollowupPolicy;
const steady = { ...retry, backoff: { ...retry.backoff, jitter: 0 } };
const threadGone = {
  error: { name: 'ThreadNotFoundError', message: 'Thread t-1 does not exist.', code: 'THREAD_NOT_FOUND' },
  verdict: 'drop',
  reason: 'thread_not_found',
} as const;

describe('delivering', () => {
  test('a message goes out when it is due, not before', () => {
    const life = new FollowupLife(1000).advance(999);
    expect(life.state).toBe('scheduled');
    expect(life.advance(1).state).toBe('delivering');
    expect(life.succeed().record).toMatchObject({ status: 'success', attempts: 1, startedAt: 1000 });
    expect(life.state).toBe('delivered');
  });

  test('a drop makes exactly one attempt and says why', () => {
    const life = new FollowupLife(0).advance(0).fail(threadGone).advance(86_400_000);
    expect(life.record).toEqual({
      status: 'failed_dropped',
      reason: 'thread_not_found',
      error: threadGone.error,
      attempts: 1,
      startedAt: 0,
    });
    expect(life.timers).toEqual([]);
  });

  test('failing once and then succeeding ends as success without an error', () => {
    const life = new FollowupLife(0).advance(0).fail().restored().advance(1000).restored().succeed();
    expect(life.record).toEqual({ status: 'success', attempts: 2, startedAt: 0, output: undefined });
  });

  test('waits of 200, 400 and 800 ms, then dropped after exactly four attempts with the last error', () => {
    const life = new FollowupLife(0, { retry: steady }).advance(0);
    const waits: unknown[] = [];
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      life.fail();
      waits.push([life.state, life.due('backoff')]);
      life.advance(1000);
    }
    expect(waits).toEqual([200, 400, 800].map((ms) => ['retrying', ms]));
    life.fail({ error: { name: 'Error', message: 'connection refused by agent' } });
    expect(life.record).toMatchObject({
      reason: 'retries_exhausted',
      attempts: 4,
      error: { message: 'connection refused by agent' },
    });
  });

  test('a follow-up may bring a budget and a curve of its own, which are stored with it', () => {
    const own = { maxRetries: 1, backoff: { baseMs: 7000, factor: 1, maxMs: 7000, jitter: 0 } };
    const life = new FollowupLife(0, { retry: own }).advance(0).fail().restored();
    expect(life.due('backoff')).toBe(7000);
    expect(life.advance(7000).fail().record).toMatchObject({ reason: 'retries_exhausted', attempts: 2 });
  });

  test('a gateway that never answers is given up after the attempt timeout, and spends a retry', () => {
    const life = new FollowupLife(0).advance(defaultFollowupPolicy.attemptTimeoutMs);
    expect([life.state, life.context.error?.code]).toEqual(['retrying', 'ATTEMPT_TIMEOUT']);
  });

  test('a gateway that names a time is left alone for that time', () => {
    expect(new FollowupLife(0).advance(0).fail({ retryAfterMs: 1500 }).due('backoff')).toBe(1500);
  });

  test('the death of its worker spends no retry, and one that keeps killing its worker is dropped', () => {
    const life = new FollowupLife(0).advance(0);
    const death = { type: 'attempt.interrupted', charged: true, ambiguous: true };
    for (let deaths = 1; deaths <= 3; deaths += 1) life.send(death);
    expect([life.state, life.context.attempt, life.context.retries]).toEqual(['delivering', 4, {}]);
    expect(life.send(death).record).toMatchObject({ reason: 'interrupted', attempts: 4 });
  });

  test('a worker that stops hands the delivery back: same number, nothing spent', () => {
    const life = new FollowupLife(0).advance(0);
    const before = life.context;
    expect(life.send({ type: 'attempt.handedBack' }).context).toEqual(before);
  });
});

describe('a process without a gateway', () => {
  test('is looked past every five seconds, without spending a retry', () => {
    const life = new FollowupLife(0).advance(0);
    for (let look = 1; look <= 5; look += 1) {
      life.fail(noGateway).restored();
      expect([life.state, life.due('untilNextLook')]).toEqual(['waitingForGateway', 5_000]);
      life.advance(5_000);
    }
    expect([life.state, life.context.retries]).toEqual(['delivering', {}]);
    life.fail().advance(1000).fail().advance(1000).fail().advance(1000);
    expect(life.state).toBe('delivering');
    expect(life.fail().record).toMatchObject({ reason: 'retries_exhausted', attempts: 9 });
  });

  test('ends the follow-up ten minutes after the first attempt, with a reason of its own', () => {
    const life = new FollowupLife(1000).advance(1000);
    while (life.state === 'delivering') life.fail(noGateway).advance(5_000);
    expect(life.record).toMatchObject({ reason: 'missing_gateway', attempts: 121, error: { code: 'MISSING_GATEWAY' } });
  });

  test('counts its window from the first attempt, whatever that failed of', () => {
    const life = new FollowupLife(0, { gateway: { everyMs: 100, windowMs: 250 } }).advance(0);
    life.fail({ retryAfterMs: 150 }).advance(150).fail(noGateway);
    expect(life.state).toBe('waitingForGateway');
    expect(life.advance(100).fail(noGateway).record).toMatchObject({ reason: 'missing_gateway', attempts: 3 });
  });
});

describe('from outside', () => {
  const anywhere: [string, () => FollowupLife][] = [
    ['scheduled', () => new FollowupLife(1000)],
    ['delivering', () => new FollowupLife(0).advance(0)],
    ['retrying', () => new FollowupLife(0).advance(0).fail({ retryAfterMs: 90_000 })],
    ['waitingForGateway', () => new FollowupLife(0).advance(0).fail(noGateway)],
  ];

  test.each(anywhere)('cancelled while %s', (state, life) => {
    expect(life().state).toBe(state);
    expect(life().send({ type: 'job.cancel' }).record).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    const asked = life().send({ type: 'job.cancel', reason: 'replaced' });
    expect([asked.state, asked.record?.reason, asked.timers]).toEqual(['dropped', 'replaced', []]);
  });

  test.each(anywhere.filter(([state]) => state !== 'delivering'))('run now while %s', (_, life) => {
    const before = life();
    const { attempt } = before.context;
    const after = before.send({ type: 'job.runNow' });
    expect([after.state, after.context.attempt, after.context.error]).toEqual(['delivering', attempt + 1, null]);
  });

  test('rescheduling moves the first delivery, and only that', () => {
    const life = new FollowupLife(1000).advance(100).send({ type: 'job.reschedule', to: 3000 });
    expect([life.due('untilDue'), life.timers.length]).toEqual([2900, 1]);
    for (const to of [undefined, Number.NaN, 'tomorrow', 1.5]) life.send({ type: 'job.reschedule', to });
    expect(life.due('untilDue')).toBe(2900);
    expect(life.advance(2900).send({ type: 'job.reschedule', to: 9000 }).state).toBe('delivering');
  });
});

test('the stored context holds the life cycle and its policy, and neither thread nor message', () => {
  const { context } = new FollowupLife(0).advance(0);
  const keys = ['dueAt', 'startedAt', 'attempt', 'retries', 'interruptions', 'error', 'drop', 'policy'];
  expect(Object.keys(context)).toEqual(keys);
  expect(JSON.parse(JSON.stringify(context))).toEqual(context);
});
