/** Servers and folders of runs that were killed, recognised by the dead process in the folder's name. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { locateCluster } from '../../src/embedded/cluster.ts';
import { findServer, stopServer } from '../../src/embedded/server.ts';
import { systemEnv } from '../../src/env.ts';
import { REDIS_SOCKET } from './redis.ts';

export async function removeAbandoned(): Promise<void> {
  // What waits for a server to stop does not keep a process alive.
  const held = setInterval(() => undefined, 1_000);
  try {
    for (const name of await readdir(tmpdir())) {
      const owner = /^carillon-bench-(\d+)-/.exec(name)?.[1];
      if (owner === undefined || isAlive(Number(owner))) continue;
      const folder = path.join(tmpdir(), name);
      await stopServers(folder);
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch(() => undefined);
    }
  } finally {
    clearInterval(held);
  }
}

async function stopServers(folder: string): Promise<void> {
  const cluster = await locateCluster(folder).catch(() => null);
  const pid = cluster && (await findServer(cluster));
  if (cluster && pid) await stopServer(systemEnv, cluster, pid).catch(() => undefined);
  const socket = path.join(folder, REDIS_SOCKET);
  if (!existsSync(socket)) return;
  const redis = new Redis(socket, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => undefined);
  await redis.connect().then(
    () => redis.call('SHUTDOWN', 'NOSAVE').catch(() => undefined),
    () => undefined,
  );
  redis.disconnect();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
