/**
 * One Postgres server per run and project, of the run's own, with everything in a temporary folder. Two template databases are
 * made, with the tables and with the leaves of the coming days as well; test files clone them.
 */
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import type { TestProject } from 'vitest/node';
import { locateCluster } from '../../src/embedded/cluster.ts';
import { findServer } from '../../src/embedded/server.ts';
import { systemEnv } from '../../src/env.ts';
import { openPostgresStore } from '../../src/store/postgres/index.ts';
import { migrate } from '../../src/store/postgres/migrate.ts';
import { build } from './built.ts';
import { startPostgresServer } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the run's server: its database `postgres`, from which others are created. */
    postgresUrl: string;
  }
}

export const TEMPLATE_DATABASE = 'carillon_template';
/** A scheduler that finds no leaves makes 35 of them before it starts, which takes longer than all the rest. */
export const TEMPLATE_WITH_LEAVES = 'carillon_template_with_leaves';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await Promise.all([removeAbandoned(), build()]);
  const server = await startPostgresServer({
    // Databases stay until the end: autovacuum would look after those of tests that are over, twice a second.
    settings: ['max_connections=400', 'shared_buffers=256MB', 'autovacuum_naptime=10min'],
  });
  try {
    await makeTemplates(server.connectionString);
  } catch (error) {
    await server.destroy();
    throw error;
  }
  project.provide('postgresUrl', server.connectionString);
  return () => server.destroy();
}

async function makeTemplates(url: string): Promise<void> {
  const urlOf = (database: string): string => url.replace('/postgres?', `/${database}?`);
  const admin = new Client({ connectionString: url });
  admin.on('error', () => undefined);
  await admin.connect();
  await admin.query(`create database ${TEMPLATE_DATABASE}`);
  await migrate({ connection: urlOf(TEMPLATE_DATABASE), schema: 'carillon' });
  await admin.query(`create database ${TEMPLATE_WITH_LEAVES} template ${TEMPLATE_DATABASE}`);
  await admin.end();
  const store = await openPostgresStore({
    connection: urlOf(TEMPLATE_WITH_LEAVES),
    namespace: 'default',
    schema: 'carillon',
    env: systemEnv,
    logger: pino({ level: 'silent' }),
  });
  await store.prepareDays();
  await store.close();
}

/** Servers and folders of earlier runs that were killed, recognised by the dead process in the folder's name. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = /^carillon-test-(\d+)-/.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = path.join(tmpdir(), name);
    for (const home of [folder, path.join(folder, '.carillon')]) {
      const cluster = await locateCluster(home).catch(() => null);
      if (cluster === null) continue;
      const pid = await findServer(cluster);
      if (pid !== null) process.kill(pid, 'SIGQUIT');
      await rm(cluster.socketDir, { recursive: true, force: true });
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
