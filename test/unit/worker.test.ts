/** A worker on a store in memory that answers late, or forgets. */
import { expect, test } from 'vitest';
import type { Alarms } from '../../src/alarms.ts';
import { systemEnv } from '../../src/env.ts';
import { defineJob, type Scheduler, type SchedulerOptions } from '../../src/index.ts';
import { openScheduler } from '../../src/scheduler.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { deferred } from '../support/deferred.ts';
import { waitUntil } from '../support/wait-until.ts';

const NO_ALARMS: Alarms = {
  arm: () => {},
  topUp: () => {},
  listen: async () => {},
  state: () => ({ up: false, armed: 0 }),
  close: async () => {},
};

/** Answers so many commits with nothing done. */
function forgetful(store: Store, times: number): Store {
  let left = times;
  return {
    ...store,
    async commit(worker, writes, leases) {
      if (writes.length === 0 || left-- <= 0) return store.commit(worker, writes, leases);
      return { ...(await store.commit(worker, [], leases)), committed: new Set<string>() };
    },
  };
}

/** Lets claims wait until they are let go. */
function slowClaims(store: Store) {
  const gate = { asked: 0, open: deferred(), stopping: deferred() };
  const slow: Store = {
    ...store,
    async claim(request) {
      gate.asked += 1;
      await gate.open.promise;
      return store.claim(request);
    },
    async listen(worker, listener) {
      const listening = await store.listen(worker, listener);
      return { close: () => listening.close().finally(() => gate.stopping.resolve()) };
    },
  };
  return { gate, slow };
}

function openOn(
  store: Store,
  options: Pick<SchedulerOptions, 'definitions' | 'worker' | 'sweepInterval'>,
): Promise<Scheduler> {
  return openScheduler(
    { sweepInterval: '20ms', ...options, logger: false },
    {
      env: systemEnv,
      connect: async () => ({ store, pool: () => null, alarms: NO_ALARMS, close: () => store.close() }),
    },
  );
}

test('what is scheduled while a claim is on its way counts against the slots that claim asked for', async () => {
  let running = 0;
  let most = 0;
  const job = defineJob({
    name: 'job',
    async run() {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
    },
  });
  const { gate, slow } = slowClaims(createMemoryStore({ env: systemEnv }));
  const scheduler = await openOn(slow, { definitions: [job], worker: { concurrency: 2 } });
  await scheduler.start();
  await waitUntil(() => gate.asked === 1);
  const handles = [];
  for (let n = 0; n < 6; n += 1) handles.push(await scheduler.schedule(job));
  gate.open.resolve();
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  expect(most).toBe(2);
  await scheduler.stop();
});

test('a worker that holds nothing stops as soon as its claim is answered', async () => {
  const { gate, slow } = slowClaims(createMemoryStore({ env: systemEnv }));
  const scheduler = await openOn(slow, { definitions: [defineJob({ name: 'job', run: () => 1 })] });
  await scheduler.start();
  await waitUntil(() => gate.asked === 1);
  const stopped = scheduler.stop({ timeout: '1h' });
  await gate.stopping.promise;
  setImmediate(() => gate.open.resolve());
  await stopped;
});

test('an actor whose writes never seemed to arrive is given back, taken again, and settles', async () => {
  const attempts: number[] = [];
  const job = defineJob({ name: 'job', run: ({ attempt }) => void attempts.push(attempt) });
  const store = forgetful(createMemoryStore({ env: systemEnv }), 6);
  const scheduler = await openOn(store, { definitions: [job] });
  await scheduler.start();
  const handle = await scheduler.schedule(job);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  expect(attempts).toHaveLength(2);
  const [worker] = (await store.stats()).workers;
  await waitUntil(async () => (await store.heldBy(worker?.id ?? '')).length === 0);
  expect(await store.audit(10)).toEqual([]);
  await scheduler.stop();
});

test('a run that comes due while the next due instant is looked up needs no sweep', async () => {
  const job = defineJob({ name: 'job', run: () => {} });
  const store = createMemoryStore({ env: systemEnv });
  const slow: Store = {
    ...store,
    async nextDue(queues, defs) {
      const reply = await store.nextDue(queues, defs);
      // Answered only once it has passed.
      for (const at of reply.due.values()) await waitUntil(async () => (await store.now()) > at);
      return { ...reply, now: await store.now() };
    },
  };
  const scheduler = await openOn(slow, { definitions: [job], sweepInterval: '1h' });
  await scheduler.start();
  const handles = [];
  for (const delay of [20, 60, 100, 140]) handles.push(await scheduler.schedule(job, undefined, { delay }));
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  await scheduler.stop();
});

test('nothing starts at once before what came due while a claim was on its way', async () => {
  const order: string[] = [];
  const job = defineJob<string>({ name: 'job', run: ({ input }) => void order.push(input) });
  const store = createMemoryStore({ env: systemEnv });
  const claimed = deferred();
  const looked = deferred();
  const asked = { claims: 0, looks: 0 };
  const slow: Store = {
    ...store,
    async claim(request) {
      const reply = await store.claim(request);
      asked.claims += 1;
      await claimed.promise;
      return reply;
    },
    async nextDue(queues, defs) {
      asked.looks += 1;
      await looked.promise;
      return store.nextDue(queues, defs);
    },
  };
  const scheduler = await openOn(slow, { definitions: [job], sweepInterval: '1h', worker: { concurrency: 1 } });
  await scheduler.start();
  await waitUntil(() => asked.claims === 1);
  const first = await scheduler.schedule(job, 'first');
  claimed.resolve();
  await waitUntil(() => asked.looks >= 1);
  const second = await scheduler.schedule(job, 'second');
  looked.resolve();
  await Promise.all([first.result({ timeout: '10s' }), second.result({ timeout: '10s' })]);
  expect(order).toEqual(['first', 'second']);
  await scheduler.stop();
});

test('a queue that is never empty does not keep another one of the same priority waiting', async () => {
  const order: string[] = [];
  const noting = (name: string) => defineJob({ name, queue: name, run: () => void order.push(name) });
  const definitions = [noting('busy'), noting('quiet')];
  const scheduler = await openOn(createMemoryStore({ env: systemEnv }), { definitions, worker: { concurrency: 2 } });
  const many = Array.from({ length: 50 }, () => ({ input: undefined }));
  const handles = [];
  for (const definition of definitions) handles.push(...(await scheduler.scheduleMany(definition, many)));
  await scheduler.start();
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  const [first, second] = ['busy', 'quiet'].map((name) => order.indexOf(name));
  expect(Math.max(first ?? -1, second ?? -1)).toBeLessThan(10);
  await scheduler.stop();
});
