/** How runs end: each way out of the job life cycle, and the record it leaves. */
import { expect, test } from 'vitest';
import { DropError, defineJob, RetryableError, type RunRecord } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();
const quick = { backoff: { base: 5, jitter: 0 } } as const;

test('a run that succeeds leaves a typed output, its times and one attempt', async () => {
  const add = defineJob({ name: 'add', run: ({ input }: { input: { a: number; b: number } }) => input.a + input.b });
  const scheduler = await schedulers.open({ definitions: [add] });
  const handle = await scheduler.schedule(add, { a: 2, b: 3 });
  expect(handle.outcome).toBe('scheduled');
  const record: RunRecord<number> = await handle.result({ timeout: '10s' });
  expect(record).toEqual({
    status: 'success',
    output: 5,
    attempts: 1,
    startedAt: expect.any(Date),
    settledAt: expect.any(Date),
  });
  const view = await scheduler.get(handle.id);
  expect(view).toMatchObject({ status: 'done', state: 'done', attempt: 1, wakeAt: null, effects: [], timers: [] });
  expect(view?.record).toEqual(record);
  expect(view?.settledAt).toEqual(expect.any(Date));
});

test('a DropError drops at once, with its reason, and the drop is logged as a warning', async () => {
  const refuse = defineJob({
    name: 'refuse',
    run() {
      throw new DropError('the account is closed', { reason: 'account_closed' });
    },
  });
  const scheduler = await schedulers.open({ definitions: [refuse] });
  const handle = await scheduler.schedule(refuse);
  const record = await handle.result({ timeout: '10s' });
  const error = { name: 'DropError', message: 'the account is closed' };
  expect(record).toMatchObject({ status: 'failed_dropped', reason: 'account_closed', error, attempts: 1 });
  expect((await scheduler.get(handle.id))?.status).toBe('dropped');
  expect(schedulers.log.filter(({ msg }) => msg === 'dropped')).toEqual([
    expect.objectContaining({
      level: 40,
      id: handle.id,
      name: 'refuse',
      attempts: 1,
      reason: 'account_closed',
      error,
    }),
  ]);
});

test('a DropError deep in the cause chain drops at once as well', async () => {
  const wrap = defineJob({
    name: 'wrap',
    run() {
      throw new Error('outer', { cause: new Error('middle', { cause: new DropError('gone') }) });
    },
  });
  const scheduler = await schedulers.open({ definitions: [wrap] });
  const record = await (await scheduler.schedule(wrap)).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'failed_dropped', reason: 'non_retryable', attempts: 1 });
  expect(record.error?.message).toBe('outer');
});

test('retries are exhausted after exactly four attempts, and the record names the last error', async () => {
  const attempts: number[] = [];
  const flaky = defineJob({
    name: 'flaky',
    retry: quick,
    run({ attempt }) {
      attempts.push(attempt);
      throw Object.assign(new TypeError(`failure ${attempt}`), { code: 'E_FLAKY' });
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const record = await (await scheduler.schedule(flaky)).result({ timeout: '10s' });
  expect(attempts).toEqual([1, 2, 3, 4]);
  expect(record).toMatchObject({
    status: 'failed_dropped',
    reason: 'retries_exhausted',
    attempts: 4,
    error: { name: 'TypeError', message: 'failure 4', code: 'E_FLAKY' },
  });
});

test('the default backoff waits 200 and then 400 ms, 10 percent more or less', async () => {
  const startedMs: number[] = [];
  const flaky = defineJob({
    name: 'flaky',
    run({ attempt }) {
      startedMs.push(performance.now());
      if (attempt < 3) throw new Error('not yet');
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const record = await (await scheduler.schedule(flaky)).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'success', attempts: 3 });
  const [first = 0, second = 0, third = 0] = startedMs;
  expect(second - first).toBeGreaterThanOrEqual(178);
  expect(third - second).toBeGreaterThanOrEqual(358);
});

test('retryAfter is waited for instead of the backoff', async () => {
  const startedMs: number[] = [];
  const limited = defineJob({
    name: 'limited',
    retry: quick,
    run({ attempt }) {
      startedMs.push(performance.now());
      if (attempt === 1) throw new RetryableError('busy', { retryAfter: '400ms' });
    },
  });
  const scheduler = await schedulers.open({ definitions: [limited] });
  await (await scheduler.schedule(limited)).result({ timeout: '10s' });
  const [first = 0, second = 0] = startedMs;
  expect(second - first).toBeGreaterThanOrEqual(399);
});

test('an error code with a budget of its own spends that, and not the general one', async () => {
  const codes = ['RATE_LIMITED', 'OTHER', 'RATE_LIMITED', 'OTHER', 'RATE_LIMITED'];
  const mixed = defineJob({
    name: 'mixed',
    retry: { ...quick, maxRetries: 2, byCode: { RATE_LIMITED: { maxRetries: 2 } } },
    run({ attempt }) {
      const code = codes[attempt - 1] ?? 'NONE';
      throw new RetryableError(code, { code });
    },
  });
  const scheduler = await schedulers.open({ definitions: [mixed] });
  const record = await (await scheduler.schedule(mixed)).result({ timeout: '10s' });
  expect(record).toMatchObject({ reason: 'retries_exhausted', attempts: 5, error: { code: 'RATE_LIMITED' } });
});

test('a run out of quick retries recovers slowly, and is dropped when that is spent too', async () => {
  const states: unknown[] = [];
  const broken = defineJob({
    name: 'broken',
    retry: { ...quick, maxRetries: 1 },
    recovery: { every: 20, max: 2 },
    run() {
      throw new Error('still broken');
    },
  });
  const scheduler = await schedulers.open({ definitions: [broken] });
  scheduler.on('transition', ({ state }) => states.push(state));
  const record = await (await scheduler.schedule(broken)).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'failed_dropped', reason: 'recovery_exhausted', attempts: 4 });
  expect(states.filter((state) => state === 'retrying')).toHaveLength(1);
  expect(states.filter((state) => state === 'recovering')).toHaveLength(2);
  expect(states.at(-1)).toBe('dropped');
});

test('`recovery: true` waits 30 s in recovering, and is not terminal', async () => {
  const broken = defineJob({
    name: 'broken',
    retry: { maxRetries: 0 },
    recovery: true,
    run({ attempt }) {
      if (attempt === 1) throw new Error('broken');
    },
  });
  const scheduler = await schedulers.open({ definitions: [broken] });
  const handle = await scheduler.schedule(broken);
  const view = await scheduler.waitFor(handle.id, { state: 'recovering', timeout: '10s' });
  expect(view.status).toBe('active');
  const waitMs = (view.wakeAt?.getTime() ?? 0) - Date.now();
  expect(waitMs).toBeGreaterThan(25_000);
  expect(waitMs).toBeLessThanOrEqual(30_500);
  await scheduler.runNow(handle.id);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 2 });
});

test('an attempt that takes too long has its signal aborted, and is retried', async () => {
  const reasons: unknown[] = [];
  const slow = defineJob({
    name: 'slow',
    retry: quick,
    attemptTimeout: '50ms',
    run({ attempt, signal }) {
      if (attempt > 1) return 'in time';
      return new Promise<string>((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        });
      });
    },
  });
  const scheduler = await schedulers.open({ definitions: [slow] });
  const handle = await scheduler.schedule(slow);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 2, output: 'in time' });
  expect(reasons).toMatchObject([{ name: 'AbortError' }]);
  const types = (await scheduler.history(handle.id)).map(({ event }) => event.type);
  expect(types.some((type) => type.includes('attemptTimeout') || type.startsWith('xstate.after'))).toBe(true);
});

test('a run whose every attempt times out is dropped with the timeout as its error', async () => {
  const stuck = defineJob({
    name: 'stuck',
    retry: { ...quick, maxRetries: 1 },
    attemptTimeout: 20,
    run: ({ signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
  });
  const scheduler = await schedulers.open({ definitions: [stuck] });
  const record = await (await scheduler.schedule(stuck)).result({ timeout: '10s' });
  expect(record).toMatchObject({ reason: 'retries_exhausted', attempts: 2, error: { code: 'ATTEMPT_TIMEOUT' } });
});

test('a run past its deadline expires, and the running attempt is told', async () => {
  let told = false;
  const late = defineJob({
    name: 'late',
    deadline: '80ms',
    run: ({ signal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          told = true;
          resolve();
        });
      }),
  });
  const scheduler = await schedulers.open({ definitions: [late] });
  const handle = await scheduler.schedule(late);
  const record = await handle.result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'expired', reason: 'deadline', attempts: 1 });
  expect(told).toBe(true);
  expect(await scheduler.get(handle.id)).toMatchObject({ status: 'dropped', state: 'dropped' });
});

test('an output as large as it may be is kept, and is no reason to set its run aside', async () => {
  const fill = defineJob<number, string>({ name: 'fill', run: ({ input }) => 'x'.repeat(input) });
  const scheduler = await schedulers.open({ definitions: [fill], maxPayload: 1024 });
  // Two quotes, and the character that says how it is written.
  const largest = await scheduler.schedule(fill, 1021);
  expect(await largest.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 'x'.repeat(1021) });
  const larger = await scheduler.schedule(fill, 1022);
  expect(await larger.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped' });
});

test('a long error or reason is no reason to set a job aside, however little it may store', async () => {
  const boom = defineJob({
    name: 'boom',
    retry: { ...quick, maxRetries: 1 },
    run() {
      throw new Error('e'.repeat(100_000));
    },
  });
  const scheduler = await schedulers.open({ definitions: [boom], maxPayload: 1024 });
  const failing = await scheduler.schedule(boom);
  expect(await failing.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped', attempts: 2 });
  const waiting = await scheduler.schedule(boom, undefined, { delay: '1h' });
  await waiting.cancel('z'.repeat(900));
  expect(await waiting.result({ timeout: '10s' })).toMatchObject({ status: 'cancelled', reason: 'z'.repeat(900) });
});

test('an output that cannot be stored is a failure of the run', async () => {
  const cyclic = defineJob({
    name: 'cyclic',
    retry: quick,
    run() {
      const loop: { self?: unknown } = {};
      loop.self = loop;
      return loop;
    },
  });
  const scheduler = await schedulers.open({ definitions: [cyclic] });
  const record = await (await scheduler.schedule(cyclic)).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'failed_dropped', reason: 'non_retryable', error: { code: 'INVALID_INPUT' } });
  expect(record.error?.message).toContain('output.self');
});

test.each([
  ['a string', 'just text', 'just text'],
  ['undefined', undefined, 'The handler threw undefined.'],
  ['an error with a NUL and a lone surrogate', new Error('a\0b\ud800c'), 'a�b�c'],
])('a handler that throws %s still leaves a readable error', async (_, thrown, message) => {
  const odd = defineJob({
    name: 'odd',
    retry: { maxRetries: 0 },
    run() {
      throw thrown;
    },
  });
  const scheduler = await schedulers.open({ definitions: [odd] });
  const record = await (await scheduler.schedule(odd)).result({ timeout: '10s' });
  expect(record.error?.message).toBe(message);
});
