/**
 * A real Postgres with nothing to install: the programs come from npm, the data is a folder of the project, and the server
 * runs exactly as long as some process of the project uses it. Whoever comes first starts it, the others share it, the
 * last one to leave stops it; after a crash of either side the next one, or one still there, starts it again.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import type { Logger } from 'pino';
import {
  type Cluster,
  clusterExists,
  createCluster,
  locateCluster,
  prepareTools,
  readLogTail,
  serverPid,
  startServer,
  stopServer,
} from './embedded/cluster.ts';
import { connectionStringTo, connectionTo, enter, giveUpPlace } from './embedded/tenancy.ts';
import type { Env } from './env.ts';
import { EmbeddedPostgresError } from './errors.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the project that keeps the data; created when missing, and ignored by git from within. */
  readonly dataDir: string;
  readonly env: Env;
  readonly logger?: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export interface EmbeddedPostgres {
  readonly connection: pg.PoolConfig;
  readonly connectionString: string;
  /** The server was already running: another process started it, or one that was killed left it behind. */
  readonly adopted: boolean;
  /** The database is new and empty. */
  readonly created: boolean;
  /** Ends this process's use. The last one to leave stops the server; close pools on it first. */
  close(): Promise<void>;
}

/** How long a server that is alive may take to accept us: it may be recovering from a crash, or shutting down. */
const PATIENCE_MS = 60_000;
/** How long starting may fail while no server is alive: remains of one that crashed may still hold its memory. */
const START_PATIENCE_MS = 5_000;

/**
 * Opens the embedded Postgres of a project: starts it or joins it. When the server crashes while it is open, this process
 * starts it again in the background; connections break as with any server, and pools reconnect.
 *
 * @throws EmbeddedPostgresError where it cannot run; the message says why.
 */
export async function openEmbeddedPostgres({
  dataDir,
  env,
  logger,
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(path.join(dataDir, '.gitignore'), '*\n');
  const cluster = await locateCluster(dataDir);
  const first = await staysAlive(() => moveIn(cluster, env, logger, true));
  let tenant = first.client;
  const closing = new AbortController();
  let revival: Promise<void> = Promise.resolve();

  const revive = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        ({ client: tenant } = await moveIn(cluster, env, logger, false, closing.signal));
        logger?.warn({ dataDir }, 'embedded Postgres had stopped and runs again');
        watch();
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        logger?.error({ err: error, dataDir }, 'embedded Postgres stopped and cannot be started again');
        await env.sleep(START_PATIENCE_MS, closing.signal).catch(() => undefined);
      }
    }
  };
  const watch = (): void => {
    tenant.once('end', () => {
      if (!closing.signal.aborted) revival = revive();
    });
  };
  watch();

  const close = async (): Promise<void> => {
    if (closing.signal.aborted) return;
    closing.abort();
    await revival;
    const pid = (await giveUpPlace(tenant)) ? await serverPid(cluster) : null;
    if (pid !== null) await stopServer(env, cluster, pid);
    await tenant.end().catch(() => undefined);
  };
  return {
    connection: connectionTo(cluster),
    connectionString: connectionStringTo(cluster),
    adopted: first.adopted,
    created: first.created,
    close: () => staysAlive(close),
  };
}

/** Stops a server that killed processes left behind. `'in use'`: a living process uses it, and it was left running. */
export async function stopEmbeddedPostgres(dataDir: string, env: Env): Promise<'stopped' | 'not running' | 'in use'> {
  const cluster = await locateCluster(dataDir).catch(() => null);
  if (cluster === null || (await serverPid(cluster)) === null) return 'not running';
  return staysAlive(async () => {
    const { client } = await moveIn(cluster, env, undefined, false);
    const pid = (await giveUpPlace(client)) ? await serverPid(cluster) : null;
    if (pid !== null) await stopServer(env, cluster, pid);
    await client.end().catch(() => undefined);
    return pid === null ? 'in use' : 'stopped';
  });
}

interface MovedIn {
  readonly client: pg.Client;
  readonly adopted: boolean;
  readonly created: boolean;
}

/**
 * Until this process has its place: try to enter; when no server is alive start one. Two processes may both start one,
 * Postgres lets one of them live and the other enters that. A server that is just shutting down is waited for.
 */
async function moveIn(
  cluster: Cluster,
  env: Env,
  logger: EmbeddedPostgresOptions['logger'],
  mayCreate: boolean,
  signal?: AbortSignal,
): Promise<MovedIn> {
  let created = false;
  let ownPid: number | undefined;
  let starting = false;
  let failure: string | null = null;
  let waitingSinceMs = env.monotonicMs();
  for (;;) {
    signal?.throwIfAborted();
    const client = await enter(cluster);
    if (client !== null) return { client, created, adopted: (await serverPid(cluster)) !== ownPid };
    const alive = (await serverPid(cluster)) !== null;
    const waitedMs = env.monotonicMs() - waitingSinceMs;
    if (waitedMs > PATIENCE_MS || (failure !== null && !alive && waitedMs > START_PATIENCE_MS)) {
      throw new EmbeddedPostgresError(
        `Postgres in ${cluster.folder} cannot be ${alive ? 'reached' : 'started'}. ${failure ?? ''}\n${await readLogTail(cluster)}`,
      );
    }
    if (!alive && !starting) {
      const tools = await prepareTools(env, cluster);
      if (!(await clusterExists(cluster))) {
        if (!mayCreate) throw new EmbeddedPostgresError(`The data in ${cluster.folder} is gone.`);
        logger?.info({ dataDir: cluster.folder }, 'creating the embedded Postgres, once per project');
        created = await createCluster(env, cluster, tools);
        waitingSinceMs = env.monotonicMs();
      }
      starting = true;
      const server = await startServer(env, cluster, tools);
      ownPid = server.pid;
      const ended = (why: string): void => {
        starting = false;
        failure = why;
      };
      server.once('error', (error) => ended(error.message));
      server.once('exit', (code, signal) => ended(`The server ended with ${signal ?? `exit code ${code}`}.`));
    }
    await env.sleep(alive ? 20 : 5);
  }
}

/** Env's timers let the process end; while the server starts or stops there may be nothing else to keep it. */
async function staysAlive<T>(work: () => Promise<T>): Promise<T> {
  const { port1 } = new MessageChannel();
  port1.ref();
  try {
    return await work();
  } finally {
    port1.close();
  }
}
