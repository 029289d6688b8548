/**
 * The LISTEN connection: comes back by itself, and is asked now and then whether it is still there, because a dead line
 * is silent. Both losing it and having it back mean the same to the listener: look for yourself.
 */
import { Client } from 'pg';
import type { LocalTimer } from '../../env.ts';
import type { WakeListener } from '../wake-listener.ts';
import type { Database } from './database.ts';
import type { LowWater } from './low-water.ts';
import { queueChannel, workerChannel } from './wake.ts';

const PING_MS = 10_000;
const PING_PATIENCE_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

export interface Listening {
  close(): Promise<void>;
}

/** Resolves when the first connection listens, or its first attempt has failed. */
export async function listen(
  db: Database,
  low: LowWater,
  worker: string | null,
  listener: WakeListener,
): Promise<Listening> {
  const line = new Line(db, low, worker, listener);
  await line.open();
  return line;
}

class Line implements Listening {
  readonly #db: Database;
  readonly #low: LowWater;
  readonly #listener: WakeListener;
  readonly #dueChannel: string;
  readonly #pokeChannel: string | null;
  #client: Client | null = null;
  #timer: LocalTimer | null = null;
  #pauseMs = FIRST_PAUSE_MS;
  #closed = false;

  constructor(db: Database, low: LowWater, worker: string | null, listener: WakeListener) {
    this.#db = db;
    this.#low = low;
    this.#listener = listener;
    this.#dueChannel = queueChannel(db);
    this.#pokeChannel = worker === null ? null : workerChannel(db, worker);
  }

  async open(): Promise<void> {
    const client = new Client({
      ...this.#db.config,
      application_name: 'carillon listen',
      query_timeout: PING_PATIENCE_MS,
    });
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ channel, payload = '' }) => this.#hear(channel, payload));
    this.#client = client;
    try {
      await client.connect();
      await client.query(`listen ${this.#dueChannel}`);
      if (this.#pokeChannel !== null) await client.query(`listen ${this.#pokeChannel}`);
      if (this.#closed) return;
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#low.forget();
      this.#listener.state(true);
      this.#pingLater(client);
    } catch (error) {
      this.#db.logger.debug({ err: error }, 'cannot listen for wake-ups');
      this.#lost(client);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.clear();
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  #hear(channel: string, payload: string): void {
    if (channel === this.#pokeChannel) {
      for (const actor of payload.split(' ')) this.#listener.poke(actor);
      return;
    }
    const [queue, at] = payload.split(' ').map(Number);
    if (queue === undefined || at === undefined) return;
    // What is born now comes after every mark; whatever else is due already may have been due for long.
    if (at > 0 && at <= this.#db.env.wallMs()) this.#low.forget(queue);
    this.#listener.due(queue, at);
  }

  #pingLater(client: Client): void {
    this.#timer = this.#db.env.setTimer(PING_MS, () => {
      client.query('select').then(
        () => this.#client === client && this.#pingLater(client),
        () => this.#lost(client),
      );
    });
  }

  #lost(client: Client): void {
    if (this.#client !== client || this.#closed) return;
    this.#client = null;
    this.#timer?.clear();
    client.end().catch(() => undefined);
    this.#listener.state(false);
    const pauseMs = this.#pauseMs * (0.5 + this.#db.env.random());
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    this.#timer = this.#db.env.setTimer(pauseMs, () => void this.open());
  }
}
