/** BullMQ on Postgres, its second store. */
import { createPostgresBackend, runMigrations } from 'bullmq';
import { Client, Pool } from 'pg';
import { openProducer, startWorker } from './bullmq.mjs';

const CONCURRENCY = 32;
const connectionString = process.env.DATABASE_URL;
const connection = { connectionString, max: 20 };

const REMAINING = `select count(*)::float8 as remaining from bullmq.job
  where state in ('waiting', 'active') or (state = 'delayed' and process_at_ms < $1)`;

export default {
  settings: {
    worker: `concurrency ${CONCURRENCY}, pool 20, removeOnComplete`,
    producer: 'add, 50 in flight, pool 20; addBulk 1,000',
  },
  async prepare() {
    const client = new Client({ connectionString });
    await client.connect();
    await runMigrations(client);
    await client.end();
  },
  async connect() {
    const pool = new Pool({ connectionString, max: 1 });
    pool.on('error', () => undefined);
    const producer = await openProducer(connection, createPostgresBackend, async () => {
      const { rows } = await pool.query(REMAINING, [Date.now() + 86_400_000]);
      return rows[0].remaining;
    });
    return {
      ...producer,
      async close() {
        await producer.close();
        await pool.end();
      },
    };
  },
  work: (_purpose, started) => startWorker(connection, createPostgresBackend, CONCURRENCY, started),
};
