import type pg from 'pg';
import type { Logger } from 'pino';
import { alarmHorizonMs } from '../alarms/plan.ts';
import { type Alarms, createAlarms } from '../alarms.ts';
import { openEmbeddedPostgres } from '../embedded.ts';
import type { Env } from '../env.ts';
import type { ResolvedScheduler } from '../options.ts';
import type { Store } from '../store/contract.ts';
import { openPostgresStore } from '../store/postgres/index.ts';

export interface Connections {
  readonly store: Store;
  readonly alarms: Alarms;
  /** Connections of the general pool, and callers that wait for one. Null: there is no pool. */
  pool(): { readonly total: number; readonly idle: number; readonly waiting: number } | null;
  close(): Promise<void>;
}

/** Where the embedded Postgres keeps its data unless CARILLON_DATA_DIR says otherwise. */
const DATA_DIR = '.carillon';

/** Postgres: the option, else DATABASE_URL, else the embedded one. Redis: the option, else REDIS_URL, else BullMQ on Postgres. */
export async function openConnections(options: ResolvedScheduler, env: Env, logger: Logger): Promise<Connections> {
  const { namespace, schema } = options;
  const given = options.postgres ?? process.env['DATABASE_URL'] ?? null;
  const embedded = given === null ? await openEmbeddedPostgres({ dataDir: dataDir(), env, logger }) : null;
  const connection: string | pg.PoolConfig | pg.Pool = given ?? (embedded as NonNullable<typeof embedded>).connection;
  try {
    // Production schemas are moved by `carillon migrate`, when somebody decides to; opening the store then only checks.
    const migrates = embedded !== null || process.env['NODE_ENV'] !== 'production';
    const store = await openPostgresStore({ connection, namespace, schema, env, logger, migrates });
    const redis = options.redis ?? process.env['REDIS_URL'] ?? null;
    const backend =
      redis === null
        ? ({ kind: 'postgres', pool: store.pool } as const)
        : ({ kind: 'redis', connection: redis } as const);
    const alarms = await createAlarms({
      backend,
      namespace,
      schema,
      env,
      logger,
      horizonMs: alarmHorizonMs(options.sweepIntervalMs),
    });
    return {
      store,
      alarms,
      pool: () => ({
        total: store.pool.totalCount,
        idle: store.pool.idleCount,
        waiting: store.pool.waitingCount,
      }),
      async close() {
        await alarms.close();
        await store.close();
        await embedded?.close();
      },
    };
  } catch (error) {
    await embedded?.close();
    throw error;
  }
}

export function dataDir(): string {
  return process.env['CARILLON_DATA_DIR'] ?? DATA_DIR;
}
