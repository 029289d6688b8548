/**
 * Owns `workers`: who is alive. Found dead means erased, and a claim asks for the row first: an incarnation found dead never
 * claims again. What it held is freed lease by lease, each in a transaction of its own.
 */
import type { Heartbeat, Instant, WorkerEntry } from '../contract.ts';
import type { DutyState, RecoverReply } from '../operating.ts';
import type { Database, Statement } from './database.ts';
import { startHeartbeat } from './heartbeat.ts';
import { freeLease, leasesOf } from './leases.ts';
import { unpark } from './park.ts';
import { Tally } from './recover.ts';
import { takeBack } from './set-aside.ts';

const JOIN: Statement = {
  name: 'join',
  text: `insert into carillon.workers (id, namespace, host, pid, defs, queues, lease_ms, concurrency, joined_at, beat_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, carillon.now(), carillon.now())
  on conflict (id) do nothing`,
};

const LEAVE: Statement = { name: 'leave', text: `delete from carillon.workers where id = $1` };

/**
 * A heartbeat is old only one lease after the database started, and one after its clock jumped ($1): before that, every
 * heartbeat looks old though its worker is alive. One that beats while this waits for its row is spared.
 */
const FIND_DEAD: Statement = {
  name: 'find_dead',
  text: `delete from carillon.workers
  where greatest(beat_at, pg_postmaster_start_time(), to_timestamp($1::float8 / 1000.0))
    + lease_ms * interval '1 millisecond' <= carillon.now()
  returning id`,
};

/** Those set aside are left alone for a while, so that what cannot be freed holds up nothing. */
const LEASES_OF_DEAD: Statement = {
  name: 'leases_of_dead',
  text: `select l.worker, l.n::float8 as lease, l.actors, a.target is not null as aside
  from carillon.leases l
  left join carillon.set_aside a on a.duty = 'reap' and a.target = l.worker || '/' || l.n
  where not exists (select from carillon.workers w where w.id = l.worker)
    and (a.target is null or a.next_at <= carillon.now())
  limit 1000`,
};

const REPORT: Statement = { name: 'report_duties', text: `update carillon.workers set duties = $2 where id = $1` };

/** A longer difference between the database's clock and the monotonic one is a jump. */
const JUMP_MS = 2_000;

export async function join(db: Database, entry: WorkerEntry): Promise<Heartbeat> {
  const heartbeat = startHeartbeat(db, entry);
  const { id, host, pid, defs, queues, leaseMs, concurrency } = entry;
  const values = [id, db.namespace, host, pid, defs, queues, leaseMs, concurrency];
  try {
    await Promise.all([heartbeat.running, db.connectPinned()]);
    const startedMs = db.env.monotonicMs();
    await db.repeated(() => db.query(JOIN, values));
    heartbeat.begin(startedMs);
    await unpark(db, defs);
    return heartbeat;
  } catch (error) {
    await heartbeat.stop();
    throw error;
  }
}

/** Its row goes last: before that, the sweep of another process would count a death. */
export async function leave(db: Database, worker: string): Promise<void> {
  for (const lease of await leasesOf(db, worker)) await freeLease(db, worker, lease);
  await db.repeated(() => db.query(LEAVE, [worker]));
}

export class Reaper {
  readonly #db: Database;
  #seen: { readonly now: Instant; readonly ms: number } | null = null;
  #jumpedAt: Instant = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** To be told what the database's clock reads, also at open: a jump is seen between two readings. */
  observe(now: Instant): void {
    const ms = this.#db.env.monotonicMs();
    if (this.#seen !== null && Math.abs(now - this.#seen.now - (ms - this.#seen.ms)) > JUMP_MS) this.#jumpedAt = now;
    this.#seen = { now, ms };
  }

  async reap(): Promise<RecoverReply> {
    await this.bury();
    const tally = new Tally(this.#db);
    for (const lease of await this.#db.query<DeadLease>(LEASES_OF_DEAD)) await this.#free(lease, tally);
    return tally.reply();
  }

  /** From then on they write nothing, and what they hold is anybody's to free. */
  async bury(): Promise<void> {
    const db = this.#db;
    const dead = await db.repeated(() => db.query<{ id: string }>(FIND_DEAD, [this.#jumpedAt]));
    for (const { id } of dead) db.logger.warn({ worker: id }, 'a worker was found dead; what it held is due again');
  }

  /** All at once, or where one of them cannot be freed, the others without it. */
  async #free({ worker, lease, actors, aside }: DeadLease, tally: Tally): Promise<void> {
    const db = this.#db;
    const target = `${worker}/${lease}`;
    try {
      tally.freed(await freeLease(db, worker, lease, true));
      if (aside) await takeBack(db, 'reap', target);
    } catch {
      for (const id of actors) await tally.free(worker, id, { duty: 'reap', target });
    }
  }
}

interface DeadLease {
  readonly worker: string;
  readonly lease: number;
  readonly actors: readonly string[];
  /** It failed before. */
  readonly aside: boolean;
}

export async function reportDuties(db: Database, worker: string, duties: readonly DutyState[]): Promise<void> {
  await db.query(REPORT, [worker, JSON.stringify(duties)]);
}
