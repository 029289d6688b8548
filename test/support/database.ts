/** A fresh database for a test file, cloned from one of the run's templates. */
import { randomBytes } from 'node:crypto';
import { Client, Pool, type PoolConfig } from 'pg';
import { inject } from 'vitest';
import { TEMPLATE_DATABASE, TEMPLATE_WITH_LEAVES } from './global-setup.ts';
import { registerOpened } from './left-behind.ts';

export interface TestDatabase {
  readonly connectionString: string;
  /** A new pool on it; ended by `drop()` at the latest. */
  pool(config?: PoolConfig): Pool;
  /** Ends the pools made here and deletes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** `empty`: without the tables. `leaves`: with those of the coming days, unless false. */
export async function createTestDatabase({
  empty = false,
  leaves = true,
}: {
  empty?: boolean;
  leaves?: boolean;
} = {}): Promise<TestDatabase> {
  const template = empty ? 'template0' : leaves ? TEMPLATE_WITH_LEAVES : TEMPLATE_DATABASE;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(`create database ${name} template ${template}`);
  const connectionString = inject('postgresUrl').replace('/postgres?', `/${name}?`);
  const pools: Pool[] = [];
  let open = true;
  const drop = async (): Promise<void> => {
    if (!open) return;
    open = false;
    // A pool whose client was never given back would be waited for without end; dropping cuts that client's line.
    for (const pool of pools) if (!pool.ended) pool.end().catch(() => undefined);
    await asAdmin(`drop database ${name} with (force)`);
  };
  registerOpened({ what: `database ${name}`, isOpen: () => open, destroy: drop });
  return {
    connectionString,
    pool: (config) => {
      const pool = new Pool({ connectionString, ...config });
      pool.on('error', () => undefined);
      pool.on('connect', (client) => client.on('error', () => undefined));
      pools.push(pool);
      return pool;
    },
    drop,
  };
}

async function asAdmin(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
