/** pg-boss in its fastest documented shape: batches of 500, where one handler call is a whole batch. */
import { Pool } from 'pg';
import { PgBoss } from 'pg-boss';

const connectionString = process.env.DATABASE_URL;
const QUEUE = 'bench';
/** The shortest it allows. A notification never comes for a job that was deferred, so timers wait for this. */
const POLL_S = 0.5;

const REMAINING = `select count(*)::float8 as remaining from pgboss.job
  where name = $1 and state < 'completed' and start_after <= now() + interval '1 day'`;
const FAILED = `select count(*)::float8 as failed from pgboss.job
  where name = $1 and state in ('failed', 'retry')`;

/** A process that works sends through the instance that works: it has no second one. */
let working = null;

async function open() {
  const boss = new PgBoss({ connectionString, max: 20, useListenNotify: true });
  boss.on('error', (error) => console.error('pg-boss:', error.message));
  await boss.start();
  return boss;
}

export default {
  settings: {
    worker: 'batchSize 500, localConcurrency 2, burstWhenBatchFull, LISTEN/NOTIFY, poll 0.5 s',
    producer: 'send, 50 in flight, pool 20; insert 1,000',
  },
  async prepare() {
    const boss = await open();
    await boss.createQueue(QUEUE, { notify: true });
    await boss.stop({ graceful: false });
  },
  async connect() {
    const boss = await open();
    const pool = new Pool({ connectionString, max: 1 });
    pool.on('error', () => undefined);
    return {
      add: (job) => (working ?? boss).send(QUEUE, job),
      addMany: (jobs) =>
        boss.insert(
          QUEUE,
          jobs.map((data) => ({ data })),
        ),
      addManyAt: (jobs) =>
        boss.insert(
          QUEUE,
          jobs.map((data) => ({ data, startAfter: new Date(data.dueMs) })),
        ),
      async remaining() {
        return (await pool.query(REMAINING, [QUEUE])).rows[0].remaining;
      },
      async failed() {
        return (await pool.query(FAILED, [QUEUE])).rows[0].failed;
      },
      async close() {
        await boss.stop({ graceful: false });
        await pool.end();
      },
    };
  },
  async work(_purpose, started) {
    const boss = await open();
    const options = {
      batchSize: 500,
      localConcurrency: 2,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: POLL_S,
      notifyPollingIntervalSeconds: POLL_S,
    };
    await boss.work(QUEUE, options, async (jobs) => {
      for (const { data } of jobs) started(data);
    });
    working = boss;
    return () => boss.stop({ graceful: true, timeout: 3_000 });
  },
};
