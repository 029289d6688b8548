/** Limits of definitions, seen from the door. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import {
  type AnyDefinition,
  defineActor,
  defineJob,
  fromJob,
  InvalidInputError,
  type JobOptions,
  type Scheduler,
} from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

/** A job whose runs go on until the test lets them. */
function gatedJob(options: Partial<JobOptions> = {}) {
  const running: string[] = [];
  const order: string[] = [];
  const gates = new Map<string, ReturnType<typeof deferred>>();
  const gateOf = (name: string): ReturnType<typeof deferred> => {
    const gate = gates.get(name) ?? deferred();
    gates.set(name, gate);
    return gate;
  };
  const job = defineJob<string>({
    name: 'gated',
    concurrency: { limit: 1 },
    ...options,
    async run({ input, signal }) {
      running.push(input);
      order.push(input);
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
      try {
        await Promise.race([gateOf(input).promise, aborted]);
      } finally {
        running.splice(running.indexOf(input), 1);
      }
    },
  });
  return { job, running, order, open: (name: string) => gateOf(name).resolve(undefined) };
}

async function waits(scheduler: Scheduler, id: string): Promise<true> {
  return waitUntil(async () => (await scheduler.explain(id)).waitingFor[0]?.for === 'limit');
}

test('runs of one key go on one after the other, the more urgent and then the older first', async () => {
  const { job, running, order, open } = gatedJob();
  const scheduler = await schedulers.open({ definitions: [job] });
  const handles = [await scheduler.schedule(job, 'first')];
  await waitUntil(() => running.length === 1);
  for (const [name, priority] of [
    ['low', 9],
    ['old', 5],
    ['new', 5],
    ['high', 1],
  ] as const)
    handles.push(await scheduler.schedule(job, name, { priority }));
  await Promise.all(handles.slice(1).map(({ id }) => waits(scheduler, id)));
  expect(running).toEqual(['first']);
  for (const name of ['first', 'high', 'old', 'new', 'low']) {
    await waitUntil(() => running.includes(name));
    expect(running).toEqual([name]);
    open(name);
  }
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  expect(order).toEqual(['first', 'high', 'old', 'new', 'low']);
});

test('each key has its own places, over all processes', async () => {
  const { job, running, open } = gatedJob({ concurrency: { key: (input) => (input as string).charAt(0), limit: 2 } });
  const [first, second] = [
    await schedulers.open({ definitions: [job] }),
    await schedulers.open({ definitions: [job] }),
  ];
  const names = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'];
  const handles = await Promise.all(names.map((name, index) => (index % 2 === 0 ? first : second).schedule(job, name)));
  await waitUntil(() => running.length === 4);
  const blocked = names.filter((name) => !running.includes(name));
  expect(blocked.map((name) => name.charAt(0)).sort()).toEqual(['a', 'b']);
  for (const name of names) open(name);
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
});

test('one that waits says for what, and can be cancelled at once; running it now does not overrule the limit', async () => {
  const { job, running, order, open } = gatedJob();
  const scheduler = await schedulers.open({ definitions: [job] });
  const first = await scheduler.schedule(job, 'first');
  await waitUntil(() => running.length === 1);
  const second = await scheduler.schedule(job, 'second');
  const later = await scheduler.schedule(job, 'later', { delay: '1h' });
  await waits(scheduler, second.id);
  expect((await scheduler.explain(second.id)).waitingFor[0]).toEqual({
    for: 'limit',
    detail: "waits for a place: concurrency key '*', 1 of 1 running",
  });
  await scheduler.runNow(later.id);
  await waits(scheduler, later.id);
  await scheduler.cancel(second.id);
  expect(await second.result({ timeout: '10s' })).toMatchObject({ status: 'cancelled', attempts: 0 });
  open('first');
  await first.result({ timeout: '10s' });
  open('later');
  await later.result({ timeout: '10s' });
  expect(order).toEqual(['first', 'later']);
});

test('a run that waits for its retry leaves its place to others', async () => {
  const order: string[] = [];
  const job = defineJob<string>({
    name: 'failing',
    concurrency: { limit: 1 },
    retry: { maxRetries: 1, backoff: { base: 300, jitter: 0 } },
    run({ input, attempt }) {
      order.push(`${input}${attempt}`);
      if (input === 'a' && attempt === 1) throw new Error('once');
    },
  });
  const scheduler = await schedulers.open({ definitions: [job] });
  const a = await scheduler.schedule(job, 'a');
  const b = await scheduler.schedule(job, 'b');
  await Promise.all([a.result({ timeout: '10s' }), b.result({ timeout: '10s' })]);
  expect(order).toEqual(['a1', 'b1', 'a2']);
});

test('retries without any backoff take a start each', async () => {
  const starts: number[] = [];
  const job = defineJob({
    name: 'eager',
    rateLimit: { limit: 1, per: 200 },
    retry: { maxRetries: 2, backoff: { base: 0 } },
    run({ attempt }) {
      starts.push(performance.now());
      if (attempt < 3) throw new Error('again');
      return attempt;
    },
  });
  const scheduler = await schedulers.open({ definitions: [job] });
  const handle = await scheduler.schedule(job);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: 3, attempts: 3 });
  // Less the time a commit may take to be answered.
  for (const [index, at] of starts.slice(1).entries()) expect(at - (starts[index] ?? 0)).toBeGreaterThan(100);
});

test('a rate says when the next start is allowed', async () => {
  const job = defineJob({ name: 'rated', rateLimit: { limit: 1, per: '1h' }, run: () => {} });
  const scheduler = await schedulers.open({ definitions: [job] });
  const before = Date.now();
  await (await scheduler.schedule(job)).result({ timeout: '10s' });
  const { id } = await scheduler.schedule(job);
  await waits(scheduler, id);
  const [reason] = (await scheduler.explain(id)).waitingFor;
  expect(reason?.detail).toMatch(/^rate limit: key '\*', 1 of 1 started, next start at 20/);
  expect(reason?.at?.getTime()).toBeGreaterThanOrEqual(before + 3_600_000 - 1_000);
});

test('a deadline passes for one that waits, too, without an attempt and without a sweep', async () => {
  const { job, running, order, open } = gatedJob();
  const hurried = gatedJob({ version: 2, deadline: '700ms' });
  const scheduler = await schedulers.open({ definitions: [job, hurried.job], sweepInterval: '1h' });
  const first = await scheduler.schedule(job, 'first');
  await waitUntil(() => running.length === 1);
  const second = await scheduler.schedule(hurried.job, 'second');
  expect(await second.result({ timeout: '10s' })).toMatchObject({
    status: 'expired',
    reason: 'deadline',
    attempts: 0,
    startedAt: null,
  });
  open('first');
  await first.result({ timeout: '10s' });
  expect([...order, ...hurried.order]).toEqual(['first']);
});

test('a deploy that raises the limit lets in those that wait', async () => {
  const { job, running, open } = gatedJob();
  const scheduler = await schedulers.open({ definitions: [job], sweepInterval: '100ms' });
  const handles = [];
  for (const name of ['a', 'b', 'c']) handles.push(await scheduler.schedule(job, name));
  await waitUntil(() => running.length === 1);
  const raised = gatedJob({ concurrency: { limit: 2 } });
  await schedulers.open({ definitions: [raised.job], start: false });
  await waitUntil(() => running.length === 2);
  for (const name of ['a', 'b', 'c']) open(name);
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
});

test('a paused queue keeps its runs from starting, and others of the key go on', async () => {
  const { job, running, order, open } = gatedJob();
  const scheduler = await schedulers.open({
    definitions: [job],
    worker: { queues: ['default', 'side'] },
    sweepInterval: '100ms',
  });
  const first = await scheduler.schedule(job, 'first');
  await waitUntil(() => running.length === 1);
  const side = await scheduler.schedule(job, 'side', { queue: 'side', priority: 0 });
  const last = await scheduler.schedule(job, 'last');
  await waits(scheduler, side.id);
  await waits(scheduler, last.id);
  await scheduler.pauseQueue('side');
  open('first');
  open('last');
  await Promise.all([first, last].map((handle) => handle.result({ timeout: '10s' })));
  await scheduler.resumeQueue('side');
  open('side');
  await side.result({ timeout: '10s' });
  expect(order).toEqual(['first', 'last', 'side']);
});

test('a worker that stops hands its run on, which waits for a place like any other', async () => {
  const { job, running, order, open } = gatedJob();
  const [leaving, staying] = [
    await schedulers.open({ definitions: [job] }),
    await schedulers.open({ definitions: [job], start: false }),
  ];
  const handle = await leaving.schedule(job, 'moved');
  await waitUntil(() => running.length === 1);
  await leaving.stop({ timeout: 0 });
  await staying.start();
  await waitUntil(() => order.length === 2);
  open('moved');
  expect(await handle.result({ timeout: '1ms' }).catch(() => null)).toBeNull();
  expect(await staying.getHandle(handle.id).result({ timeout: '10s' })).toMatchObject({ attempts: 1 });
});

test('a child that a machine invokes stands under the limits of its job', async () => {
  const { job, running, open } = gatedJob({ concurrency: { key: (input) => input as string, limit: 1 } });
  const parent = defineActor({
    name: 'parent',
    machine: setup({ actors: { work: fromJob(job) } }).createMachine({
      initial: 'working',
      states: {
        working: { invoke: { src: 'work', input: 'child', onDone: 'done', onError: 'failed' } },
        done: { type: 'final' },
        failed: { type: 'final', tags: 'dropped' },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [job, parent] as AnyDefinition[] });
  const handles = [await scheduler.schedule(parent), await scheduler.schedule(parent)];
  await waitUntil(() => running.length === 1);
  const { items } = await scheduler.list({ name: 'gated' });
  const reasons = await Promise.all(items.map(({ id }) => scheduler.explain(id)));
  expect(running).toHaveLength(1);
  await waitUntil(async () => {
    const states = await Promise.all(items.map(({ id }) => scheduler.explain(id)));
    return states.some(({ waitingFor }) => waitingFor[0]?.for === 'limit');
  });
  expect(reasons).toHaveLength(2);
  open('child');
  for (const handle of handles) expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('an input without a key is refused before anything is stored, and the item is named', async () => {
  const job = defineJob<{ tenant?: string }>({
    name: 'keyed',
    concurrency: { key: (input) => (input as { tenant: string }).tenant.trim(), limit: 1 },
    run: () => {},
  });
  const scheduler = await schedulers.open({ definitions: [job] });
  await expect(scheduler.schedule(job, {})).rejects.toThrow(InvalidInputError);
  const many = scheduler.scheduleMany(job, [{ input: { tenant: 'x' } }, { input: {} }]);
  await expect(many).rejects.toThrow(/items\[1\].*'concurrency\.key' threw/);
  expect((await scheduler.list({ name: 'keyed' })).items).toEqual([]);
});

test('an idempotency key works as ever for a run that waits', async () => {
  const { job, running, open } = gatedJob();
  const scheduler = await schedulers.open({ definitions: [job] });
  const first = await scheduler.schedule(job, 'first');
  await waitUntil(() => running.length === 1);
  const waiting = await scheduler.schedule(job, 'second', { idempotencyKey: 'k' });
  await waits(scheduler, waiting.id);
  const again = await scheduler.schedule(job, 'second', { idempotencyKey: 'k' });
  expect(again).toMatchObject({ id: waiting.id, outcome: 'skipped_in_flight' });
  open('first');
  open('second');
  await Promise.all([first, waiting].map((handle) => handle.result({ timeout: '10s' })));
  expect((await scheduler.schedule(job, 'second', { idempotencyKey: 'k' })).outcome).toBe('skipped_idempotent');
});
