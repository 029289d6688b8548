/**
 * BullMQ on Postgres, in a schema of its own next to Carillon's and over a small pool of its own: BullMQ's statements need their
 * `search_path`, and an alarm must never wait for a connection behind a commit. All queues and workers share that pool and one
 * LISTEN connection.
 */
import { EventEmitter } from 'node:events';
import type { PostgresConnectionOptions, QueueBaseOptions } from 'bullmq';
import { Client, type ClientConfig, type Pool } from 'pg';
import { alarmSchema } from './alarm-schema.ts';
import type { AlarmBackend, BullQueue, BullWorker } from './backend.ts';
import {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  PostgresConnection,
  PostgresQueueBackend,
  Queue,
  runMigrations,
  SchemaMigrationRequiredError,
  Worker,
} from './bullmq.ts';

/** Queries at once: a claim and an addition. The LISTEN connection comes on top. */
const POOL_SIZE = 2;

/** Creates or upgrades BullMQ's tables. Processes that do it at once take turns; when there is nothing to do it only reads. */
export async function migrateAlarms(pool: Pool, schema: string): Promise<void> {
  const client = await pool.connect();
  try {
    const version = await assertSchemaCompatibility(client, alarmSchema(schema)).catch((error: unknown) => {
      if (error instanceof SchemaMigrationRequiredError) return 0;
      throw error;
    });
    if (version < LATEST_SCHEMA_VERSION) await runMigrations(client, alarmSchema(schema));
  } finally {
    client.release();
  }
}

export class PostgresAlarmBackend implements AlarmBackend {
  readonly #pool: Pool;
  readonly #schema: string;
  #opening: Promise<void> | undefined;
  #connection: PostgresConnection | undefined;
  #closed = false;

  constructor(pool: Pool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  /** BullMQ remembers a first connection that failed for ever, so one that fails is thrown away. */
  async connect(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    await this.#opening;
  }

  async #open(): Promise<void> {
    await migrateAlarms(this.#pool, this.#schema);
    const connection = new SharedConnection(settingsOf(this.#pool, alarmSchema(this.#schema)));
    connection.setMaxListeners(0);
    connection.on('error', () => undefined);
    try {
      await connection.waitUntilReady();
      if (this.#closed) throw new Error('The alarms were closed.');
    } catch (error) {
      await connection.close();
      throw error;
    }
    this.#connection = connection;
  }

  /** Someone may have dropped the tables, or restored the database without them. */
  async ping(): Promise<void> {
    await migrateAlarms(this.#pool, this.#schema);
    await this.#connection?.pool.query('SELECT 1');
  }

  openQueue(name: string, onError: (error: Error) => void): BullQueue {
    const options = { connection: '', streams: { events: { maxLen: 100 } } };
    return new Queue(name, options, this.#backendFactory).on('error', onError);
  }

  openWorker(name: string): BullWorker {
    return new Worker(name, null, { connection: '' }, this.#backendFactory);
  }

  readonly #backendFactory = (name: string, options: QueueBaseOptions<PostgresConnectionOptions>): SharedBackend => {
    if (this.#connection === undefined) throw new Error('Connect before opening a queue.');
    return new SharedBackend(this.#connection, name, options);
  };

  /** The pool has timeouts of its own. */
  unhang(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.close();
  }
}

type ListenClient = Awaited<ReturnType<PostgresConnection['getListenClient']>>;

/** BullMQ hears of errors only once a connection is its own; one that is lost before that would end the process. */
class WatchedClient extends Client {
  lost: Error | undefined;

  constructor(config?: ClientConfig) {
    super(config);
    this.on('error', (error) => {
      this.lost = error;
    });
  }
}

/** Now BullMQ listens: it forgets a connection that was lost meanwhile, and opens another when it next asks. */
function tellAgain(client: unknown): void {
  if (client instanceof WatchedClient && client.lost) client.emit('error', client.lost);
}

/** One LISTEN connection serves any number of workers, one statement after the other: pg takes no second one meanwhile. */
class SharedConnection extends PostgresConnection {
  #prepared: ListenClient | undefined;

  constructor(options: PostgresConnectionOptions) {
    super(options);
    Object.assign(this, { pgModule: { Client: WatchedClient } });
    this.pool.on('connect', (client) => void client.on('error', () => undefined));
  }

  override async getListenClient(): Promise<ListenClient> {
    const client = await super.getListenClient();
    if (client === this.#prepared) return client;
    tellAgain(client);
    this.#prepared = client;
    if (client instanceof EventEmitter) client.setMaxListeners(0);
    const query = client.query.bind(client);
    let last: Promise<unknown> = Promise.resolve();
    client.query = <R>(text: string, params?: readonly unknown[]) => {
      const next = last.then(() => query<R>(text, params));
      last = next.catch(() => undefined);
      return next;
    };
    return client;
  }
}

/** Follows the shared connection like an owner, but closing one queue leaves the connection to the others. */
class SharedBackend extends PostgresQueueBackend {
  override async close(): Promise<void> {
    // A wait for the next alarm may last an hour; left alone, its timer would keep the process alive.
    await this.disconnectBlocking();
  }
}

/** Where the given pool connects to, as pg resolved it from its string, its options and the environment. */
function settingsOf(pool: Pool, schema: string): PostgresConnectionOptions {
  const { host, port, user, database, password, ssl } = new Client(pool.options);
  return {
    host,
    port,
    user,
    database,
    password,
    ssl,
    schema,
    max: POOL_SIZE,
    application_name: 'carillon alarms',
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
  };
}
