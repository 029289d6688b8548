/**
 * Who uses an embedded server: every process holds one connection with a shared advisory lock on it, which vanishes with
 * the process however it dies. Leaving asks for the same lock exclusively: only the last one gets it, and while it holds
 * it nobody can move in, so "I am the last" stays true until the server is down.
 */
import { Socket } from 'node:net';
import { Client } from 'pg';
import { EmbeddedPostgresError } from '../errors.ts';
import type { Cluster } from './cluster.ts';

/** Any pair of numbers no other user of advisory locks in this database picks. */
const TENANCY_LOCK = '1668444780, 1952804461';
const CONNECT_TIMEOUT_MS = 5_000;

/** How to reach the server of a cluster: its Unix socket, and nothing else. */
export function connectionTo(cluster: Cluster): { host: string; port: number; user: string; database: string } {
  return { host: cluster.socketDir, port: 5432, user: 'postgres', database: 'postgres' };
}

/** The same as a URL, for libpq and for node-postgres. */
export function connectionStringTo(cluster: Cluster): string {
  const { host, port, user, database } = connectionTo(cluster);
  return `postgresql://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}

/**
 * Moves in. Null: the server cannot be reached now (not started, starting, stopping, just crashed); asking again later is
 * the answer to all of them.
 */
export async function enter(cluster: Cluster): Promise<Client | null> {
  const socket = new Socket();
  const client = new Client({
    ...connectionTo(cluster),
    stream: () => socket,
    application_name: 'carillon-tenant',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`set lock_timeout = ${CONNECT_TIMEOUT_MS}`);
    await client.query(`select pg_advisory_lock_shared(${TENANCY_LOCK})`);
    // A forgotten close() must not keep a finished program from ending.
    socket.unref();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      throw new EmbeddedPostgresError(
        `The server in ${cluster.folder} runs as another user. Run as that user, or set DATABASE_URL.`,
        { cause: error },
      );
    }
    return null;
  }
}

/** True: nobody else is there and nobody can enter before the connection ends. */
export async function giveUpPlace(client: Client): Promise<boolean> {
  try {
    await client.query(`select pg_advisory_unlock_shared(${TENANCY_LOCK})`);
    const { rows } = await client.query<{ last: boolean }>(`select pg_try_advisory_lock(${TENANCY_LOCK}) as last`);
    return rows[0]?.last ?? false;
  } catch {
    // The server is gone already, and with it every tenancy.
    return false;
  }
}
