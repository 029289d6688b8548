/** A Redis server of a test's own, on a free loopback port, with nothing written to disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { registerOpened } from './left-behind.ts';
import { findService } from './services.ts';
import { waitUntil } from './wait-until.ts';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** SHUTDOWN, orderly. `restart` brings it back, empty, on the same port. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** FLUSHALL. */
  flush(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Stops it and deletes its folder. */
  destroy(): Promise<void>;
}

/** Null where there is no `redis-server`: wrap such tests in `describeWith('redis-server', …)`. */
export async function startRedis(): Promise<RedisServer | null> {
  const program = findService('redis-server');
  if (program === null) return null;
  const folder = await mkdtemp(path.join(tmpdir(), `carillon-test-${process.pid}-redis-`));
  const port = await findFreePort();
  let child: ChildProcess | null = null;

  const ask = async (command: string): Promise<void> => {
    const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.call(command);
    } finally {
      client.disconnect();
    }
  };
  const start = async (): Promise<void> => {
    const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
    const started = spawn(program, options, { stdio: 'ignore' });
    child = started;
    started.once('exit', () => {
      if (child === started) child = null;
    });
    await waitUntil(
      async () => {
        if (child === null)
          throw new Error(`redis-server on port ${port} ended at once (exit code ${started.exitCode}).`);
        return ask('PING').then(
          () => true,
          () => false,
        );
      },
      { what: 'Redis to answer' },
    );
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child?.kill('SIGCONT');
    child?.kill(signal);
    await waitUntil(() => child === null, { what: 'Redis to stop' });
  };
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    flush: () => ask('FLUSHALL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    destroy: async () => {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  registerOpened({ what: `Redis on port ${port}`, isOpen: () => child !== null, destroy: () => server.destroy() });
  await start();
  return server;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
