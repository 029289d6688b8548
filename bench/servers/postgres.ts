/** The one Postgres of a run, shared by all systems: the one that DATABASE_URL names, else the one that comes with Carillon. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { createCluster, locateCluster, prepareTools } from '../../src/embedded/cluster.ts';
import { findServer, readLogTail, startServer, stopServer } from '../../src/embedded/server.ts';
import { systemEnv } from '../../src/env.ts';
import { sleep } from '../agent/clock.ts';
import { freePort } from './free-port.ts';

export interface PostgresServer {
  /** Of one database on it. */
  urlOf(database: string): string;
  /** Runs one statement, in the database that administrators use unless another is named. */
  query<Row extends object>(text: string, database?: string): Promise<Row[]>;
  readonly version: string;
  /** What decides how much a commit costs, as the server itself says. */
  readonly settings: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const SHOWN = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'autovacuum'];
const START_PATIENCE_MS = 30_000;

export async function openPostgres(): Promise<PostgresServer> {
  const given = process.env['DATABASE_URL'];
  const { url, close } = given ? { url: given, close: async () => undefined } : await startEmbedded();
  const urlOf = (database: string): string => {
    const address = new URL(url);
    address.pathname = `/${database}`;
    return address.href;
  };
  const query = async <Row extends object>(text: string, database?: string): Promise<Row[]> => {
    const client = new Client({ connectionString: database === undefined ? url : urlOf(database) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  };
  try {
    const shown = await query<{ name: string; value: string }>(
      `select name, current_setting(name) as value from pg_settings where name in ('${SHOWN.join("', '")}')`,
    );
    const settings = Object.fromEntries(
      SHOWN.map((name) => [name, shown.find((row) => row.name === name)?.value ?? '']),
    );
    if (settings['fsync'] !== 'on' || settings['synchronous_commit'] !== 'on') {
      throw new Error('Nothing that this Postgres says is durable: fsync and synchronous_commit have to be on.');
    }
    const [server] = await query<{ server_version: string }>('show server_version');
    return { urlOf, query, version: server?.server_version ?? '', settings, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Stock settings, but that it listens on a port of the loopback: not every peer can name a socket in a URL. */
async function startEmbedded(): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), `carillon-bench-${process.pid}-`));
  await chmod(folder, 0o755);
  const tools = await prepareTools(systemEnv, folder);
  await createCluster(systemEnv, folder, tools);
  const cluster = await locateCluster(folder);
  if (cluster === null) throw new Error(`There is no cluster in ${folder}.`);
  const port = await freePort();
  const close = async (): Promise<void> => {
    // What waits for the server to stop does not keep a process alive, and now there is nothing else that does.
    const held = setInterval(() => undefined, 1_000);
    try {
      const pid = await findServer(cluster);
      if (pid !== null) await stopServer(systemEnv, cluster, pid);
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    } finally {
      clearInterval(held);
    }
  };
  await startServer(systemEnv, cluster, tools, { settings: ['listen_addresses=127.0.0.1', `port=${port}`] });
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const giveUpMs = Date.now() + START_PATIENCE_MS;
  while (!(await answers(url))) {
    if (Date.now() > giveUpMs) {
      const log = await readLogTail(cluster);
      await close();
      throw new Error(`Postgres does not start: ${log}`);
    }
    await sleep(50);
  }
  return { url, close };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
