import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemEnv } from '../../../src/env.ts';
import { InvalidOptionError, SchemaVersionError } from '../../../src/errors.ts';
import { migrate, openPostgresStore, planMigrations } from '../../../src/store/postgres/index.ts';
import { fitSchema } from '../../../src/store/postgres/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { W1 } from '../../support/postgres-store.ts';

expectNothingLeftBehind();

const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined };

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
});
afterEach(() => database.close());

const target = (schema = 'carillon'): { connection: string; schema: string } => ({
  connection: database.connectionString,
  schema,
});

const checkSchema = (): Promise<void> => fitSchema(database.pool(), { ...target(), migrates: false });

test('planning changes nothing, and a schema that was never migrated is refused', async () => {
  const plan = await planMigrations(target());
  expect(plan.current).toBe(0);
  const versions = plan.pending.map((migration) => migration.version);
  expect(versions.length).toBeGreaterThan(1);
  expect(versions).toEqual(versions.map((_, index) => index + 1));
  await expect(checkSchema()).rejects.toThrow(SchemaVersionError);
  expect((await planMigrations(target())).current).toBe(0);
});

test('five migrators at once migrate once', async () => {
  const { pending } = await planMigrations(target());
  const plans = await Promise.all([1, 2, 3, 4, 5].map(() => migrate(target())));
  const applied = plans.flatMap((plan) => plan.pending.map(({ version }) => version));
  expect(applied.sort((a, b) => a - b)).toEqual(pending.map(({ version }) => version));
  await checkSchema();
});

test('what is stored and held stays so when workers become UUIDs and labels null', async () => {
  const [before, after] = [(await planMigrations(target())).pending.slice(0, 5), 6];
  const pool = database.pool();
  await pool.query('create schema carillon');
  await pool.query(
    'create table carillon.migrations (version int4 primary key, name text not null, applied_at timestamptz)',
  );
  for (const { version, name, sql } of before) {
    await pool.query(sql);
    await pool.query('insert into carillon.migrations values ($1, $2, now())', [version, name]);
  }
  await pool.query(`insert into carillon.definitions (namespace, name, version, kind, chart, registered_at)
    values ('default', 'order', 1, 'job', '{}', now())`);
  await pool.query(`insert into carillon.queues (namespace, name) values ('default', 'default')`);
  const [held, free] = ['00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-00000000000b'];
  const row = `created_at, def, queue, priority, in_due, fence, strikes, seq, pokes, attempt, spilled, history`;
  const values = `now(), 1, 1, 5, false, 1, 1, 0, 0, 0, false, ''`;
  await pool.query(
    `insert into carillon.actors (id, worker, labels, ${row}) values ('${held}', '${W1}', '{}', ${values})`,
  );
  await pool.query(
    `insert into carillon.actors (id, worker, labels, ${row}) values ('${free}', null, '{blue}', ${values})`,
  );
  await pool.query(`insert into carillon.leases values (1, '${W1}', '{${held}}')`);
  expect((await migrate(target())).pending.map(({ version }) => version)[0]).toBe(after);
  const options = { ...target(), namespace: 'default', env: systemEnv, logger: quiet };
  const store = await openPostgresStore(options);
  try {
    expect(await store.find(held)).toMatchObject({ worker: W1, labels: [] });
    expect((await store.list({ limit: 10, label: 'blue' })).items).toMatchObject([{ id: free, labels: ['blue'] }]);
    await store.leave(W1);
    expect(await store.find(held)).toMatchObject({ worker: null });
  } finally {
    await store.close();
  }
});

test('a schema newer than the code is refused, also by the migrator', async () => {
  await migrate(target());
  const pool = database.pool();
  await pool.query(`insert into carillon.migrations (version, name) values (999, 'future')`);
  await expect(checkSchema()).rejects.toThrow(/version 999/);
  await expect(migrate(target())).rejects.toThrow(SchemaVersionError);
  const options = { ...target(), namespace: 'default', env: systemEnv, logger: quiet };
  await expect(openPostgresStore(options)).rejects.toThrow(SchemaVersionError);
});

test('two schemas live side by side in one database, over one pool that stays open', async () => {
  const pool = database.pool();
  for (const schema of ['one', 'two']) {
    await migrate({ connection: pool, schema });
    const options = { connection: pool, schema, namespace: 'default', env: systemEnv, logger: quiet };
    const store = await openPostgresStore(options);
    const [queue = 0] = await store.registerQueues([schema]);
    await store.setPaused(schema, true);
    expect(queue).toBe(1);
    expect((await store.stats()).queues).toMatchObject([{ queue: schema, paused: true }]);
    await store.close();
  }
  expect((await pool.query('select 1')).rowCount).toBe(1);
  expect(pool.listenerCount('error')).toBe(1);
});

test('a schema name that is no plain identifier is refused', async () => {
  for (const schema of ['a; drop table x', 'A', '1a', '', 'x'.repeat(49)]) {
    await expect(migrate(target(schema))).rejects.toThrow(InvalidOptionError);
  }
});
