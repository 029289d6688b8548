/**
 * What the demo stands on: the project's own Postgres (DATABASE_URL, else the embedded one, which is then started only once),
 * but tables of its own, made new every time and dropped at the end.
 */
import { Client } from 'pg';
import { alarmSchema } from '../../alarms/postgres-backend.ts';
import { createScheduler, type Scheduler } from '../../scheduler.ts';
import { configOf } from '../../store/postgres/database.ts';
import { migrate } from '../../store/postgres/migrate.ts';
import { quietLogger } from '../command.ts';
import { openPostgresAddress, type PostgresAddress } from '../postgres-address.ts';
import config from './carillon.config.ts';

export interface Stage {
  readonly scheduler: Scheduler;
  readonly schema: string;
  readonly shown: string;
  close(options: { readonly keep: boolean }): Promise<void>;
}

const SCHEMA = 'carillon_demo';

export async function openStage(): Promise<Stage> {
  const address = await openPostgresAddress(config);
  try {
    // What an interrupted demo left behind would be run again by this one.
    await dropTables(address);
    await migrate({ connection: address.connection, schema: SCHEMA });
    const options = { ...config, postgres: address.connection, worker: false, logger: quietLogger() } as const;
    const scheduler = await createScheduler(options);
    return {
      scheduler,
      schema: SCHEMA,
      shown: address.shown,
      async close({ keep }) {
        await scheduler.stop();
        if (!keep) await dropTables(address);
        await address.close();
      },
    };
  } catch (error) {
    await address.close();
    throw error;
  }
}

async function dropTables({ connection }: PostgresAddress): Promise<void> {
  const client = new Client(configOf(connection));
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (const schema of [SCHEMA, alarmSchema(SCHEMA)]) await client.query(`drop schema if exists ${schema} cascade`);
  } finally {
    await client.end();
  }
}
