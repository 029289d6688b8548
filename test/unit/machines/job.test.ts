import { describe, expect, test } from 'vitest';
import { fractionOf } from '../../../machines/jitter.ts';
import { defaultJobPolicy, defaultRecoveryPolicy, jobGuardsAndDelays } from '../../../machines/job-policy.ts';
import { JobLife, retryable } from './job-life.ts';

const steady = { ...defaultJobPolicy.retry, backoff: { ...defaultJobPolicy.retry.backoff, jitter: 0 } };
const lostCard = {
  error: { name: 'CardError', message: 'the card was stolen', code: 'STOLEN' },
  verdict: 'drop',
} as const;

describe('scheduled', () => {
  test('a job runs when it is due, not before', () => {
    const life = new JobLife(1000).advance(999);
    expect(life.state).toBe('scheduled');
    expect(life.advance(1).state).toBe('dispatching');
    expect(life.context).toMatchObject({ attempt: 1, startedAt: 1000 });
  });

  test('a job that was due in the past runs at once', () => {
    expect(new JobLife(-5000).advance(0).state).toBe('dispatching');
  });

  test('run now starts it early', () => {
    const life = new JobLife(1000).advance(10).send({ type: 'job.runNow' });
    expect([life.state, life.context.startedAt, life.due('untilDue')]).toEqual(['dispatching', 10, undefined]);
  });

  test('rescheduling moves the due time and the deadline with it', () => {
    const life = new JobLife(1000, { deadlineMs: 500 }).advance(100).send({ type: 'job.reschedule', to: 3000 });
    expect([life.due('untilDue'), life.due('untilDeadline'), life.timers.length]).toEqual([2900, 3400, 2]);
    expect(life.advance(1500).state).toBe('scheduled');
    expect(life.advance(1400).state).toBe('dispatching');
  });

  test('an event with parts that make no sense neither moves it nor spoils its record', () => {
    for (const to of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 'tomorrow', null, 8.7e15, 1.5]) {
      expect(new JobLife(1000).send({ type: 'job.reschedule', to }).due('untilDue')).toBe(1000);
    }
    for (const reason of [5, '', null, { a: 1 }]) {
      expect(new JobLife(1000).send({ type: 'job.cancel', reason }).record?.reason).toBe('cancelled');
    }
  });

  test('an engine that gives the first event its time gets the same timers without a second event', () => {
    const { untilDue, untilDeadline } = jobGuardsAndDelays({ ...defaultJobPolicy, deadlineMs: 50 }).delays;
    const args = {
      context: new JobLife(700).context,
      event: { type: 'xstate.init', at: 600 },
      self: { sessionId: 'a' },
    };
    expect([untilDue(args), untilDeadline(args)]).toEqual([100, 150]);
  });
});

describe('dispatching', () => {
  test('success keeps the output out of the context', () => {
    const life = new JobLife(0).advance(5).succeed({ paid: true });
    expect(life.record).toEqual({ status: 'success', attempts: 1, startedAt: 0, output: { paid: true } });
    expect(JSON.stringify(life.context)).not.toContain('paid');
  });

  test('an error that is not retryable drops the run after one attempt, with the real error', () => {
    const life = new JobLife(0).advance(0).fail(lostCard);
    expect(life.record).toEqual({
      status: 'failed_dropped',
      reason: 'non_retryable',
      error: lostCard.error,
      attempts: 1,
      startedAt: 0,
    });
    expect(new JobLife(0).advance(0).fail({ ...lostCard, reason: 'stolen' }).record?.reason).toBe('stolen');
  });

  test('three quick retries at 200, 400 and 800 ms, then dropped with the last error', () => {
    const life = new JobLife(0, { retry: steady }).advance(0);
    const waits: unknown[] = [];
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      life.fail();
      waits.push([life.state, life.due('backoff')]);
      life.advance(1000);
    }
    expect(waits).toEqual([200, 400, 800].map((ms) => ['retrying', ms]));
    life.fail({ error: { name: 'Error', message: 'the fourth' } });
    expect(life.record).toMatchObject({ reason: 'retries_exhausted', attempts: 4, error: { message: 'the fourth' } });
  });

  test('failing once and then succeeding ends as success without an error', () => {
    const life = new JobLife(0).advance(0).fail().restored().advance(1000).restored().succeed();
    expect(life.record).toEqual({ status: 'success', attempts: 2, startedAt: 0, output: undefined });
  });

  test('an attempt that takes too long spends a retry', () => {
    const life = new JobLife(0, { attemptTimeoutMs: 50, retry: { ...steady, maxRetries: 1 } }).advance(50);
    expect([life.state, life.context.error?.code]).toEqual(['retrying', 'ATTEMPT_TIMEOUT']);
    life.advance(250);
    expect(life.record).toMatchObject({ reason: 'retries_exhausted', error: { name: 'AttemptTimeoutError' } });
  });

  test('without an attempt timeout and a deadline no timer runs', () => {
    expect(new JobLife(0, { attemptTimeoutMs: 0 }).advance(0).timers).toEqual([]);
  });

  test('a worker that stops hands the attempt back: same number, nothing spent', () => {
    const life = new JobLife(0).advance(0);
    const before = life.context;
    life.advance(70).send({ type: 'attempt.handedBack' });
    expect([life.state, life.context]).toEqual(['dispatching', before]);
    expect(life.due('attemptTimeout')).toBe(defaultJobPolicy.attemptTimeoutMs);
  });

  test('rescheduling or running now a running job changes nothing', () => {
    const life = new JobLife(0).advance(0);
    const before = life.context;
    life.send({ type: 'job.reschedule', to: 9000 }).send({ type: 'job.runNow' });
    expect([life.state, life.context]).toEqual(['dispatching', before]);
  });
});

describe('interruptions', () => {
  const death = { type: 'attempt.interrupted', charged: true, ambiguous: true };

  test('three deaths that were charged are forgiven, the fourth drops the run; no retry is spent', () => {
    const life = new JobLife(0).advance(0);
    for (let deaths = 1; deaths <= 3; deaths += 1) life.send(death);
    expect([life.state, life.context.attempt, life.context.retries]).toEqual(['dispatching', 4, {}]);
    expect(life.send(death).record).toMatchObject({
      status: 'failed_dropped',
      reason: 'interrupted',
      attempts: 4,
      error: { code: 'INTERRUPTED' },
    });
  });

  test('deaths that were not charged never drop it', () => {
    const life = new JobLife(0).advance(0);
    for (let deaths = 1; deaths <= 50; deaths += 1) life.send({ ...death, charged: false });
    expect([life.state, life.context.attempt, life.context.interruptions]).toEqual(['dispatching', 51, 0]);
  });

  test('a job that must not run twice is dropped at the first death whose effect may have happened', () => {
    const careful = () => new JobLife(0, { onAmbiguous: 'drop' }).advance(0);
    expect(careful().send({ ...death, charged: false }).record?.reason).toBe('interrupted');
    expect(careful().send({ ...death, charged: false, ambiguous: false }).state).toBe('dispatching');
  });
});

describe('budgets', () => {
  const limited = { error: { name: 'E', message: 'slow down', code: 'LIMITED' }, verdict: 'retry' } as const;
  const byCode = {
    LIMITED: { maxRetries: 2, backoff: { baseMs: 5000, factor: 1, maxMs: 9000, jitter: 0 } },
    NEVER: { maxRetries: 0, backoff: steady.backoff },
  };

  test('an error code with a rule of its own has its own budget and curve', () => {
    const life = new JobLife(0, { retry: { ...steady, maxRetries: 1 }, byCode }).advance(0);
    expect(life.fail(limited).due('backoff')).toBe(5000);
    expect(life.advance(5000).fail().due('backoff')).toBe(200);
    expect(life.advance(200).fail(limited).due('backoff')).toBe(5000);
    expect(life.advance(5000).fail(limited).record).toMatchObject({ reason: 'retries_exhausted', attempts: 4 });
  });

  test('codes without a rule share the general budget', () => {
    const life = new JobLife(0, { retry: { ...steady, maxRetries: 2 }, byCode }).advance(0);
    const coded = (code: string) => ({ error: { name: 'E', message: 'm', code } });
    life.fail(coded('A')).advance(200).fail(coded('B')).advance(400);
    expect(life.fail(coded('constructor')).record).toMatchObject({ reason: 'retries_exhausted', attempts: 3 });
  });

  test('a budget of none drops at once, and names that JavaScript knows are codes like any other', () => {
    const named = (code: string) => ({ error: { name: 'E', message: 'm', code } });
    expect(new JobLife(0, { byCode }).advance(0).fail(named('NEVER')).record?.attempts).toBe(1);
    const life = new JobLife(0).advance(0).fail(named('__proto__')).restored();
    expect([life.state, JSON.stringify(life.context.retries)]).toEqual(['retrying', '{"__proto__":1}']);
  });

  test('a handler that names a time is left alone for that time, between 0 and 7 days', () => {
    const wait = (retryAfterMs: number) => new JobLife(0).advance(0).fail({ retryAfterMs }).due('backoff');
    expect([1500, -1, 1e15, Number.NaN].map(wait)).toEqual([1500, 0, 604_800_000, 0]);
  });

  test('run now ends a wait', () => {
    const life = new JobLife(0).advance(0).fail().send({ type: 'job.runNow' });
    expect([life.state, life.context.attempt, life.context.error]).toEqual(['dispatching', 2, null]);
  });
});

describe('recovering', () => {
  const recovery = { ...defaultRecoveryPolicy, everyMs: 1000, max: 2 };
  const noRetry = { ...steady, maxRetries: 0 };

  test('a job out of quick retries recovers as often as asked, and is dropped as recovery_exhausted', () => {
    const life = new JobLife(0, { retry: noRetry, recovery }).advance(0).fail();
    expect([life.state, life.due('recoveryDelay'), life.record]).toEqual(['recovering', 1000, undefined]);
    life.advance(1000).fail().restored().advance(1000);
    expect([life.state, life.context.attempt]).toEqual(['dispatching', 3]);
    expect(life.fail().record).toMatchObject({ status: 'failed_dropped', reason: 'recovery_exhausted', attempts: 3 });
  });

  test('recovery is off unless asked for', () => {
    expect(new JobLife(0, { retry: noRetry }).advance(0).fail().record?.reason).toBe('retries_exhausted');
  });

  test('an error that is not retryable drops a recovering job', () => {
    const life = new JobLife(0, { retry: noRetry, recovery }).advance(0).fail().advance(1000).fail(lostCard);
    expect(life.record?.reason).toBe('non_retryable');
  });

  test('waits grow by the factor, wait for what the handler asked, and end with the window', () => {
    const growing = { ...recovery, factor: 10, max: 9, windowMs: 15_000 };
    const life = new JobLife(0, { retry: noRetry, recovery: growing }).advance(0).fail();
    expect(life.advance(1000).fail().due('recoveryDelay')).toBe(10_000);
    expect(life.advance(10_000).fail().record?.reason).toBe('recovery_exhausted');
    const asked = new JobLife(0, { retry: noRetry, recovery }).advance(0).fail({ retryAfterMs: 7777 });
    expect(asked.due('recoveryDelay')).toBe(7777);
  });

  test('run now ends the wait for a recovery', () => {
    const life = new JobLife(0, { retry: noRetry, recovery }).advance(0).fail().send({ type: 'job.runNow' });
    expect([life.state, life.context.recoveries]).toEqual(['dispatching', 1]);
  });
});

describe('settling from outside', () => {
  const anywhere: [string, () => JobLife][] = [
    ['scheduled', () => new JobLife(1000, { deadlineMs: 60_000 })],
    ['dispatching', () => new JobLife(0, { deadlineMs: 60_000 }).advance(0)],
    [
      'retrying',
      () =>
        new JobLife(0, { deadlineMs: 60_000, retry: { ...steady, maxRetries: 9 } })
          .advance(0)
          .fail({ retryAfterMs: 90_000 }),
    ],
    [
      'recovering',
      () =>
        new JobLife(0, {
          deadlineMs: 60_000,
          retry: { ...steady, maxRetries: 0 },
          recovery: { ...defaultRecoveryPolicy, everyMs: 90_000 },
        })
          .advance(0)
          .fail(),
    ],
  ];

  test.each(anywhere)('cancelled while %s', (state, life) => {
    expect(life().state).toBe(state);
    expect(life().send({ type: 'job.cancel' }).record).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    const asked = life().send({ type: 'job.cancel', reason: 'the customer left' });
    expect([asked.state, asked.record?.reason, asked.timers]).toEqual(['dropped', 'the customer left', []]);
  });

  test.each(anywhere)('expired while %s', (state, life) => {
    const late = life();
    expect(late.state).toBe(state);
    late.send({ type: 'xstate.after.untilDeadline.job' });
    expect([late.state, late.record?.status, late.record?.reason]).toEqual(['dropped', 'expired', 'deadline']);
  });

  test('the deadline counts from the due time, over all retries', () => {
    const life = new JobLife(1000, { deadlineMs: 500 }).advance(1000).fail().advance(499);
    expect(life.record).toBeUndefined();
    expect(life.advance(1).record).toMatchObject({ status: 'expired', attempts: 2, startedAt: 1000 });
  });
});

describe('spread', () => {
  test('is the same for the same actor and attempt, differs between actors, and keeps to its bounds', () => {
    const retry = { maxRetries: 9, backoff: { baseMs: 1000, factor: 1, maxMs: 1000, jitter: 0.5 } };
    const { delays } = jobGuardsAndDelays({ ...defaultJobPolicy, retry });
    const context = { ...new JobLife(0).context, attempt: 1, retries: { '': 1 } };
    const event = { type: 'xstate.error.actor.run', error: retryable };
    const waitOf = (sessionId: string) => delays.backoff({ context, event, self: { sessionId } });
    expect(waitOf('a')).toBe(waitOf('a'));
    const waits = Array.from({ length: 200 }, (_, index) => waitOf(`actor-${index}`));
    expect(new Set(waits).size).toBeGreaterThan(150);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(333);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1000);
  });

  test('is even', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index += 1) {
      const tenth = Math.floor(fractionOf(`018f-${index % 100}`, Math.floor(index / 100)) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('a curve that grows beyond all numbers stays at its maximum, and one from nothing stays at nothing', () => {
    const wait = (baseMs: number, retries: number) => {
      const backoff = { baseMs, factor: 100, maxMs: 5000, jitter: 0 };
      const { delays } = jobGuardsAndDelays({ ...defaultJobPolicy, retry: { maxRetries: 1000, backoff } });
      const context = { ...new JobLife(0).context, retries: { '': retries } };
      return delays.backoff({ context, event: { type: 'xstate.after.attemptTimeout' }, self: { sessionId: 'a' } });
    };
    expect([wait(200, 1000), wait(0, 1000)]).toEqual([5000, 0]);
  });
});

test('the stored context holds the life cycle and nothing else', () => {
  const { context } = new JobLife(1_700_000_000_000).advance(1_700_000_000_000);
  expect(Object.keys(context)).toEqual([
    'dueAt',
    'startedAt',
    'attempt',
    'retries',
    'interruptions',
    'error',
    'drop',
    'recoveries',
  ]);
  expect(JSON.parse(JSON.stringify(context))).toEqual(context);
});
