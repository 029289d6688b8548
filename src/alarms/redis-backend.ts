/**
 * BullMQ on Redis, over connections of our own: one for all commands and one more per served queue, which blocks. A Redis
 * passed in only lends its settings, so that its timeouts cannot break a blocking wait, and is never closed.
 */
import { once } from 'node:events';
import type { RedisOptions } from 'ioredis';
import type { AlarmBackend, BullQueue, BullWorker, ConnectionWatch } from './backend.ts';
import { Queue, Redis, Worker } from './bullmq.ts';

/** What BullMQ's blocking connections need, and what keeps reconnecting quick. */
const CONNECTION: RedisOptions = {
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  lazyConnect: false,
  keyPrefix: '',
  connectTimeout: 5_000,
  commandTimeout: undefined,
  socketTimeout: undefined,
  retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
};

export class RedisAlarmBackend implements AlarmBackend {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(connection: string | RedisOptions | Redis, watch: ConnectionWatch) {
    this.#redis = open(connection);
    this.#prefix = `${prefixOf(connection)}carillon`;
    this.#redis.on('ready', () => watch.up());
    this.#redis.on('error', (error) => watch.down(error));
    this.#redis.on('close', () => watch.down(new Error('The connection to Redis was closed.')));
  }

  async connect(signal: AbortSignal): Promise<void> {
    if (this.#redis.status !== 'ready') await once(this.#redis, 'ready', { signal });
  }

  async ping(): Promise<void> {
    await this.#redis.ping();
  }

  openQueue(name: string, onError: (error: Error) => void): BullQueue {
    const queue = new Queue(name, {
      connection: this.#redis,
      prefix: this.#prefix,
      streams: { events: { maxLen: 100 } },
    });
    return queue.on('error', onError);
  }

  openWorker(name: string): BullWorker {
    return new Worker(name, null, { connection: this.#redis, prefix: this.#prefix });
  }

  /** Reconnecting sends the hung command again; without this a half-open socket keeps it for many minutes. */
  unhang(): void {
    if (this.#redis.status === 'ready') this.#redis.disconnect(true);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}

function open(connection: string | RedisOptions | Redis): Redis {
  if (typeof connection === 'string') return new Redis(connection, CONNECTION);
  return isClient(connection) ? connection.duplicate(CONNECTION) : new Redis({ ...connection, ...CONNECTION });
}

function prefixOf(connection: string | RedisOptions | Redis): string {
  if (typeof connection === 'string') return '';
  return (isClient(connection) ? connection.options.keyPrefix : connection.keyPrefix) ?? '';
}

/** By shape: the caller's ioredis may be another copy than ours. */
function isClient(connection: RedisOptions | Redis): connection is Redis {
  return 'duplicate' in connection && typeof connection.duplicate === 'function';
}
