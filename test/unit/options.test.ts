import { describe, expect, test } from 'vitest';
import { resolveActorOptions, resolveJobOptions } from '../../src/definitions/definition-options.ts';
import { readDuration } from '../../src/duration.ts';
import { InvalidOptionError } from '../../src/errors.ts';
import { resolveScheduleOptions, resolveSchedulerOptions } from '../../src/options.ts';

const DAY_MS = 86_400_000;
const run = (): void => {};
const job = (options: object) => resolveJobOptions({ name: 'charge', run, ...options });
const schedule = (options?: unknown) => resolveScheduleOptions(options, { queue: 'mail', priority: 7 });
const scheduler = (options: object) => resolveSchedulerOptions({ definitions: [], ...options });

test.each<[unknown, number | null]>([
  [0, 0],
  [1500, 1500],
  [0.2, 1],
  ['250ms', 250],
  ['1.5h', 5_400_000],
  ['366d', 366 * DAY_MS],
  ['0s', 0],
  [-1, null],
  ['-1s', null],
  [Number.NaN, null],
  [Number.POSITIVE_INFINITY, null],
  ['5w', null],
  ['5 s', null],
  ['5', null],
  ['1e3s', null],
  [`${'9'.repeat(40)}s`, null],
  ['', null],
  [5n, null],
  [new Date(5), null],
])('%s as a duration is %s', (value, expected) => {
  expect(readDuration(value)).toBe(expected);
});

describe('defaults', () => {
  test('of a job', () => {
    expect(job({})).toEqual({
      name: 'charge',
      version: 1,
      queue: 'default',
      priority: 5,
      input: undefined,
      run,
      dedupOn: 'success',
      limits: { concurrency: null, rate: null },
      retention: { doneMs: DAY_MS, droppedMs: 3 * DAY_MS },
      policy: {
        retry: { maxRetries: 3, backoff: { baseMs: 200, factor: 2, maxMs: 3_600_000, jitter: 0.1 } },
        byCode: {},
        recovery: null,
        attemptTimeoutMs: 900_000,
        deadlineMs: 0,
        onAmbiguous: 'retry',
      },
    });
  });

  test("of a scheduling are the definition's own, now", () => {
    expect(schedule()).toEqual({
      when: { afterMs: 0 },
      queue: 'mail',
      priority: 7,
      labels: [],
      idempotencyKey: null,
      client: null,
    });
  });

  test('of a scheduler', () => {
    expect(scheduler({})).toEqual({
      definitions: [],
      postgres: null,
      redis: null,
      namespace: 'default',
      schema: 'carillon',
      worker: { queues: null, concurrency: 100, leaseMs: 10_000 },
      sweepIntervalMs: 1000,
      maxPayloadBytes: 1_048_576,
      threads: null,
      logger: null,
      redact: [],
      inspect: null,
      operator: expect.stringMatching(/.@./),
    });
  });
});

describe('what is given', () => {
  test('recovery is off, standard, or changed in part', () => {
    const standard = { everyMs: 30_000, factor: 1, max: 5, windowMs: DAY_MS };
    const recoveries = [false, true, {}, { every: '1m', window: '2h' }].map(
      (recovery) => job({ recovery }).policy.recovery,
    );
    expect(recoveries).toEqual([null, standard, standard, { ...standard, everyMs: 60_000, windowMs: 7_200_000 }]);
  });

  test('a rule for one code takes from the general rule what it leaves out', () => {
    const { retry, byCode } = job({
      retry: {
        maxRetries: 5,
        backoff: { base: '1s' },
        byCode: { LIMITED: { backoff: { factor: 1 } }, NEVER: { maxRetries: 0 } },
      },
    }).policy;
    expect(retry).toEqual({ maxRetries: 5, backoff: { baseMs: 1000, factor: 2, maxMs: 3_600_000, jitter: 0.1 } });
    expect(byCode['LIMITED']).toEqual({ maxRetries: 5, backoff: { ...retry.backoff, factor: 1 } });
    expect(byCode['NEVER']).toEqual({ maxRetries: 0, backoff: retry.backoff });
  });

  test('zero turns the attempt timeout and the retention floor off', () => {
    const { policy, retention } = job({ attemptTimeout: 0, retention: { done: 0, dropped: 0 } });
    expect([policy.attemptTimeoutMs, retention]).toEqual([0, { doneMs: 0, droppedMs: 0 }]);
  });

  test('a time in the past is taken as it is', () => {
    expect(schedule({ at: new Date(5) }).when).toEqual({ at: 5 });
    expect(schedule({ delay: '2s' }).when).toEqual({ afterMs: 2000 });
  });

  test('a process may schedule only', () => {
    expect(scheduler({ worker: false }).worker).toBeNull();
    expect(scheduler({ worker: { queues: ['a'], lease: '5s' } }).worker).toEqual({
      queues: ['a'],
      concurrency: 100,
      leaseMs: 5000,
    });
  });
});

type Refusal = [() => unknown, string, RegExp];

const refusals: Refusal[] = [
  [() => resolveJobOptions(undefined), 'name', /is missing: it must start with a letter/],
  [() => resolveJobOptions(null), 'options', /must be an object, got null/],
  [() => resolveJobOptions([]), 'options', /must be an object, got a list of 0/],
  [() => resolveJobOptions({ name: 'charge' }), 'run', /is missing: it must be a function/],
  [() => job({ name: '1st' }), 'name', /must start with a letter.* got '1st'/],
  [() => job({ name: 'a:b' }), 'name', /got 'a:b'/],
  [() => job({ name: 'a'.repeat(129) }), 'name', /at most 128, got 'a{60}…'/],
  [() => job({ queue: 'a:b' }), 'queue', /got 'a:b'/],
  [() => job({ version: 0 }), 'version', /a whole number from 1 to 2147483647, got 0/],
  [() => job({ version: 1.5 }), 'version', /got 1.5/],
  [() => job({ priority: 10 }), 'priority', /a whole number from 0 to 9, got 10/],
  [() => job({ priority: '5' }), 'priority', /got '5'/],
  [() => job({ retry: { maxRetries: -1 } }), 'retry.maxRetries', /a whole number from 0 to 1000, got -1/],
  [() => job({ retry: { maxRetries: Number.NaN } }), 'retry.maxRetries', /got NaN/],
  [() => job({ retry: { retries: 3 } }), 'retry.retries', /is unknown. Known here: maxRetries, backoff, byCode\./],
  [() => job({ retry: 3 }), 'retry', /must be an object, got 3/],
  [() => job({ retry: { backoff: { jitter: 1.1 } } }), 'retry.backoff.jitter', /a number from 0 to 1, got 1.1/],
  [() => job({ retry: { backoff: { factor: 0.5 } } }), 'retry.backoff.factor', /a number from 1 to 100, got 0.5/],
  [() => job({ retry: { backoff: { base: -1 } } }), 'retry.backoff.base', /a duration from 0ms to 366d.*got -1/],
  [
    () => job({ retry: { backoff: { base: '2h' } } }),
    'retry.backoff.base',
    /must be at most 'max': 2h is more than 'max', 1h/,
  ],
  [() => job({ retry: { byCode: { E: { maxRetries: 'x' } } } }), 'retry.byCode.E.maxRetries', /got 'x'/],
  [() => job({ recovery: 'yes' }), 'recovery', /must be an object, got 'yes'/],
  [() => job({ recovery: { every: 0 } }), 'recovery.every', /from 1ms to 366d/],
  [() => job({ recovery: { max: 0 } }), 'recovery.max', /from 1 to 1000/],
  [() => job({ attemptTimeout: '5w' }), 'attemptTimeout', /text like '250ms', '30s', '15m', '24h' or '7d', got '5w'/],
  [() => job({ attemptTimeout: Number.POSITIVE_INFINITY }), 'attemptTimeout', /got Infinity/],
  [() => job({ deadline: 0 }), 'deadline', /from 1ms to 366d.*got 0/],
  [() => job({ deadline: '367d' }), 'deadline', /got '367d'/],
  [() => job({ dedupOn: 'never' }), 'dedupOn', /must be 'success' or 'any', got 'never'/],
  [() => job({ onAmbiguous: true }), 'onAmbiguous', /must be 'retry' or 'drop', got true/],
  [() => job({ retention: { done: '400d' } }), 'retention.done', /366d/],
  [() => job({ input: {} }), 'input', /must be a schema with a Standard Schema interface, got an object/],
  [() => job({ concurrency: {} }), 'concurrency.limit', /is missing: it must be a whole number from 1 to 10000/],
  [() => job({ concurrency: 3 }), 'concurrency', /must be an object, got 3/],
  [() => job({ concurrency: { limit: 0 } }), 'concurrency.limit', /got 0/],
  [() => job({ concurrency: { limit: 1, key: 'tenant' } }), 'concurrency.key', /must be a function, got 'tenant'/],
  [() => job({ rateLimit: { limit: 1 } }), 'rateLimit.per', /is missing: it must be a duration from 1ms to 366d/],
  [() => job({ rateLimit: { limit: 10_001, per: '1s' } }), 'rateLimit.limit', /from 1 to 10000, got 10001/],
  [() => job({ rateLimit: { limit: 1, per: 0 } }), 'rateLimit.per', /got 0/],
  [() => job({ maxRetries: 3 }), 'maxRetries', /is unknown. Known here: name, version, queue/],
  [
    () => resolveActorOptions({ name: 'a', machine: {} }),
    'machine',
    /must be a machine made with createMachine\(\), got an object/,
  ],
  [() => resolveActorOptions({ name: 'a' }), 'machine', /is missing/],
  [() => schedule({ delay: -1 }), 'delay', /from 0ms to 366d/],
  [() => schedule({ delay: 5, at: new Date(5) }), 'at', /excludes 'delay': give one of the two/],
  [() => schedule({ at: new Date(Number.NaN) }), 'at', /must be a valid Date, got an invalid Date/],
  [() => schedule({ at: '2030-01-01' }), 'at', /got '2030-01-01'/],
  [() => schedule({ idempotencyKey: '' }), 'idempotencyKey', /text of 1 to 512 bytes, got ''/],
  [() => schedule({ idempotencyKey: 'ä'.repeat(257) }), 'idempotencyKey', /512 bytes/],
  [() => schedule({ idempotencyKey: 'a\0b' }), 'idempotencyKey', /without NUL and lone surrogates/],
  [() => schedule({ labels: Array(21).fill('a') }), 'labels', /a list of at most 20, got a list of 21/],
  [() => schedule({ labels: ['ok', 'a\uD800'] }), 'labels[1]', /lone surrogates/],
  [() => schedule({ labels: ['a'.repeat(65)] }), 'labels[0]', /text of 1 to 64 bytes/],
  [() => schedule({ client: {} }), 'client', /a connected pg client/],
  [() => schedule({ tags: [] }), 'tags', /is unknown/],
  [() => scheduler({ definitions: 5 }), 'definitions', /a list of at most 10000, got 5/],
  [() => resolveSchedulerOptions({}), 'definitions', /is missing/],
  [() => scheduler({ schema: 'Carillon' }), 'schema', /must be lower case letters/],
  [() => scheduler({ schema: 'pg_x' }), 'schema', /not starting with a digit or 'pg_'/],
  [() => scheduler({ schema: 'a"; drop' }), 'schema', /got 'a"; drop'/],
  [() => scheduler({ namespace: 'a:b' }), 'namespace', /got 'a:b'/],
  [() => scheduler({ worker: true }), 'worker', /must be an object, got true/],
  [() => scheduler({ worker: { concurrency: 0 } }), 'worker.concurrency', /from 1 to 10000/],
  [() => scheduler({ worker: { lease: '2h' } }), 'worker.lease', /from 100ms to 1h/],
  [() => scheduler({ worker: { queues: ['ok', 'a b'] } }), 'worker.queues[1]', /got 'a b'/],
  [() => scheduler({ sweepInterval: 1 }), 'sweepInterval', /from 10ms to 1h/],
  [() => scheduler({ maxPayload: 10 }), 'maxPayload', /from 1024 to 67108864/],
  [() => scheduler({ logger: true }), 'logger', /a pino logger or false, got true/],
  [() => scheduler({ postgres: '' }), 'postgres', /got ''/],
  [() => scheduler({ threads: {} }), 'threads', /must be an object with the method deliver\(\), got an object/],
];

test.each(refusals)('refusal %# names the option and the range', (resolve, option, message) => {
  let refused: unknown;
  try {
    resolve();
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(InvalidOptionError);
  expect(refused).toMatchObject({ code: 'INVALID_OPTION', option, message: expect.stringMatching(message) });
});

test('an option that is given as undefined counts as not given', () => {
  expect(job({ priority: undefined, retry: undefined, recovery: undefined })).toEqual(job({}));
});
