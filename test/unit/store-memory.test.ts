import { expect, test } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import { createMemoryDatabase, createMemoryStore } from '../../src/store/memory.ts';
import { type StoreUnderTest, storeConformance } from '../support/store-conformance.ts';

async function open(): Promise<StoreUnderTest> {
  let now = Date.UTC(2026, 0, 1);
  const database = createMemoryDatabase({ now: () => now });
  const store = database.open({ env: systemEnv });
  return {
    store,
    advance: async (ms) => {
      now += ms;
    },
    another: async (namespace) => database.open({ env: systemEnv, ...(namespace && { namespace }) }),
    close: () => store.close(),
  };
}

storeConformance('the in-memory store', open, { randomRuns: 200 });

test('a store of its own takes the wall clock of its Env for the database clock, on whole milliseconds', async () => {
  const store = createMemoryStore({ env: { ...systemEnv, wallMs: () => 1_234.9 } });
  expect(await store.now()).toBe(1_234);
  await store.close();
});
