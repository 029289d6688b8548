/** A fresh database for a test file, cloned from one of the run's templates. */
import { randomBytes } from 'node:crypto';
import { Client, Pool, type PoolConfig } from 'pg';
import { inject } from 'vitest';
import { TEMPLATE_DATABASE, TEMPLATE_WITH_LEAVES } from './global-setup.ts';
import { registerOpened } from './left-behind.ts';

export interface TestDatabase {
  readonly connectionString: string;
  /** A new pool on it; ended by `close()` at the latest. */
  pool(config?: PoolConfig): Pool;
  /** Ends the pools made here, and cuts whoever is still connected. The database stays as it is until its server goes. */
  close(): Promise<void>;
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
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    // A pool whose client was never given back would be waited for without end; this cuts that client's line.
    for (const pool of pools) if (!pool.ended) pool.end().catch(() => undefined);
    // Not dropped: ext4 looks over all that was deleted in the last seconds before it makes a file, and a database has 700 of them.
    await asAdmin(`alter database ${name} allow_connections false`);
    await asAdmin(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`);
  };
  registerOpened({ what: `database ${name}`, isOpen: () => open, destroy: close });
  return {
    connectionString,
    pool: (config) => {
      const pool = new Pool({ connectionString, ...config });
      pool.on('error', () => undefined);
      pool.on('connect', (client) => client.on('error', () => undefined));
      pools.push(pool);
      return pool;
    },
    close,
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
