/** The Redis of a run: the one that BENCH_REDIS_URL names, else a `redis-server` with the save points that Debian ships. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { sleep } from '../agent/clock.ts';
import { freePort } from './free-port.ts';

export interface RedisServer {
  readonly version: string;
  readonly settings: string;
  /** Each system has a database of its own. */
  urlOf(database: number): string;
  empty(database: number): Promise<void>;
  usedBytes(): Promise<number>;
  close(): Promise<void>;
}

/** In its folder: how a later run finds the server of one that was killed. */
export const REDIS_SOCKET = 'redis.sock';
const SAVE_POINTS = '3600 1 300 100 60 10000';
const START_PATIENCE_MS = 10_000;

/** Null where there is none. */
export async function openRedis(): Promise<RedisServer | null> {
  const given = process.env['BENCH_REDIS_URL'];
  const started = given ? { url: given, close: async () => undefined } : await startServer();
  if (started === null) return null;
  const { url, close } = started;
  const urlOf = (database: number): string => {
    const address = new URL(url);
    address.pathname = `/${database}`;
    return address.href;
  };
  const admin = new Redis(url, { maxRetriesPerRequest: 1 });
  admin.on('error', () => undefined);
  const end = async (): Promise<void> => {
    admin.disconnect();
    await close();
  };
  try {
    if (given && /\bdb\d+:/.test(await admin.info('keyspace'))) {
      throw new Error(
        'The Redis of BENCH_REDIS_URL is not empty, and the bench empties its databases. Give it another.',
      );
    }
    const [, save = ''] = (await admin.config('GET', 'save')) as string[];
    const [, appendOnly = ''] = (await admin.config('GET', 'appendonly')) as string[];
    const field = async (section: string, name: string): Promise<string> =>
      new RegExp(`^${name}:(.*)$`, 'm').exec(await admin.info(section))?.[1]?.trim() ?? '';
    return {
      version: await field('server', 'redis_version'),
      settings: `save "${save}", appendonly ${appendOnly}`,
      urlOf,
      async empty(database) {
        await admin.select(database);
        await admin.flushdb();
      },
      usedBytes: async () => Number(await field('memory', 'used_memory')),
      close: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function startServer(): Promise<{ readonly url: string; readonly close: () => Promise<void> } | null> {
  const folder = await mkdtemp(path.join(tmpdir(), `carillon-bench-${process.pid}-redis-`));
  const port = await freePort();
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', SAVE_POINTS, '--appendonly', 'no'];
  const server = spawn('redis-server', [...options, '--dir', folder, '--unixsocket', path.join(folder, REDIS_SOCKET)], {
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.once('exit', () => resolve());
  });
  const state = { ended: false };
  void ended.then(() => {
    state.ended = true;
  });
  const close = async (): Promise<void> => {
    server.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const url = `redis://127.0.0.1:${port}`;
  const giveUpMs = Date.now() + START_PATIENCE_MS;
  while (!(await answers(url))) {
    if (state.ended || Date.now() > giveUpMs) {
      await close();
      return null;
    }
    await sleep(30);
  }
  return { url, close };
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
