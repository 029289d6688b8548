/**
 * A Postgres server of a test's own, to be stopped, killed and frozen. It keeps its folder and its socket over restarts,
 * so a connection string stays good. `fsync` stays on.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { createCluster, locateCluster, prepareTools } from '../../src/embedded/cluster.ts';
import { findServer, startServer } from '../../src/embedded/server.ts';
import { type Connection, connectionStringTo, connectionTo } from '../../src/embedded/tenancy.ts';
import { systemEnv } from '../../src/env.ts';
import { registerOpened } from './left-behind.ts';
import { waitUntil } from './wait-until.ts';

export interface PostgresServer {
  readonly connection: Connection;
  readonly connectionString: string;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** `fast` rolls back and writes everything down; `immediate` is a crash that leaves recovery to the next start. */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  restart(how?: 'fast' | 'immediate'): Promise<void>;
  /** SIGKILL of the postmaster. */
  kill(): Promise<void>;
  /** SIGSTOP of the postmaster: connections in use go on, new ones hang. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Stops it and deletes its folder. */
  destroy(): Promise<void>;
}

/** Creates and starts one. `settings` are `name=value` pairs. */
export async function startPostgresServer({
  settings = [],
}: {
  settings?: readonly string[];
} = {}): Promise<PostgresServer> {
  const folder = await mkdtemp(path.join(tmpdir(), `carillon-test-${process.pid}-`));
  await chmod(folder, 0o755);
  const tools = await prepareTools(systemEnv, folder);
  await createCluster(systemEnv, folder, tools);
  const cluster = await locateCluster(folder);
  if (cluster === null) throw new Error(`There is no cluster in ${folder}.`);
  const connection = connectionTo(cluster);

  const answers = async (): Promise<boolean> => {
    const client = new Client({ ...connection, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const start = async (): Promise<void> => {
    // Remains of a killed server may hold its memory for a moment, and a start in that moment fails.
    await waitUntil(
      async () => {
        if (await answers()) return true;
        if ((await findServer(cluster)) === null) {
          const child = await startServer(systemEnv, cluster, tools, { settings });
          await waitUntil(async () => child.exitCode !== null || child.signalCode !== null || (await answers()), {
            what: 'Postgres to start',
            timeoutMs: 30_000,
          });
        }
        return answers();
      },
      { what: 'Postgres to answer', timeoutMs: 30_000 },
    );
  };
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const pid = await findServer(cluster);
    if (pid !== null) process.kill(pid, name);
  };
  const end = async (name: NodeJS.Signals): Promise<void> => {
    const pid = await findServer(cluster);
    if (pid === null) return;
    process.kill(pid, name);
    await waitUntil(async () => (await findServer(cluster)) !== pid, { what: 'Postgres to stop', timeoutMs: 30_000 });
  };
  let open = true;
  const server: PostgresServer = {
    connection,
    connectionString: connectionStringTo(cluster),
    start,
    stop: (how = 'fast') => end(how === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    restart: async (how = 'fast') => {
      await server.stop(how);
      await start();
    },
    kill: () => end('SIGKILL'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    destroy: async () => {
      await signal('SIGCONT');
      await end('SIGQUIT');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      await rm(cluster.socketDir, { recursive: true, force: true });
      open = false;
    },
  };
  registerOpened({ what: `Postgres server in ${folder}`, isOpen: () => open, destroy: () => server.destroy() });
  await start();
  return server;
}
