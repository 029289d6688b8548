/**
 * Wake-ups between processes, by LISTEN and NOTIFY. A hint only: the sweep finds whatever one of them missed. Every
 * transaction that notifies takes a lock of the whole server at commit, so announcements are gathered.
 */
import { createHash } from 'node:crypto';
import type { Instant, Poked } from '../contract.ts';
import type { Database, Query, Statement } from './database.ts';

const NOTIFY: Statement = {
  name: 'notify',
  text: `select pg_notify(n.channel, n.payload) from unnest($1::text[], $2::text[]) as n(channel, payload)`,
};

/** At most one announcement per queue in this time; the first one goes at once. */
const QUIET_MS = 5;
/** Ids in one payload: Postgres takes 8,000 bytes. */
const POKES_PER_PAYLOAD = 200;

/** Channel names are at most 63 bytes, and must not be guessed by another schema or namespace. */
export function queueChannel({ schema, namespace }: Database): string {
  return `carillon_${hashOf('queues', schema, namespace)}`;
}

export function workerChannel({ schema, namespace }: Database, worker: string): string {
  return `carillon_${hashOf('worker', schema, namespace, worker)}`;
}

function hashOf(...names: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 32);
}

interface DueSoon {
  readonly queue: number;
  readonly at: Instant;
}

/** In the caller's transaction, so that listeners hear of it when it has committed and not before. */
export async function notifyWithin(db: Database, query: Query, due: readonly DueSoon[]): Promise<void> {
  const earliest = new Map<number, Instant>();
  for (const { queue, at } of due) earliest.set(queue, Math.min(at, earliest.get(queue) ?? at));
  if (earliest.size === 0) return;
  await query(NOTIFY, [
    [...earliest].map(() => queueChannel(db)),
    [...earliest].map(([queue, at]) => `${queue} ${at}`),
  ]);
}

/** What a write says itself of what it makes due, so that nobody has to wait for another transaction to say it. */
export interface Notice {
  readonly channel: string;
  readonly payload: string;
}

/** Asked for right before such a write. Null: there is nothing to say with it. */
export type Lead = () => Notice | null;

/** Gathers announcements and sends them from a connection of its own choosing; but the first after a quiet time may go with a write. */
export class Announcer {
  readonly #db: Database;
  readonly #channel: string;
  /** Queues announced within the quiet time, with the earliest of what came since. */
  readonly #quiet = new Map<number, Instant | null>();
  readonly #outbox: Notice[] = [];
  #sending = false;

  constructor(db: Database) {
    this.#db = db;
    this.#channel = queueChannel(db);
  }

  /** For a write that makes something of this queue due now. Null: it is for `due` to say, later. */
  leading(queue: number | undefined): Notice | null {
    if (queue === undefined || this.#quiet.has(queue)) return null;
    this.#keepQuiet(queue);
    return { channel: this.#channel, payload: `${queue} 0` };
  }

  due(queue: number, at: Instant): void {
    const waiting = this.#quiet.get(queue);
    if (waiting !== undefined) {
      this.#quiet.set(queue, Math.min(waiting ?? at, at));
      return;
    }
    this.#keepQuiet(queue);
    this.#post(this.#channel, `${queue} ${at}`);
  }

  #keepQuiet(queue: number): void {
    this.#quiet.set(queue, null);
    this.#db.env.setTimer(QUIET_MS, () => {
      const next = this.#quiet.get(queue) ?? null;
      this.#quiet.delete(queue);
      if (next !== null && !this.#db.closing.aborted) this.due(queue, next);
    });
  }

  pokes(poked: readonly Poked[]): void {
    const byWorker = new Map<string, string[]>();
    for (const { id, worker } of poked) byWorker.set(worker, [...(byWorker.get(worker) ?? []), id]);
    for (const [worker, ids] of byWorker) {
      for (let from = 0; from < ids.length; from += POKES_PER_PAYLOAD) {
        this.#post(workerChannel(this.#db, worker), ids.slice(from, from + POKES_PER_PAYLOAD).join(' '));
      }
    }
  }

  #post(channel: string, payload: string): void {
    this.#outbox.push({ channel, payload });
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    // What is announced in the same tick goes together.
    await Promise.resolve();
    while (this.#outbox.length > 0) {
      const batch = this.#outbox.splice(0);
      try {
        await this.#db.query(NOTIFY, [batch.map((n) => n.channel), batch.map((n) => n.payload)]);
      } catch (error) {
        this.#db.logger.debug({ err: error }, 'an announcement was lost; the sweep will find what it was about');
      }
    }
    this.#sending = false;
  }
}
