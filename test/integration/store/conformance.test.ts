import type { Pool } from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { systemEnv } from '../../../src/env.ts';
import { openPostgresStore } from '../../../src/store/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { type StoreUnderTest, storeConformance } from '../../support/store-conformance.ts';
import { installVirtualTime } from '../../support/virtual-time.ts';

expectNothingLeftBehind();

const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined };

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = database.pool();
});
afterAll(() => database.close());

/** The database is shared by all tests of this file; each finds its tables empty and its clock at the real time. */
async function open(): Promise<StoreUnderTest> {
  await emptyTables();
  const advance = await installVirtualTime(pool, 'carillon', { frozen: true });
  const opened: { close(): Promise<void> }[] = [];
  const another = async (namespace = 'default'): ReturnType<typeof openPostgresStore> => {
    const store = await openPostgresStore({
      connection: database.connectionString,
      namespace,
      schema: 'carillon',
      env: systemEnv,
      logger: quiet,
    });
    opened.push(store);
    return store;
  };
  return {
    store: await another(),
    advance,
    another,
    async transaction(work, end) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await work(client);
      } finally {
        await client.query(end);
        client.release();
      }
    },
    close: async () => {
      for (const store of opened) await store.close();
    },
  };
}

/** By deletes: truncating all the leaves of history for every test would take longer than the tests. */
async function emptyTables(): Promise<void> {
  const { rows } = await pool.query<{ statements: string }>(
    `select string_agg(format('delete from %s', oid::regclass), '; ') as statements from pg_class
    where relnamespace = 'carillon'::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname not in ('migrations', 'virtual_time')`,
  );
  await pool.query(rows[0]?.statements ?? '');
}

storeConformance('the Postgres store', open, { randomRuns: 4 });
