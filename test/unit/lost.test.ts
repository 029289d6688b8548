/** A worker that gives an actor up though the store still counts it as held: nothing else would ever free it. */
import { expect, test } from 'vitest';
import type { Alarms } from '../../src/alarms.ts';
import { systemEnv } from '../../src/env.ts';
import { defineJob } from '../../src/index.ts';
import { openScheduler } from '../../src/scheduler.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
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

test('an actor whose writes never seemed to arrive is given back, taken again, and settles', async () => {
  const attempts: number[] = [];
  const job = defineJob({ name: 'job', run: ({ attempt }) => void attempts.push(attempt) });
  const store = forgetful(createMemoryStore({ env: systemEnv }), 6);
  const scheduler = await openScheduler(
    { definitions: [job], logger: false, sweepInterval: '20ms' },
    { env: systemEnv, connect: async () => ({ store, alarms: NO_ALARMS, close: () => store.close() }) },
  );
  await scheduler.start();
  const handle = await scheduler.schedule(job);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  expect(attempts).toHaveLength(2);
  const [worker] = (await store.stats()).workers;
  await waitUntil(async () => (await store.heldBy(worker?.id ?? '')).length === 0);
  expect(await store.audit(10)).toEqual([]);
  await scheduler.stop();
});
