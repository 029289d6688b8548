import { systemEnv } from '../../src/env.ts';
import { createMemoryDatabase } from '../../src/store/memory.ts';
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
