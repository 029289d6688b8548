/** Alarms on Postgres: their tables, their connections, and a crash of the server. */
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Alarms } from '../../src/alarms.ts';
import {
  ALARM_PROCESS,
  closeAlarmsAfterEach,
  listenTo,
  openAlarms,
  openUp,
  recordingLogger,
} from '../support/alarms.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { startProcess } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';

closeAlarmsAfterEach();

/** The alarms go on using their tables meanwhile: the server may end the drop to undo a deadlock. */
async function dropAlarms(pool: Pool): Promise<void> {
  await waitUntil(
    () =>
      pool.query('DROP SCHEMA carillon_bullmq CASCADE').catch((error: { code?: string }) => {
        if (error.code === '40P01') return null;
        throw error;
      }),
    { what: 'the alarms to lose their tables' },
  );
}

describe('alarms on Postgres', () => {
  let database: TestDatabase;
  let pool: Pool;

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
    pool = database.pool();
  });
  afterAll(() => database.close());

  test('processes that start at once on a new database create the tables once', async () => {
    const fresh = await createTestDatabase({ empty: true });
    try {
      const pools = Array.from({ length: 4 }, () => fresh.pool());
      const all = await Promise.all(pools.map((each) => openUp({ kind: 'postgres', pool: each })));
      const wakes = await listenTo(all[0] as Alarms, 'mail');
      all[3]?.arm('mail', Date.now() + 900, Date.now());
      await waitUntil(() => wakes.length > 0, { what: 'the wake-up' });
      await Promise.all(all.map((alarms) => alarms.close()));
    } finally {
      await fresh.close();
    }
  });

  test('all queues share three connections, and none of the pool passed in', async () => {
    const own = database.pool({ max: 1 });
    const alarms = await openUp({ kind: 'postgres', pool: own });
    const queues = Array.from({ length: 15 }, (_, index) => `queue-${index}`);
    const woken = new Set<string>();
    await alarms.listen(queues, (queue) => void woken.add(queue));
    for (const queue of queues) alarms.arm(queue, Date.now() + 900, Date.now());
    await waitUntil(() => woken.size === 15, { what: 'all queues to wake' });
    const { rows } = await pool.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'carillon alarms'`,
    );
    expect(rows[0]?.count).toBe(3);
    expect(own.totalCount - own.idleCount).toBe(0);
    await alarms.close();
    expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('tables that were dropped come back', async () => {
    const fresh = await createTestDatabase({ empty: true });
    try {
      const own = fresh.pool();
      const { logger, lines } = recordingLogger();
      const alarms = await openUp({ kind: 'postgres', pool: own }, { logger });
      const wakes = await listenTo(alarms, 'mail');
      await dropAlarms(own);
      alarms.arm('mail', Date.now() + 5_000, Date.now());
      await waitUntil(() => !alarms.state().up, { what: 'the alarms to be down' });
      await waitUntil(
        () => {
          alarms.topUp([{ queue: 'mail', at: Date.now() + 1_500 }], Date.now());
          return wakes.length > 0 && alarms.state().up;
        },
        { what: 'a wake-up' },
      );
      expect(lines.map(({ level }) => level)).toEqual([40, 30]);
      await alarms.close();
    } finally {
      await fresh.close();
    }
  });

  test('a process that closed its alarms can end', async () => {
    const child = startProcess(ALARM_PROCESS, { args: ['postgres', database.connectionString] });
    await child.line((line) => line === 'woken and closed');
    const start = performance.now();
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test('a crash of the database is told once, and heals', async () => {
    const server = await startPostgresServer();
    const crashing = new Pool({ connectionString: server.connectionString });
    crashing.on('error', () => undefined);
    try {
      const { logger, lines } = recordingLogger();
      const alarms = await openUp({ kind: 'postgres', pool: crashing }, { logger });
      const wakes = await listenTo(alarms, 'mail');
      alarms.arm('mail', Date.now() + 800, Date.now());
      await waitUntil(() => wakes.length === 1, { what: 'the wake-up' });
      await server.stop('immediate');
      alarms.arm('mail', Date.now() + 5_000, Date.now());
      const late = await openAlarms({ kind: 'postgres', pool: crashing });
      late.topUp([], Date.now());
      await waitUntil(() => !alarms.state().up && late.state().lastError, { what: 'the alarms to be down' });
      await server.start();
      await waitUntil(
        () => {
          late.topUp([], Date.now());
          return late.state().up;
        },
        { what: 'those created meanwhile to come up', timeoutMs: 20_000 },
      );
      await waitUntil(
        () => {
          alarms.topUp([{ queue: 'mail', at: Date.now() + 1_500 }], Date.now());
          return wakes.length > 1 && alarms.state().up;
        },
        { what: 'a wake-up after the restart', timeoutMs: 20_000 },
      );
      expect(lines.map(({ level }) => level)).toEqual([40, 30]);

      await server.stop('immediate');
      const start = performance.now();
      await alarms.close();
      expect(performance.now() - start).toBeLessThan(1_000);
    } finally {
      await crashing.end();
      await server.destroy();
    }
  });
});
