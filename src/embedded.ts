/**
 * A real Postgres with nothing to install: the programs come from npm, the data is a folder of the project, and the server
 * runs exactly as long as some process of the project uses it. Whoever comes first starts it, the others share it, the
 * last one to leave stops it; after a crash of either side the next one, or one still there, starts it again.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PoolConfig } from 'pg';
import type { Logger } from 'pino';
import { locateCluster } from './embedded/cluster.ts';
import { ensureCluster, moveIn, type Place } from './embedded/move-in.ts';
import { findServer, stopServer } from './embedded/server.ts';
import { connectionStringTo, connectionTo, giveUpPlace } from './embedded/tenancy.ts';
import type { Env } from './env.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the project that keeps the data. Created when missing; git ignores what is in it. */
  readonly dataDir: string;
  readonly env: Env;
  readonly logger?: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export interface EmbeddedPostgres {
  readonly connection: PoolConfig;
  readonly connectionString: string;
  /** The server was already running: another process uses it, or one that was killed left it behind. */
  readonly adopted: boolean;
  /** The database is new and empty. */
  readonly created: boolean;
  /** Ends this process's use. Close your pools first: the last one to leave stops the server. */
  close(): Promise<void>;
}

const REVIVAL_PAUSE_MS = 5_000;

/**
 * Opens the embedded Postgres of a project. When the server crashes while it is open, this process starts it again in the
 * background: connections break, as with any server, and the next ones work.
 *
 * @throws EmbeddedPostgresError where it cannot run; the message says why and what to do.
 */
export async function openEmbeddedPostgres({
  dataDir,
  env,
  logger,
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = path.resolve(dataDir);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, '.gitignore'), '*\n');
  const { created, first } = await stayAlive(async () => ({
    created: await ensureCluster(env, folder, logger),
    first: await moveIn(env, folder),
  }));
  let place = first;
  const closing = new AbortController();
  let revival: Promise<void> = Promise.resolve();

  const revive = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        place = await moveIn(env, folder, closing.signal);
        logger?.warn({ folder }, 'the embedded Postgres had stopped; it runs again');
        watch();
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        logger?.error({ err: error, folder }, 'the embedded Postgres stopped and does not start again');
        await env.sleep(REVIVAL_PAUSE_MS, closing.signal).catch(() => undefined);
      }
    }
  };
  const watch = (): void => {
    place.client.once('end', () => {
      if (!closing.signal.aborted) revival = revive();
    });
  };
  watch();

  return {
    connection: connectionTo(first.cluster),
    connectionString: connectionStringTo(first.cluster),
    adopted: first.adopted,
    created,
    close: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      await stayAlive(async () => {
        await revival;
        await moveOut(env, place);
      });
    },
  };
}

/** Stops a server that killed processes left behind. `'in use'`: a living process uses it, so it keeps running. */
export async function stopEmbeddedPostgres(dataDir: string, env: Env): Promise<'stopped' | 'in use' | 'not running'> {
  const cluster = await locateCluster(dataDir);
  if (cluster === null || (await findServer(cluster)) === null) return 'not running';
  return stayAlive(async () => ((await moveOut(env, await moveIn(env, dataDir))) ? 'stopped' : 'in use'));
}

/** True when this was the last one and the server is down. */
async function moveOut(env: Env, { client, cluster }: Place): Promise<boolean> {
  const last = await giveUpPlace(client);
  const pid = last ? await findServer(cluster) : null;
  if (pid !== null) await stopServer(env, cluster, pid);
  await client.end().catch(() => undefined);
  return last;
}

/** Env's timers let the process end; while the server starts or stops there may be nothing else to hold it. */
async function stayAlive<T>(work: () => Promise<T>): Promise<T> {
  const { port1 } = new MessageChannel();
  port1.ref();
  try {
    return await work();
  } finally {
    port1.close();
  }
}
