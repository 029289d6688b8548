/** The doctor's checks, in the order in which a later one needs an earlier one. Reads only, except that it notifies itself. */
import type { Pool } from 'pg';
import { createAlarms } from '../../alarms.ts';
import { systemEnv } from '../../env.ts';
import { type ResolvedScheduler, resolveSchedulerOptions, type SchedulerOptions } from '../../options.ts';
import type { Store } from '../../store/contract.ts';
import { configOf } from '../../store/postgres/connection.ts';
import { openPostgresStore, planMigrations } from '../../store/postgres/index.ts';
import { quietLogger } from '../command.ts';
import { openPostgresAddress, type PostgresAddress } from '../postgres-address.ts';
import { type Finding, found, ok } from './finding.ts';
import { examineServer } from './server.ts';
import { examineWork } from './work.ts';

const ALARMS_PATIENCE_MS = 4_000;

/** Every check's finding. What cannot be looked at because of an earlier finding is left out. */
export async function examine(given: SchedulerOptions): Promise<readonly Finding[]> {
  const options = resolveSchedulerOptions({ ...given, worker: false });
  let address: PostgresAddress;
  try {
    address = await openPostgresAddress(options.postgres === null ? {} : { postgres: options.postgres });
  } catch (error) {
    return [found('database', (error as Error).message)];
  }
  try {
    return await examineAt(address, options);
  } finally {
    await address.close();
  }
}

async function examineAt(address: PostgresAddress, options: ResolvedScheduler): Promise<readonly Finding[]> {
  const server = await examineServer(configOf(address.connection), address.shown);
  if (server.some(({ check, result }) => check === 'database' && result === 'found')) return server;
  const { connection } = address;
  const { schema, namespace } = options;
  const plan = await planMigrations({ connection, schema });
  if (plan.current !== plan.target) {
    const what =
      plan.current > plan.target
        ? `'${schema}' is at version ${plan.current}, newer than this code (${plan.target}). Deploy the newer code.`
        : `'${schema}' is at version ${plan.current}, this code needs ${plan.target}. Run \`carillon migrate\`.`;
    return [...server, found('schema', what)];
  }
  const logger = quietLogger();
  const store = await openPostgresStore({ connection, namespace, schema, env: systemEnv, logger });
  try {
    return [
      ...server,
      ok('schema', `'${schema}' is at version ${plan.current}`),
      await examineAlarms(options, store),
      ...(await examineWork(store, await store.stats())),
    ];
  } finally {
    await store.close();
  }
}

async function examineAlarms(options: ResolvedScheduler, store: Store & { readonly pool: Pool }): Promise<Finding> {
  const { namespace, schema } = options;
  const redis = options.redis ?? process.env['REDIS_URL'] ?? null;
  const where = redis === null ? 'BullMQ on Postgres' : 'BullMQ on Redis';
  const alarms = await createAlarms({
    namespace,
    schema,
    env: systemEnv,
    logger: quietLogger(),
    backend: redis === null ? { kind: 'postgres', pool: store.pool } : { kind: 'redis', connection: redis },
  });
  try {
    // Nothing to arm: it only asks whether BullMQ's store answers.
    alarms.topUp([], await store.now());
    const startMs = systemEnv.monotonicMs();
    while (!alarms.state().up && systemEnv.monotonicMs() - startMs < ALARMS_PATIENCE_MS) await systemEnv.sleep(20);
    const { up, lastError } = alarms.state();
    if (up) return ok('alarms', `${where} answers`);
    return found(
      'alarms',
      `${where} does not answer: ${lastError ?? 'no reply'}. Work goes on, found by the sweep only.`,
    );
  } finally {
    await alarms.close();
  }
}
