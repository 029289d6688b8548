/** DBOS: durable workflows on queues. It has no bulk call, so many are enqueued in one transaction. */
import { randomUUID } from 'node:crypto';
import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import { Pool } from 'pg';

// Two processes of one name would each take up what the other is running.
process.env.DBOS__VMID ??= randomUUID();

const url = process.env.DATABASE_URL;
const QUEUE = 'bench';
const VERSION = 'v1';
const POLL_MS = 50;
const quiet = {
  info: () => undefined,
  debug: () => undefined,
  warn: () => undefined,
  error: (text) => console.error('dbos:', text),
};
const config = {
  name: 'bench',
  systemDatabaseUrl: url,
  systemDatabasePoolSize: 20,
  applicationVersion: VERSION,
  logLevel: 'error',
  runAdminServer: false,
};
const target = { queueName: QUEUE, workflowName: 'noop', workflowClassName: undefined, appVersion: VERSION };

const REMAINING = `select count(*)::float8 as remaining from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')`;
const FAILED = `select count(*)::float8 as failed from dbos.workflow_status where status not in ('SUCCESS', 'ENQUEUED', 'PENDING', 'DELAYED')`;

async function launch(started) {
  DBOS.setConfig(config);
  DBOS.registerWorkflow(async (job) => started(job), { name: 'noop' });
  await DBOS.launch();
}

export default {
  settings: {
    worker: `queue polled every ${POLL_MS} ms, no limit, system pool 20`,
    producer: 'enqueue, 50 in flight, pool 20; 1,000 enqueueInTransaction in one transaction',
  },
  async prepare() {
    await launch(() => undefined);
    await DBOS.registerQueue(QUEUE, { minPollingIntervalMs: POLL_MS });
    await DBOS.shutdown();
  },
  async connect() {
    const pool = new Pool({ connectionString: url, max: 4 });
    pool.on('error', () => undefined);
    const client = await DBOSClient.create({
      systemDatabaseUrl: url,
      systemDatabasePoolSize: 20,
      applicationName: 'bench',
      logger: quiet,
    });
    const together = async (jobs, optionsOf) => {
      const connection = await pool.connect();
      try {
        await connection.query('begin');
        for (const job of jobs) await client.enqueueInTransaction(connection, optionsOf(job), job);
        await connection.query('commit');
      } finally {
        connection.release();
      }
    };
    return {
      add: (job) => client.enqueue(target, job),
      addMany: (jobs) => together(jobs, () => target),
      addManyAt: (jobs) =>
        together(jobs, ({ dueMs }) => ({ ...target, delaySeconds: Math.max(0.001, (dueMs - Date.now()) / 1_000) })),
      async remaining() {
        return (await pool.query(REMAINING)).rows[0].remaining;
      },
      async failed() {
        return (await pool.query(FAILED)).rows[0].failed;
      },
      async close() {
        await client.destroy();
        await pool.end();
      },
    };
  },
  async work(_purpose, started) {
    await launch(started);
    return () => DBOS.shutdown();
  },
};
