/**
 * Who uses an embedded server: every process holds one connection with a shared advisory lock on it, which vanishes with
 * the process however it dies. Leaving asks for the same lock exclusively: only the last one gets it, and while it holds
 * it nobody can move in, so "I am the last" stays true until the server is down.
 */
import { Socket } from 'node:net';
import { Client } from 'pg';
import { EmbeddedPostgresError } from '../errors.ts';
import type { Cluster } from './cluster.ts';

/** How to reach an embedded server. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** Any pair of numbers no other user of advisory locks in this database picks. */
const TENANCY_LOCK = '1668444780, 1952804461';
const CONNECT_TIMEOUT_MS = 5_000;

/** A Unix socket and nothing else: nobody but the owner of its folder gets in, so there is no password. */
export function connectionTo(cluster: Cluster): Connection {
  return { host: cluster.socketDir, port: 5432, user: 'postgres', database: 'postgres' };
}

/** The same as a URL, for libpq and for node-postgres. */
export function connectionStringTo(cluster: Cluster): string {
  const { host, port, user, database } = connectionTo(cluster);
  return `postgresql://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}

/**
 * Moves in, or says why it cannot now: the server is not started, starting, stopping, or has just crashed. To ask again
 * later is the answer to all of them.
 */
export async function enter(cluster: Cluster): Promise<Client | Error> {
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
    if (!(error instanceof Error)) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return error;
    throw new EmbeddedPostgresError(`The server of ${cluster.data} runs as another user.`, { cause: error });
  }
}

/** True: nobody else is there, and nobody can enter before this connection ends. */
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
