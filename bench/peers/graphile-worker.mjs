/** graphile-worker with the settings of its own performance test: jobs held in memory, completed in batches. */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { Pool } from 'pg';

const connectionString = process.env.DATABASE_URL;
const logger = new Logger(() => () => undefined);
const worker = {
  connectionString,
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
  gracefulShutdownAbortTimeout: 2_500,
  logger,
};
/** Its default, and what timers need: it has no other way to notice that one is due. */
const POLL_MS = { throughput: 2_000, latency: 2_000, timers: 100 };

const REMAINING = `select count(*)::float8 as remaining from graphile_worker._private_jobs
  where run_at <= now() + interval '1 day'`;
const FAILED = `select count(*)::float8 as failed from graphile_worker._private_jobs where last_error is not null`;

export default {
  settings: {
    worker:
      'concurrentJobs 24, pool 25, localQueue 500 with refetchDelay 10 ms, batch delays 0, poll 2 s (timers: 100 ms)',
    producer: 'addJob, 50 in flight, pool 20; addJobs 1,000',
  },
  async prepare() {
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    await utils.release();
  },
  async connect() {
    const pool = new Pool({ connectionString, max: 20 });
    pool.on('error', () => undefined);
    const utils = await makeWorkerUtils({ pgPool: pool, logger });
    return {
      add: (job) => utils.addJob('noop', job),
      addMany: (jobs) => utils.addJobs(jobs.map((payload) => ({ identifier: 'noop', payload }))),
      addManyAt: (jobs) =>
        utils.addJobs(jobs.map((payload) => ({ identifier: 'noop', payload, runAt: new Date(payload.dueMs) }))),
      async remaining() {
        return (await pool.query(REMAINING)).rows[0].remaining;
      },
      async failed() {
        return (await pool.query(FAILED)).rows[0].failed;
      },
      async close() {
        await utils.release();
        await pool.end();
      },
    };
  },
  async work(purpose, started) {
    const runner = await run({
      preset: { worker: { ...worker, pollInterval: POLL_MS[purpose] } },
      taskList: { noop: async (job) => started(job) },
      noHandleSignals: true,
      logger,
    });
    return () => runner.stop();
  },
};
