/**
 * What the demo stands on: the project's own Postgres (DATABASE_URL, else the embedded one, which is then started only once),
 * but tables of its own, made new every time and dropped at the end.
 */
import { Client } from 'pg';
import { alarmSchema } from '../../alarms/alarm-schema.ts';
import { createScheduler, type Scheduler } from '../../scheduler.ts';
import { configOf } from '../../store/postgres/connection.ts';
import { migrate } from '../../store/postgres/migrate.ts';
import { quietLogger } from '../command.ts';
import { openPostgresAddress, type PostgresAddress } from '../postgres-address.ts';
import { UsageError } from '../usage.ts';
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
    await refuseBeside(address);
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

/** A worker that an earlier demo kept would lose its tables. */
async function refuseBeside(address: PostgresAddress): Promise<void> {
  const pid = await onClient(address, async (client) => {
    const { rows: tables } = await client.query(`select where to_regclass('${SCHEMA}.workers') is not null`);
    if (tables.length === 0) return undefined;
    const { rows } = await client.query<{ pid: number }>(
      `select pid from ${SCHEMA}.workers where beat_at > now() - interval '5 seconds'`,
    );
    return rows[0]?.pid;
  });
  if (pid !== undefined) throw new UsageError(`A worker of an earlier demo still runs. Stop it first: kill ${pid}`);
}

async function dropTables(address: PostgresAddress): Promise<void> {
  await onClient(address, async (client) => {
    for (const schema of [SCHEMA, alarmSchema(SCHEMA)]) await client.query(`drop schema if exists ${schema} cascade`);
  });
}

async function onClient<T>({ connection }: PostgresAddress, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(configOf(connection));
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
