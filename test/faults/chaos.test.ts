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

const SEEDS = process.env['FAULTS_SEED']
  ? [Number(process.env['FAULTS_SEED'])]
  : Array.from({ length: LONG ? 5 : 1 }, () => Math.floor(Math.random() * 1e9));
const RUNS = LONG ? 1_000 : 300;
/** So many runs settle between two faults. */
const RUNS_PER_FAULT = 25;
const WORKERS = 3;

describe('everything at once', () => {
  for (const seed of SEEDS) {
    test(`seed ${seed}: ${RUNS} mixed runs survive a storm of faults`, { timeout: 600_000 }, async () => {
      const told = `FAULTS_SEED=${seed}:`;
      const random = randomFrom(seed);
      const server = await startPostgresServer({ settings: ['max_connections=250'] });
      endAfterTest(() => server.destroy());
      const stage = await openStage({ postgres: server.connectionString });
      // Each worker may also die at any single call to the store: those deaths are not the seed's.
      stage.supervise(WORKERS, { leaseMs: 1_500, deathChance: 0.001 });
      await waitUntil(() => stage.workers.length === WORKERS, { timeoutMs: PATIENCE_MS });
      const load = putLoadOn(stage, RUNS, randomFrom(seed + 1));
      const anyWorker = () => {
        const alive = stage.workers.filter((worker) => worker.alive);
        return alive[Math.floor(random() * alive.length)];
      };
      const faults = {
        kill: async () => anyWorker()?.kill(),
        freeze: async () => {
          const worker = anyWorker();
          worker?.freeze();
          // Longer than its lease: until its runs are due again, or as long as this takes.
          await stage.pool.query('select pg_sleep(2)');
          worker?.thaw();
        },
        crash: () => server.restart('immediate'),
        terminate: async () => {
          await stage.pool.query(
            `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()`,
          );
        },
      };
      const names = Object.keys(faults) as (keyof typeof faults)[];
      const done: string[] = [];
      for (let settled = 10; settled < RUNS; settled += RUNS_PER_FAULT) {
        await stage.settledCount(Math.min(settled, RUNS - 60));
        const name = names[Math.floor(random() * names.length)] ?? 'kill';
        done.push(name);
        await faults[name]();
      }
      await load.done;
      await expectAllWell(stage, { timeoutMs: 120_000, told: `${told} ${done.join(' ')}:` });
      expect(new Set(done).size, told).toBeGreaterThan(1);
    });
  }
});
