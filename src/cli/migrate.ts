/** `carillon migrate`: brings the database up to date, or says what it would run. */
import type { Command } from 'commander';
import { Pool } from 'pg';
import { resolveSchedulerOptions } from '../options.ts';
import { configOf } from '../store/postgres/connection.ts';
import { type MigrationPlan, migrate, planMigrations } from '../store/postgres/migrate.ts';
import { addCommand, type CommonOptions } from './command.ts';
import { loadConfigIfAny } from './config.ts';
import { printJson, printLine } from './output.ts';
import { openPostgresAddress, type PostgresAddress } from './postgres-address.ts';

export function addMigrate(program: Command): void {
  addCommand(
    program,
    'migrate',
    "create or upgrade Carillon's tables",
    'DATABASE_URL=postgres://… carillon migrate --plan',
  )
    .option('--plan', 'print the SQL that is pending, and run nothing')
    .action(async ({ config, json, plan }: CommonOptions & { readonly plan?: boolean }) => {
      const options = resolveSchedulerOptions((await loadConfigIfAny(config)) ?? { definitions: [] });
      const address = await openPostgresAddress({ ...(options.postgres && { postgres: options.postgres }) });
      const target = { connection: address.connection, schema: options.schema };
      try {
        if (plan) return tell(await planMigrations(target), json === true, true);
        const done = await migrate(target);
        // Redis needs no tables.
        if (options.redis === null && !process.env['REDIS_URL']) await migrateAlarmTables(address, options.schema);
        tell(done, json === true, false);
      } finally {
        await address.close();
      }
    });
}

/** BullMQ keeps its alarms in tables of its own where there is no Redis. */
async function migrateAlarmTables({ connection }: PostgresAddress, schema: string): Promise<void> {
  const pool = new Pool({ ...configOf(connection), max: 1 });
  pool.on('error', () => undefined);
  try {
    // BullMQ takes longer to load than everything else of a command.
    const { migrateAlarms } = await import('../alarms/postgres-backend.ts');
    await migrateAlarms(pool, schema);
  } finally {
    await pool.end();
  }
}

function tell({ current, target, pending }: MigrationPlan, json: boolean, planned: boolean): void {
  const list = pending.map(({ version, name, sql }) => ({ version, name, ...(planned && { sql }) }));
  if (json) return printJson({ current, target, [planned ? 'pending' : 'applied']: list });
  if (list.length === 0) return printLine(`Nothing to do: the schema is at version ${target}.`);
  for (const { version, name, sql } of list) {
    const title = `${String(version).padStart(4, '0')} ${name}`;
    printLine(sql === undefined ? `Applied ${title}.` : `-- ${title}\n${sql}`);
  }
}
