import type pg from 'pg';
import { openEmbeddedPostgres } from '../embedded.ts';
import { systemEnv } from '../env.ts';
import type { SchedulerOptions } from '../options.ts';
import { dataDir } from '../scheduler/connections.ts';
import { quietLogger } from './command.ts';

/** Where the Postgres of a configuration is, and how long this process needs it. */
export interface PostgresAddress {
  readonly connection: string | pg.PoolConfig | pg.Pool;
  readonly embedded: boolean;
  /** For people: no password. */
  readonly shown: string;
  close(): Promise<void>;
}

/** The configuration's, else DATABASE_URL, else the embedded one, which is started. */
export async function openPostgresAddress(config: Pick<SchedulerOptions, 'postgres'>): Promise<PostgresAddress> {
  const given = config.postgres ?? process.env['DATABASE_URL'];
  if (given !== undefined) {
    const shown = config.postgres === undefined ? 'DATABASE_URL' : 'the configuration';
    return { connection: given, embedded: false, shown, close: async () => undefined };
  }
  const embedded = await openEmbeddedPostgres({ dataDir: dataDir(), env: systemEnv, logger: quietLogger() });
  return {
    connection: embedded.connection,
    embedded: true,
    shown: `embedded in ${dataDir()}`,
    close: () => embedded.close(),
  };
}
