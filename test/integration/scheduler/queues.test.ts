/** Queues, priorities, and several schedulers at work on one database. */
import { expect, test } from 'vitest';
import { defineJob, type Scheduler } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

test('runs of a higher priority go first, whatever order they were scheduled in', async () => {
  const order: number[] = [];
  const rank = defineJob({ name: 'rank', run: ({ input }: { input: number }) => void order.push(input) });
  const scheduler = await schedulers.open({ definitions: [rank], worker: { concurrency: 1 }, start: false });
  const handles = [];
  for (const priority of [9, 5, 0, 7, 2]) handles.push(await scheduler.schedule(rank, priority, { priority }));
  await scheduler.start();
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  expect(order).toEqual([0, 2, 5, 7, 9]);
});

test('within one priority, what has been due longest goes first', async () => {
  const order: number[] = [];
  const rank = defineJob({ name: 'rank', run: ({ input }: { input: number }) => void order.push(input) });
  const scheduler = await schedulers.open({ definitions: [rank], worker: { concurrency: 1 }, start: false });
  const base = Date.now() + 200;
  const late = await scheduler.schedule(rank, 3, { at: new Date(base + 40) });
  const soon = await scheduler.schedule(rank, 2, { at: new Date(base + 20) });
  const now = await scheduler.schedule(rank, 1, { at: new Date(base) });
  await waitUntil(async () => {
    const { queues } = await scheduler.stats();
    return queues.find(({ queue }) => queue === 'default')?.due === 3;
  });
  await scheduler.start();
  await Promise.all([late, soon, now].map((handle) => handle.result({ timeout: '10s' })));
  expect(order).toEqual([1, 2, 3]);
});

test('no more runs at once than the worker has slots', async () => {
  let running = 0;
  let most = 0;
  const hold = deferred();
  const count = defineJob({
    name: 'count',
    async run() {
      running += 1;
      most = Math.max(most, running);
      await hold.promise;
      running -= 1;
    },
  });
  const scheduler = await schedulers.open({ definitions: [count], worker: { concurrency: 3 } });
  const handles = await scheduler.scheduleMany(
    count,
    Array.from({ length: 10 }, () => ({ input: undefined })),
  );
  await waitUntil(() => running === 3);
  hold.resolve();
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  expect(most).toBe(3);
});

test('a queue nobody serves is left alone, and another worker serves it', async () => {
  const ran: string[] = [];
  const mail = defineJob({ name: 'mail', run: ({ input }: { input: string }) => void ran.push(input) });
  const first = await schedulers.open({ definitions: [mail], worker: { queues: ['default'] } });
  const left = await first.schedule(mail, 'slow', { queue: 'slow' });
  const taken = await first.schedule(mail, 'default');
  await taken.result({ timeout: '10s' });
  expect(await first.get(left.id)).toMatchObject({ state: 'scheduled', queue: 'slow' });
  expect((await first.explain(left.id)).waitingFor[0]).toMatchObject({ for: 'worker' });
  expect(ran).toEqual(['default']);
  await schedulers.open({ definitions: [mail], worker: { queues: ['slow'] } });
  await left.result({ timeout: '10s' });
  const told = await first.schedule(mail, 'told', { queue: 'slow' });
  await told.result({ timeout: '10s' });
  expect(ran).toEqual(['default', 'slow', 'told']);
});

test('a paused queue keeps its runs, says so, and gives them out once resumed', async () => {
  const ping = defineJob({ name: 'ping', run: () => 'pong' });
  const scheduler = await schedulers.open({ definitions: [ping] });
  await scheduler.pauseQueue('default');
  const handle = await scheduler.schedule(ping);
  const later = await scheduler.schedule(ping, undefined, { delay: 50 });
  const defaultQueue = async () => (await scheduler.stats()).queues.find(({ queue }) => queue === 'default');
  expect(await defaultQueue()).toMatchObject({ paused: true });
  await waitUntil(async () => (await defaultQueue())?.due === 2);
  const { waitingFor } = await scheduler.explain(handle.id);
  expect(waitingFor[0]).toMatchObject({ for: 'queue', detail: expect.stringContaining('paused') });
  expect((await scheduler.get(handle.id))?.state).toBe('scheduled');
  await scheduler.resumeQueue('default');
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  expect(await later.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('two schedulers share the work, and each run is done once', async () => {
  const ran: string[] = [];
  const work = (who: string) =>
    defineJob({
      name: 'work',
      async run({ input }: { input: number }) {
        ran.push(`${who} ${input}`);
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
  const jobs = [work('a'), work('b')] as const;
  const [a, b] = (await Promise.all(
    jobs.map((job) => schedulers.open({ definitions: [job], worker: { concurrency: 5 }, start: false })),
  )) as [Scheduler, Scheduler];
  const handles = await a.scheduleMany(
    jobs[0],
    Array.from({ length: 200 }, (_, input) => ({ input })),
  );
  await Promise.all([a.start(), b.start()]);
  await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })));
  expect(ran).toHaveLength(200);
  expect(new Set(ran.map((line) => line.split(' ')[1])).size).toBe(200);
  expect(new Set(ran.map((line) => line.split(' ')[0]))).toEqual(new Set(['a', 'b']));
});

test('a scheduler without a worker schedules, sends and waits while another one works', async () => {
  const ping = defineJob({ name: 'ping', run: () => 'pong' });
  const door = await schedulers.open({ definitions: [ping], worker: false });
  await schedulers.open({ definitions: [ping] });
  const handle = await door.schedule(ping);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 'pong' });
  const later = await door.schedule(ping, undefined, { delay: '1h' });
  await door.runNow(later.id);
  expect(await later.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  const { workers } = await door.stats();
  expect(workers).toHaveLength(1);
  expect(workers[0]).toMatchObject({ pid: process.pid, concurrency: 100, alive: true });
});

test('a worker leaves alone what it has no code for, and one that has it runs it', async () => {
  const known = defineJob({ name: 'known', run: () => 'known' });
  const unknown = defineJob({ name: 'unknown', run: () => 'found' });
  const door = await schedulers.open({ definitions: [known, unknown], worker: false });
  await schedulers.open({ definitions: [known] });
  const left = await door.schedule(unknown);
  const taken = await door.schedule(known);
  expect(await taken.result({ timeout: '10s' })).toMatchObject({ output: 'known' });
  expect((await door.get(left.id))?.state).toBe('scheduled');
  expect((await door.explain(left.id)).waitingFor[0]).toMatchObject({
    for: 'definition',
    detail: expect.stringContaining('unknown version 1'),
  });
  await schedulers.open({ definitions: [unknown] });
  expect(await left.result({ timeout: '10s' })).toMatchObject({ output: 'found' });
});

test('a worker takes no newer version than it has, and a name alone means the newest', async () => {
  const first = defineJob({ name: 'greet', run: () => 'old' });
  const second = defineJob({ name: 'greet', version: 2, run: () => 'new' });
  const both = await schedulers.open({ definitions: [first, second], start: false });
  const [newer, older] = [await both.schedule('greet'), await both.schedule(first)];
  await schedulers.open({ definitions: [first] });
  expect(await older.result({ timeout: '10s' })).toMatchObject({ output: 'old' });
  expect(await both.get(newer.id)).toMatchObject({ version: 2, state: 'scheduled' });
  await both.start();
  expect(await newer.result({ timeout: '10s' })).toMatchObject({ output: 'new' });
});

test('two namespaces in one database do not see each other', async () => {
  const ping = defineJob({ name: 'ping', run: () => 'pong' });
  const mine = await schedulers.open({ definitions: [ping], namespace: 'mine', worker: false });
  const yours = await schedulers.open({ definitions: [ping], namespace: 'yours' });
  const handle = await mine.schedule(ping, undefined, { idempotencyKey: 'k', delay: '1h' });
  expect(await yours.get(handle.id)).toBeNull();
  expect((await yours.list()).items).toEqual([]);
  expect((await yours.schedule(ping, undefined, { idempotencyKey: 'k', delay: '1h' })).outcome).toBe('scheduled');
  expect((await mine.stats()).active).toBe(1);
});
