/**
 * Brings a schema up to date: numbered SQL files, forward only, one transaction each, one migrator at a time. Code and
 * schema fit each other exactly or not at all; whoever does not fit writes nothing.
 */
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import { Client } from 'pg';
import { SchemaVersionError } from '../../errors.ts';
import { configOf } from './connection.ts';
import { checkedSchema, inSchema } from './database.ts';

const TABLE = `create table if not exists carillon.migrations (
  version int4 primary key,
  name text not null,
  applied_at timestamptz not null default now()
)`;
const LOCK = `select pg_advisory_xact_lock(hashtextextended('carillon migration of ' || $1, 0))`;
const HAS_SCHEMA = `select from pg_namespace where nspname = $1`;
const EXISTS = `select to_regclass($1) is not null as there`;
const VERSION = `select coalesce(max(version), 0) as version from carillon.migrations`;
const APPLIED = `insert into carillon.migrations (version, name) values ($1, $2)`;

const FOLDER = new URL('./migrations/', import.meta.url);

export interface MigrationTarget {
  /** A pool passed in is used and not closed. */
  readonly connection: string | pg.PoolConfig | pg.Pool;
  readonly schema: string;
}

export interface Migration {
  readonly version: number;
  readonly name: string;
  /** With the schema in place, as it would be run. */
  readonly sql: string;
}

export interface MigrationPlan {
  /** What the database has; 0 before the first migration. */
  readonly current: number;
  /** What this code needs. */
  readonly target: number;
  readonly pending: readonly Migration[];
}

/** Whatever takes a statement: a connection, or a pool. */
type Asked = Pick<pg.ClientBase, 'query'>;

/** What `migrate` would do, without doing it. */
export async function planMigrations({ connection, schema }: MigrationTarget): Promise<MigrationPlan> {
  return withClient(connection, (client) => plan(client, checkedSchema(schema)));
}

/** Runs what is pending. Safe to call from many processes at once. */
export async function migrate({ connection, schema }: MigrationTarget): Promise<MigrationPlan> {
  checkedSchema(schema);
  return withClient(connection, async (client) => {
    const before = await plan(client, schema);
    if (before.current > before.target) throw newer(schema, before);
    const applied: Migration[] = [];
    for (let next = before.pending[0]; next !== undefined; ) {
      const done = await applyNext(client, schema);
      if (done === undefined) break;
      applied.push(done);
      next = (await plan(client, schema)).pending[0];
    }
    return { ...before, pending: applied };
  });
}

/**
 * Asks over a pool that goes on being used, because most processes find nothing to do. `migrates`: what is missing is run.
 * @throws SchemaVersionError when the schema is older or newer than this code.
 */
export async function fitSchema(pool: Asked, target: MigrationTarget & { readonly migrates: boolean }): Promise<void> {
  const { schema, migrates } = target;
  const found = await plan(pool, checkedSchema(schema));
  if (found.current > found.target) throw newer(schema, found);
  if (found.current === found.target) return;
  if (migrates) return void (await migrate(target));
  throw new SchemaVersionError(
    `Schema '${schema}' is at version ${found.current}, this code needs ${found.target}. Run 'carillon migrate'.`,
  );
}

function newer(schema: string, { current, target }: MigrationPlan): SchemaVersionError {
  return new SchemaVersionError(
    `Schema '${schema}' is at version ${current}, this code knows ${target} at most. Deploy the newer code.`,
  );
}

/** The lock is the transaction's, so that a migrator that is killed leaves none behind. */
async function applyNext(client: pg.ClientBase, schema: string): Promise<Migration | undefined> {
  await client.query('begin');
  try {
    await client.query(LOCK, [schema]);
    // Asked first: IF NOT EXISTS wants the right to create one even where there is one.
    const { rowCount } = await client.query(HAS_SCHEMA, [schema]);
    if (rowCount === 0) await client.query(`create schema ${schema}`);
    await client.query(inSchema(TABLE, schema));
    const [next] = (await plan(client, schema)).pending;
    if (next !== undefined) {
      await client.query(next.sql);
      await client.query(inSchema(APPLIED, schema), [next.version, next.name]);
    }
    await client.query('commit');
    return next;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function plan(client: Asked, schema: string): Promise<MigrationPlan> {
  const files = (await readdir(FOLDER)).filter((file) => /^\d{4}_\w+\.sql$/.test(file)).sort();
  const exists = await client.query<{ there: boolean }>(EXISTS, [`${schema}.migrations`]);
  const version = exists.rows[0]?.there ? await client.query<{ version: number }>(inSchema(VERSION, schema)) : null;
  const current = version?.rows[0]?.version ?? 0;
  const pending = files.filter((file) => versionOf(file) > current);
  return {
    current,
    target: versionOf(files.at(-1) ?? ''),
    pending: await Promise.all(pending.map((file) => readMigration(file, schema))),
  };
}

function versionOf(file: string): number {
  return Number(file.slice(0, 4));
}

async function readMigration(file: string, schema: string): Promise<Migration> {
  const text = await readFile(new URL(file, FOLDER), 'utf8');
  return { version: versionOf(file), name: file.slice(5, -4), sql: inSchema(text, schema) };
}

async function withClient<T>(
  connection: MigrationTarget['connection'],
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = new Client(configOf(connection));
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
