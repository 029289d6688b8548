/** Old and new workers side by side, under load, killed at any time: nothing is lost, doubled, stolen or taken back. */
import type { Pool } from 'pg';
import { expect, test } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import { createScheduler, type Scheduler } from '../../src/index.ts';
import { openPostgresStore } from '../../src/store/postgres/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';
import { versionedDefinitions } from './fixtures/versioned-definitions.ts';
import type { VersionedSettings } from './fixtures/versioned-worker.ts';
import { LONG } from './long.ts';

expectNothingLeftBehind();

const WORKER = new URL('./fixtures/versioned-worker.ts', import.meta.url);
const TALLIES = LONG ? 200 : 30;
const LETTERS = LONG ? 40 : 12;
const JOBS = LONG ? 600 : 80;
/** Who is alive must not be found dead, on a slow machine neither: what it knows would be taken over. */
const LEASE_MS = 3_000;
const PATIENCE_MS = 90_000;
const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined };

interface Ground {
  readonly old: Scheduler;
  readonly pool: Pool;
  readonly start: (versions: readonly number[]) => Promise<TestProcess>;
  readonly count: (sql: string) => Promise<number>;
}

async function onGround(play: (ground: Ground) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  const postgres = database.connectionString;
  const pool = database.pool({ max: 3 });
  await pool.query('create table visits (n serial, actor uuid, version int4, attempt int4, pid int4)');
  const workers: TestProcess[] = [];
  const definitions = versionedDefinitions([1], async () => undefined);
  const old = await createScheduler({ definitions, postgres, worker: false, logger: false });
  try {
    await play({
      old,
      pool,
      async start(versions) {
        const settings: VersionedSettings = { postgres, versions, leaseMs: LEASE_MS };
        const env = { VERSIONED_WORKER: JSON.stringify(settings), DATABASE_URL: undefined, REDIS_URL: undefined };
        const worker = startProcess(WORKER, { env });
        workers.push(worker);
        await worker.line<{ what: string }>(({ what }) => what === 'ready', PATIENCE_MS);
        return worker;
      },
      async count(sql) {
        const { rows } = await pool.query<{ n: number }>(`select count(*)::int4 as n from ${sql}`);
        return rows[0]?.n ?? 0;
      },
    });
    const asked = { connection: postgres, namespace: 'default', schema: 'carillon', env: systemEnv, logger: quiet };
    const store = await openPostgresStore(asked);
    expect(await store.audit(100)).toEqual([]);
    await store.close();
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await old.stop({ timeout: 0 });
    await database.close();
  }
}

const MOVED = `(select a.id from carillon.actors a join carillon.definitions d on d.id = a.def where d.version = 2
  union all select s.id from carillon.settled s join carillon.definitions d on d.id = s.def where d.version = 2) moved`;

test(
  'a rolling deploy with a change of states loses no letter, runs no job twice and takes nothing from living workers',
  {
    timeout: 300_000,
  },
  () =>
    onGround(async ({ old, pool, start, count }) => {
      const fleet = await Promise.all([start([1]), start([1])]);
      const tallies = await Promise.all(Array.from({ length: TALLIES }, () => old.schedule('tally')));
      const jobs = await Promise.all(
        Array.from({ length: JOBS }, (_, n) => old.schedule('work', { ms: n % 20 }, { delay: (n * 6_000) / JOBS })),
      );
      const pids: number[] = [];
      const kill = async (worker: TestProcess | undefined): Promise<void> => {
        pids.push(worker?.pid ?? 0);
        await worker?.kill();
      };
      const post = async (letters: number): Promise<void> => {
        for (let n = 0; n < letters; n++) await Promise.all(tallies.map(({ id }) => old.send(id, { type: 'add' })));
      };
      await post(LETTERS / 3);
      const newer = await Promise.all([start([2]), start([2])]);
      await kill(fleet[0]);
      await post(LETTERS / 3);
      // One old worker lives: whatever is due is its own.
      await waitUntil(async () => (await count('carillon.mailbox where event is not null')) === 0, {
        timeoutMs: PATIENCE_MS,
        what: 'the old worker to read all letters',
      });
      expect(await count(MOVED)).toBe(0);
      await kill(fleet[1]);
      await post(1);
      await waitUntil(async () => (await count(MOVED)) > 0, { timeoutMs: PATIENCE_MS, what: 'the first to move on' });
      await kill(newer[0]);
      await post(LETTERS / 3 - 1);
      for (const { id } of tallies) await old.send(id, { type: 'close' });
      await waitUntil(async () => (await count('carillon.actors')) === 0, {
        timeoutMs: PATIENCE_MS,
        what: 'all to settle',
      });

      const both = versionedDefinitions([1, 2], async () => undefined);
      const postgres = pool.options.connectionString as string;
      const reader = await createScheduler({ definitions: both, postgres, worker: false, logger: false });
      for (const { id } of tallies) {
        expect(await reader.get(id)).toMatchObject({ status: 'done', version: 2, record: { output: LETTERS } });
        expect(await reader.replay(id)).toMatchObject({ ok: true });
        const moves = (await reader.history(id)).filter(({ event }) => event.type === 'carillon.migrated');
        expect(moves).toHaveLength(1);
      }
      for (const { id } of jobs) expect(await reader.replay(id)).toMatchObject({ ok: true });
      await reader.stop();
      expect(await count(`carillon.settled where status = 'done'`)).toBe(TALLIES + JOBS);
      // Only an attempt whose worker was killed begins again under its number.
      const again = `select from visits group by actor, attempt having count(*) > 1 and not bool_or(pid = any('{${pids.join()}}'))`;
      expect(await count(`(${again}) again`)).toBe(0);
      const back = 'select from visits a join visits b on b.actor = a.actor and b.n > a.n and b.version < a.version';
      expect(await count(`(${back}) back`)).toBe(0);
    }),
);
