import { pino } from 'pino';
import { expect, test } from 'vitest';
import { type Attempt, runHandler } from '../../actors/run-handler.ts';
import { DropError } from '../../src/classify.ts';
import type { RunContext } from '../../src/run-context.ts';

function attempt(run: (context: RunContext<never>) => unknown, changes: Partial<Attempt> = {}): Attempt {
  return {
    run,
    id: 'actor',
    name: 'charge',
    input: { amount: 5 },
    attempt: 2,
    attemptId: 'effect/2',
    idempotencyKey: 'effect',
    nominalAt: 1000,
    outputs: null,
    signal: () => new AbortController().signal,
    logger: pino({ level: 'silent' }),
    progress: () => Promise.resolve(),
    schedule: () => Promise.reject(new Error('not here')),
    ...changes,
  };
}

test('the handler gets the context of its run and its output comes back', async () => {
  const seen = await runHandler(
    attempt(({ input, attempt, nominalAt, idempotencyKey }) => ({ input, attempt, nominalAt, idempotencyKey })),
  );
  expect(seen).toEqual({
    ok: true,
    output: { input: { amount: 5 }, attempt: 2, nominalAt: new Date(1000), idempotencyKey: 'effect' },
  });
});

test.each<[string, () => unknown, object]>([
  [
    'a throw',
    () => {
      throw new DropError('no', { reason: 'card' });
    },
    { verdict: 'drop', reason: 'card' },
  ],
  [
    'a rejection',
    () => Promise.reject(new TypeError('x')),
    { verdict: 'retry', error: { name: 'TypeError', message: 'x' } },
  ],
  ['a rejection with nothing', () => Promise.reject(undefined), { verdict: 'retry' }],
])('%s is a classified failure', async (_, run, failure) => {
  expect(await runHandler(attempt(run))).toMatchObject({ ok: false, failure });
});

test('lines a handler logs carry the run they belong to', async () => {
  const lines: string[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) });
  await runHandler(attempt(({ log }) => log.info('charged'), { logger }));
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: 30, actor: 'actor', name: 'charge', attempt: 2, msg: 'charged' },
  ]);
});

test('a handler that is through when it returns is over at once; one that promises is over later', () => {
  expect(runHandler(attempt(() => 'now'))).toEqual({ ok: true, output: 'now' });
  expect(runHandler(attempt(async () => 'later'))).toBeInstanceOf(Promise);
});

test('whatever can be awaited is awaited', async () => {
  // oxlint-disable-next-line unicorn/no-thenable -- what query builders give
  const thenable = { then: (resolve: (value: string) => void) => resolve('then') };
  expect(await runHandler(attempt(() => thenable))).toEqual({ ok: true, output: 'then' });
});

test('a handler may copy its context, with all that is in it', async () => {
  const { signal } = new AbortController();
  let copied: Partial<RunContext<never>> = {};
  await runHandler(attempt((context) => void (copied = { ...context }), { signal: () => signal }));
  expect(copied).toMatchObject({ id: 'actor', signal, outputs: {}, attempt: 2 });
  expect(copied.log?.bindings()).toMatchObject({ actor: 'actor', attempt: 2 });
});
