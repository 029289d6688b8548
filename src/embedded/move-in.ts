/**
 * The way from a folder to a place on its server, whatever state both are in. There is no lock between processes that do
 * this at once: each step either wins or finds that another process won it, and the loop goes round again.
 */
import type { Client } from 'pg';
import type { Logger } from 'pino';
import type { Env } from '../env.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Cluster, createCluster, locateCluster, prepareTools, type Tools } from './cluster.ts';
import { findServer, readLogTail, startServer } from './server.ts';
import { enter } from './tenancy.ts';

/** A place on a running server. */
export interface Place {
  readonly cluster: Cluster;
  readonly client: Client;
  /** Another process started the server. */
  readonly adopted: boolean;
}

/** How long a living server may refuse us: it may be recovering from a crash, or shutting down. */
const PATIENCE_MS = 60_000;
/** How long starting may fail while no server lives: what a killed one left behind may still hold its memory. */
const START_PATIENCE_MS = 5_000;

/** Makes the cluster if there is none. True when this process made it. */
export async function ensureCluster(env: Env, folder: string, logger?: Pick<Logger, 'info'>): Promise<boolean> {
  if ((await locateCluster(folder)) !== null) return false;
  logger?.info({ folder }, 'creating the embedded Postgres; this happens once per project');
  return createCluster(env, folder, await prepareTools(env, folder));
}

/**
 * Enters the cluster's server, and starts it when none is alive. The signal does not end it while a server that it started
 * is on its way up: who leaves it then leaves a server that nobody stops.
 */
export async function moveIn(env: Env, folder: string, signal?: AbortSignal): Promise<Place> {
  let tools: Tools | undefined;
  let startedPid: number | undefined;
  let starting = false;
  let failure = '';
  const sinceMs = env.monotonicMs();
  let failingSinceMs = Number.POSITIVE_INFINITY;
  for (;;) {
    if (!starting) signal?.throwIfAborted();
    const cluster = await locateCluster(folder);
    if (cluster === null) throw new EmbeddedPostgresError(`The data in ${folder} is gone.`);
    const client = await enter(cluster);
    const pid = await findServer(cluster);
    if (!(client instanceof Error)) return { cluster, client, adopted: pid !== startedPid };

    // One that another process started may yet let us in, however often our own lost against it.
    if (pid !== null && pid !== startedPid) failingSinceMs = Number.POSITIVE_INFINITY;
    else if (failure !== '') failingSinceMs = Math.min(failingSinceMs, env.monotonicMs());
    const nowMs = env.monotonicMs();
    if (nowMs - sinceMs > PATIENCE_MS || nowMs - failingSinceMs > START_PATIENCE_MS) {
      const problem = pid === null ? `does not start. ${failure}` : `is alive (process ${pid}) but unreachable.`;
      throw new EmbeddedPostgresError(`Postgres in ${folder} ${problem} Its log ends:\n${await readLogTail(cluster)}`, {
        cause: client,
      });
    }
    if (pid === null && !starting) {
      tools ??= await prepareTools(env, folder);
      starting = true;
      const ended = (how: string): void => {
        starting = false;
        failure = how;
      };
      startedPid = (await startServer(env, cluster, tools, { ended })).pid;
    }
    await env.sleep(failure === '' ? 10 : 50);
  }
}
