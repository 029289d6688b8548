/** Urgent work that never ends starves nobody: counted in claims, whatever the machine's speed. */
import { expect, test } from 'vitest';
import { createScheduler, defineJob, type Scheduler } from '../../../src/index.ts';
import { realWorld } from '../../../src/scheduler/world.ts';
import { openScheduler } from '../../../src/scheduler.ts';
import { createTestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

/** Urgent runs that are due at any time. */
const BACKLOG = 30;
/** One claim in so many serves the level whose oldest run has waited longest. */
const AGING_EVERY = 8;
/** Those that were due before it go first, one or more a claim. */
const MOST_CLAIMS = BACKLOG + 2 * AGING_EVERY;

test('a run of the lowest priority starts although urgent work never ends', async () => {
  const database = await createTestDatabase();
  const seen = { claims: 0, atScheduling: 0, atStart: 0, urgent: 0, over: false };
  const parts: { client?: Scheduler } = {};
  const urgent = defineJob({
    name: 'urgent',
    priority: 0,
    async run() {
      seen.urgent += 1;
      if (!seen.over) await parts.client?.schedule('urgent');
    },
  });
  const patient = defineJob({ name: 'patient', priority: 9, run: () => void (seen.atStart = seen.claims) });
  const options = { definitions: [urgent, patient], postgres: database.connectionString, logger: false } as const;
  const client = await createScheduler({ ...options, worker: false });
  parts.client = client;
  const worker = await openScheduler(
    { ...options, worker: { concurrency: 2 } },
    {
      env: realWorld.env,
      async connect(...args) {
        const connections = await realWorld.connect(...args);
        const { store } = connections;
        const claim: typeof store.claim = (request) => {
          seen.claims += 1;
          return store.claim(request);
        };
        return { ...connections, store: { ...store, claim } };
      },
    },
  );
  try {
    for (let n = 0; n < BACKLOG; n += 1) await client.schedule(urgent);
    await worker.start();
    await waitUntil(() => seen.urgent > BACKLOG, { what: 'the urgent work to go round' });
    seen.atScheduling = seen.claims;
    await client.schedule(patient);
    await waitUntil(() => seen.atStart > 0 || seen.claims > seen.atScheduling + 10 * MOST_CLAIMS, {
      timeoutMs: 25_000,
    });
    const urgentMeanwhile = seen.urgent;
    expect(seen.atStart).toBeGreaterThan(0);
    expect(seen.atStart - seen.atScheduling).toBeLessThanOrEqual(MOST_CLAIMS);
    // It never ends.
    await waitUntil(() => seen.urgent > urgentMeanwhile + BACKLOG, { what: 'the urgent work to go on' });
  } finally {
    seen.over = true;
    await worker.stop({ timeout: '5s' });
    await client.stop();
    await database.close();
  }
});
