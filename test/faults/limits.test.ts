/** How exact limits are over real processes: handlers write down when they run, and SQL counts. */
import type { Pool } from 'pg';
import { describe, expect, test } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import { createScheduler, type Scheduler } from '../../src/index.ts';
import { openPostgresStore } from '../../src/store/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';
import { limitedJobs, PER_MS, PLACES, STARTS } from './fixtures/limited-jobs.ts';
import type { LimitedSettings } from './fixtures/limited-worker.ts';
import { LONG } from './long.ts';

expectNothingLeftBehind();

const WORKER = new URL('./fixtures/limited-worker.ts', import.meta.url);
const KEYS = ['a', 'b'];
/** Long enough for a machine on which others work too. */
const LEASE_MS = 5_000;
const PATIENCE_MS = 120_000;
const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined };

/** Every start that a rate counts, with the instant the store gave it, before any handler hears of it. */
const WITNESSES = `
  create table visits (visit int8 generated always as identity, name text, key text, actor uuid, attempt int4, pid int4,
    began_at timestamptz, ended_at timestamptz);
  create table grants (line uuid, actor uuid, at timestamptz);
  create function write_grant() returns trigger language plpgsql as $$ begin
    insert into grants values (new.line, new.actor, new.ends_at - interval '${PER_MS} milliseconds'); return null;
  end $$;
  create trigger witness after insert on carillon.places for each row when (new.ends_at is not null)
    execute function write_grant();`;

/** Most of one key at any instant: it is reached where one begins. */
const MOST = `select b.key, max((select count(*) from visits o
    where o.name = b.name and o.key = b.key and o.began_at <= b.began_at and o.ended_at > b.began_at))::int4 as most
  from visits b where b.name = 'crowd' group by b.key order by b.key`;

/** Shortest stretch that holds one start more than the limit. */
const TIGHTEST = `select (extract(epoch from min(at - before)) * 1000)::float8 as ms, count(*)::int4 as count from (
  select at, lag(at, ${STARTS}) over (partition by line order by at) as before from grants) g where before is not null`;

/** Most starts in a stretch of that length. */
const FULLEST = `select max((select count(*) from grants o where o.line = g.line and o.at <= g.at
    and o.at > g.at - interval '${PER_MS} milliseconds'))::int4 as most
  from grants g`;

class Ground {
  readonly pool: Pool;
  readonly scheduler: Scheduler;
  readonly #database: TestDatabase;
  readonly #workers: TestProcess[] = [];

  private constructor(database: TestDatabase, pool: Pool, scheduler: Scheduler) {
    this.#database = database;
    this.pool = pool;
    this.scheduler = scheduler;
  }

  static async open(): Promise<Ground> {
    const database = await createTestDatabase();
    const pool = database.pool({ max: 3 });
    await pool.query(WITNESSES);
    const definitions = limitedJobs(async () => undefined);
    const postgres = database.connectionString;
    return new Ground(database, pool, await createScheduler({ definitions, postgres, worker: false, logger: false }));
  }

  async startWorkers(count: number): Promise<readonly TestProcess[]> {
    const settings: LimitedSettings = {
      postgres: this.#database.connectionString,
      leaseMs: LEASE_MS,
      concurrency: 12,
    };
    const started = Array.from({ length: count }, () =>
      startProcess(WORKER, {
        env: { LIMITED_WORKER: JSON.stringify(settings), DATABASE_URL: undefined, REDIS_URL: undefined },
      }),
    );
    this.#workers.push(...started);
    await Promise.all(
      started.map((worker) => worker.line<{ what: string }>(({ what }) => what === 'ready', PATIENCE_MS)),
    );
    return started;
  }

  async schedule(name: string, count: number, ms: number): Promise<void> {
    const keyOf = (n: number): string => KEYS[n % KEYS.length] as string;
    await Promise.all(Array.from({ length: count }, (_, n) => this.scheduler.schedule(name, { key: keyOf(n), ms })));
  }

  async count(sql: string): Promise<number> {
    const { rows } = await this.pool.query<{ n: number }>(`select count(*)::int4 as n from ${sql}`);
    return rows[0]?.n ?? 0;
  }

  async allSettled(): Promise<void> {
    await waitUntil(async () => (await this.count('carillon.actors')) === 0, {
      timeoutMs: PATIENCE_MS,
      what: `all runs to settle:\n${this.#workers.map((worker) => worker.output()).join('\n')}`,
    });
  }

  /** Nothing waits, nothing holds a place, nothing is stranded. */
  async expectNothingLeft(): Promise<void> {
    expect(await this.count('carillon.waits')).toBe(0);
    expect(await this.count('carillon.places where ends_at is null')).toBe(0);
    const connection = this.#database.connectionString;
    const asked = { connection, namespace: 'default', schema: 'carillon', env: systemEnv, logger: quiet };
    const store = await openPostgresStore(asked);
    expect(await store.audit(100)).toEqual([]);
    await store.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    await this.scheduler.stop({ timeout: 0 });
    await this.#database.close();
  }
}

async function onGround(play: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = await Ground.open();
  try {
    await play(ground);
  } finally {
    await ground.close();
  }
}

describe.each(LONG ? [1, 2, 4] : [4])('with %i worker processes', (processes) => {
  test('exactly as many runs of a key go on as there are places, and never more', { timeout: 300_000 }, () =>
    onGround(async (ground) => {
      await ground.schedule('crowd', 120, 40);
      await ground.schedule('free', 60, 5);
      await ground.startWorkers(processes);
      await ground.allSettled();
      const { rows } = await ground.pool.query(MOST);
      expect(rows).toEqual(KEYS.map((key) => ({ key, most: PLACES })));
      expect(await ground.count(`visits where name = 'crowd' and attempt = 1`)).toBe(120);
      await ground.expectNothingLeft();
    }),
  );

  test('no stretch of time holds more starts of a key than allowed, and each has as many', { timeout: 300_000 }, () =>
    onGround(async (ground) => {
      await ground.schedule('rate', 40, 5);
      await ground.startWorkers(processes);
      await ground.allSettled();
      const { rows } = await ground.pool.query<{ ms: number; count: number }>(TIGHTEST);
      expect(rows[0]?.ms).toBeGreaterThanOrEqual(PER_MS);
      expect(rows[0]?.count).toBe(40 - KEYS.length * STARTS);
      expect(await ground.count('grants')).toBe(40);
      const fullest = await ground.pool.query(FULLEST);
      expect(fullest.rows).toEqual([{ most: STARTS }]);
      // No handler begins before the store has counted its start.
      expect(await ground.count('visits v join grants g on g.actor = v.actor and g.at <= v.began_at')).toBe(40);
      await ground.expectNothingLeft();
    }),
  );
});

test('a worker that is killed gives its places back: none is given twice, none is lost', { timeout: 300_000 }, () =>
  onGround(async (ground) => {
    const workers = await ground.startWorkers(4);
    await ground.schedule('crowd', 120, 60);
    const victim = await waitUntil(
      async () => {
        const { rows } = await ground.pool.query<{ pid: number }>(
          'select pid from visits where ended_at is null and visit > 20 limit 1',
        );
        return workers.find(({ pid }) => pid === rows[0]?.pid);
      },
      { timeoutMs: PATIENCE_MS, what: 'one of them to run something in the middle of it all' },
    );
    await victim.kill();
    // What it ran ended with it, at the latest now.
    await ground.pool.query('update visits set ended_at = clock_timestamp() where pid = $1 and ended_at is null', [
      victim.pid,
    ]);
    await ground.allSettled();
    const { rows } = await ground.pool.query(MOST);
    expect(rows).toEqual(KEYS.map((key) => ({ key, most: PLACES })));
    const settled = await ground.count(`carillon.settled where status = 'done'`);
    expect(settled).toBe(120);
    // What it held ran again, and nothing else did.
    const untouched = `select from visits group by actor having count(*) > 1 and not bool_or(pid = ${victim.pid})`;
    expect(await ground.count(`(${untouched}) again`)).toBe(0);
    // Runs that take long enough to meet: a place that was lost would be missing now.
    await ground.pool.query('truncate visits');
    await ground.schedule('crowd', 4 * PLACES, 4_000);
    await ground.allSettled();
    expect((await ground.pool.query(MOST)).rows).toEqual(KEYS.map((key) => ({ key, most: PLACES })));
    await ground.expectNothingLeft();
  }),
);
