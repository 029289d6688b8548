import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { putLoadOn, randomFrom } from './load.ts';
import { LONG } from './long.ts';
import { closeStagesAfterEach, endAfterTest, openStage, PATIENCE_MS } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

const ROUNDS = LONG ? 10 : 2;
const RUNS_PER_ROUND = 40;

describe('Postgres under load', () => {
  test('crashes and comes back: every run that was promised settles once', { timeout: 300_000 }, async () => {
    const server = await startPostgresServer({ settings: ['max_connections=200'] });
    endAfterTest(() => server.destroy());
    const stage = await openStage({ postgres: server.connectionString });
    await stage.startWorkers({}, {});
    const load = putLoadOn(stage, (ROUNDS + 1) * RUNS_PER_ROUND, randomFrom(1));
    for (let round = 1; round <= ROUNDS; round++) {
      await stage.settledCount(round * 20);
      await server.stop('immediate');
      await server.start();
    }
    await load.done;
    await expectAllWell(stage);
  });

  test('loses every connection again and again: every run that was promised settles once', {
    timeout: 300_000,
  }, async () => {
    const stage = await openStage();
    await stage.startWorkers({}, {});
    const load = putLoadOn(stage, (ROUNDS + 1) * RUNS_PER_ROUND, randomFrom(2));
    let ended = 0;
    for (let round = 1; round <= 4 * ROUNDS; round++) {
      await stage.settledCount(round * 5);
      const { rowCount } = await stage.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`,
      );
      ended += rowCount ?? 0;
    }
    await load.done;
    await expectAllWell(stage);
    expect(ended).toBeGreaterThan(4 * ROUNDS * 5);
  });

  test('loses the connections that listen: they come back, and wake-ups with them', async () => {
    const stage = await openStage();
    const slow = { sweepMs: 60_000, leaseMs: 30_000 };
    await stage.startWorkers(slow, slow);
    const before = await stage.listening();
    expect(before).toHaveLength(2);
    await stage.pool.query('select pg_terminate_backend(pid) from unnest($1::int4[]) as pid', [before]);
    // Written while nobody listened.
    await stage.schedule('work');
    await stage.settledCount(1);
    await waitUntil(async () => (await stage.listening()).filter((pid) => !before.includes(pid)).length === 2, {
      timeoutMs: PATIENCE_MS,
      what: 'both workers to listen again',
    });
    await stage.schedule('work');
    await stage.settledCount(2);
    await expectAllWell(stage);
  });
});
