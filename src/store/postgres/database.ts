/**
 * Connections and transactions. Statements are static text with the schema written `carillon.`, put in place once per
 * store and prepared once per connection. A write whose connection dies around it never counts as failed: its backend is
 * seen gone first, and only then is the truth read or the write done again.
 */
import type pg from 'pg';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Env } from '../../env.ts';
import { InvalidOptionError } from '../../errors.ts';
import { configOf, isPool, PINNED_PLAN, SHORT_PATIENCE } from './connection.ts';
import { type Backend, identify, truthAfter, UnknownOutcome } from './lost-backend.ts';
import { isConnectionLoss } from './sqlstate.ts';

/** Short name (at most 14 characters, as it is extended by the schema's) and text of a prepared statement. */
export interface Statement {
  /** Null: planned anew each time, with its values. */
  readonly name: string | null;
  readonly text: string;
}

export type Row = Record<string, unknown>;
export type Query = <R>(statement: Statement, values: readonly unknown[]) => Promise<R[]>;

const CONNECT: Statement = { name: null, text: 'select' };
const MOST_PINNED = 5;
/** One claim and the writes that may be under way beside it. */
const KEPT_PINNED = 4;

export interface DatabaseOptions {
  readonly connection: string | pg.PoolConfig | pg.Pool;
  readonly schema: string;
  readonly namespace: string;
  readonly env: Env;
  readonly logger: Pick<Logger, 'debug' | 'warn' | 'error'>;
  readonly maxConnections?: number;
}

/** Refuses anything that would not be a plain identifier: the name is put into SQL text. */
export function checkedSchema(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,47}$/.test(schema)) return schema;
  throw new InvalidOptionError('schema', 'must be 1 to 48 of a-z, 0-9 and _, not starting with a digit.');
}

/** Puts the schema into static SQL text. */
export function inSchema(text: string, schema: string): string {
  return text.replaceAll('carillon.', `${schema}.`);
}

export class Database {
  readonly schema: string;
  readonly namespace: string;
  readonly env: Env;
  readonly logger: DatabaseOptions['logger'];
  readonly config: pg.PoolConfig;
  readonly pool: pg.Pool;
  /** Claims and turns: their plans are pinned. */
  readonly pinned: pg.Pool;
  /** What may meet the open transaction of a caller. */
  readonly patient: pg.Pool;
  readonly #ownsPool: boolean;
  readonly #texts = new WeakMap<Statement, { readonly name?: string; readonly text: string }>();
  readonly #backends = new WeakMap<pg.ClientBase, Backend>();
  readonly #closing = new AbortController();
  readonly #onError = (error: Error): void => this.logger.debug({ err: error }, 'a database connection was lost');
  /** Before anybody is handed the connection: one that ends in that very moment would end the process. */
  readonly #onConnect = (client: pg.PoolClient): void => void client.on('error', this.#onError);

  constructor({ connection, schema, namespace, env, logger, maxConnections = 10 }: DatabaseOptions) {
    this.schema = checkedSchema(schema);
    this.namespace = namespace;
    this.env = env;
    this.logger = logger;
    this.config = {
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      query_timeout: 60_000,
      application_name: 'carillon',
      ...configOf(connection),
    };
    const given = typeof connection !== 'string' && isPool(connection) ? connection : null;
    this.#ownsPool = given === null;
    this.pool = given ?? new Pool({ ...this.config, max: maxConnections });
    this.pinned = new Pool({ ...this.config, max: MOST_PINNED, min: KEPT_PINNED });
    this.patient = new Pool({ ...this.config, max: 3 });
    for (const pool of [this.pool, this.pinned, this.patient]) {
      pool.on('error', this.#onError);
      pool.on('connect', this.#onConnect);
    }
  }

  /** Aborted when the store closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** One statement on the general pool, committed by itself. */
  readonly ask: Query = (statement, values) => this.query(statement, values);

  /** One statement, committed by itself. */
  async query<R = Row>(statement: Statement, values: readonly unknown[] = [], pool = this.pool): Promise<R[]> {
    return this.#on(pool, (client) => this.run<R>(client, statement, values));
  }

  /**
   * Connections for claims and turns before there are any: made in the middle of the first claims each of them waits for four
   * turns of a busy event loop. One that cannot be made now is made when it is needed, and that tells what is wrong. A process that
   * joins again does not wait for those it has: they may be what it lost its lease by.
   */
  async connectPinned(): Promise<void> {
    if (this.pinned.totalCount > 0) return;
    await Promise.allSettled(Array.from({ length: KEPT_PINNED }, () => this.query(CONNECT, [], this.pinned)));
  }

  /** Several statements, all or none. */
  async transaction<T>(work: (query: Query) => Promise<T>, pool = this.pool): Promise<T> {
    return this.#on(pool, async (client) => {
      await client.query('begin');
      try {
        const result = await work((statement, values) => this.run(client, statement, values));
        await client.query('commit');
        return result;
      } catch (error) {
        if (!isConnectionLoss(error)) await client.query('rollback');
        throw error;
      }
    });
  }

  /** SQL of several statements, which Postgres runs as one transaction. */
  async define(sql: string, pool = this.pool): Promise<void> {
    await this.#on(pool, (client) => client.query(sql));
  }

  /** On a connection that somebody else holds, inside whatever transaction is open there. */
  async run<R>(client: pg.ClientBase, statement: Statement, values: readonly unknown[]): Promise<R[]> {
    const { rows } = await client.query({ ...this.#prepared(statement), values: [...values] });
    return rows as R[];
  }

  /**
   * Does a write until it is known to be done. When its outcome is unknown and its backend is gone, `found` says what is
   * there; undefined means nothing, and the write is done again. Rejects only when nothing was written.
   */
  async resolved<T>(write: () => Promise<T>, found: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof UnknownOutcome)) throw error;
        this.logger.warn({ err: error.cause }, 'a connection was lost around a write; finding out what became of it');
        const truth = await truthAfter(this, error, found);
        if (truth !== undefined) return truth;
      }
    }
  }

  /** For writes that may simply be done again. */
  async repeated<T>(write: () => Promise<T>): Promise<T> {
    return this.resolved(write, async () => undefined);
  }

  /** Waits, but not beyond the closing of the store. */
  async pause(ms: number): Promise<void> {
    await this.env.sleep(ms, this.closing);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The store was closed.'));
    const ours = this.#ownsPool ? [this.pool, this.pinned, this.patient] : [this.pinned, this.patient];
    await Promise.all(ours.map((pool) => pool.end()));
    if (this.#ownsPool) return;
    this.pool.off('error', this.#onError);
    this.pool.off('connect', this.#onConnect);
  }

  #prepared(statement: Statement): { readonly name?: string; readonly text: string } {
    const known = this.#texts.get(statement);
    if (known !== undefined) return known;
    const name = statement.name === null ? {} : { name: `${statement.name}.${this.schema}` };
    const prepared = { ...name, text: inSchema(statement.text, this.schema) };
    this.#texts.set(statement, prepared);
    return prepared;
  }

  async #on<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let backend = this.#backends.get(client);
    let broken = false;
    try {
      if (backend === undefined) {
        // A pool we were given may have connected it before it was ours to listen.
        if (!this.#ownsPool) client.on('error', this.#onError);
        const settings = pool === this.pinned ? PINNED_PLAN : pool === this.patient ? SHORT_PATIENCE : '';
        backend = await identify(client, settings);
        this.#backends.set(client, backend);
      }
    } catch (error) {
      client.release(true);
      throw error;
    }
    try {
      return await work(client);
    } catch (error) {
      broken = isConnectionLoss(error);
      throw broken ? new UnknownOutcome(backend, error) : error;
    } finally {
      client.release(broken);
    }
  }
}
