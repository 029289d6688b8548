/** Facts that hold for BullMQ on Redis and on Postgres alike. */
import { setImmediate } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { migrateAlarms } from '../../src/alarms/postgres-backend.ts';
import type { AlarmOptions } from '../../src/alarms.ts';
import { type Env, systemEnv } from '../../src/env.ts';
import { BUCKET_MS, closeAlarmsAfterEach, LEAD_MS, listenTo, openUp } from '../support/alarms.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';

const HOUR_MS = 3_600_000;

closeAlarmsAfterEach();
afterEach(() => void vi.restoreAllMocks());

interface Bench {
  backend(): AlarmOptions['backend'];
  /** Ids of the jobs that BullMQ holds. */
  stored(): Promise<string[]>;
  /** How many events BullMQ has written for that queue: every write there makes one. */
  events(queue: string): Promise<number>;
  wipe(): Promise<void>;
}

function factsOf(bench: Bench): void {
  test('a wake-up comes before the due time, and not before the lead of its bucket', async () => {
    const alarms = await openUp(bench.backend());
    const wakes = await listenTo(alarms, 'mail');
    const now = Date.now();
    const start = performance.now();
    const at = now + 1_234;
    alarms.arm('mail', at, now);
    await waitUntil(() => wakes.length > 0, { what: 'the wake-up' });
    const ringsAtMs = at - (at % BUCKET_MS) - LEAD_MS - now;
    expect((wakes[0] ?? 0) - start).toBeGreaterThan(ringsAtMs - 5);
    expect((wakes[0] ?? 0) - start).toBeLessThan(at - now);
  });

  test('a store clock an hour away from ours changes nothing', async () => {
    const alarms = await openUp(bench.backend());
    const wakes = await listenTo(alarms, 'mail');
    const start = performance.now();
    alarms.arm('mail', Date.now() + HOUR_MS + 1_200, Date.now() + HOUR_MS);
    await waitUntil(() => wakes.length > 0, { what: 'the wake-up' });
    expect((wakes[0] ?? 0) - start).toBeLessThan(1_200);
  });

  test('a bucket armed by two processes wakes once, and only its own queue', async () => {
    const [one, other] = [await openUp(bench.backend()), await openUp(bench.backend())];
    const wakes = [await listenTo(one, 'mail'), await listenTo(other, 'mail')];
    const strangers = await listenTo(one, 'files');
    const now = Date.now();
    const bucket = now - (now % BUCKET_MS) + 1_000;
    for (const alarms of [one, other]) for (const offset of [0, 40, 99]) alarms.arm('mail', bucket + offset, now);
    await waitUntil(async () => (await bench.stored()).length === 1, { what: 'one alarm' });
    await waitUntil(() => wakes.flat().length > 0, { what: 'the wake-up' });
    one.arm('files', now + 1_500, now);
    await waitUntil(() => strangers.length > 0, { what: 'the wake-up of the next queue' });
    expect(wakes.flat()).toHaveLength(1);
  });

  test('of many buckets and two processes, each bucket wakes exactly one, and none is lost', async () => {
    const [one, other] = [await openUp(bench.backend()), await openUp(bench.backend())];
    const wakes = [await listenTo(one, 'mail'), await listenTo(other, 'mail')];
    const now = Date.now();
    const bucket = now - (now % BUCKET_MS) + 1_200;
    for (let index = 0; index < 25; index += 1) {
      one.arm('mail', bucket + index * BUCKET_MS, now);
      other.arm('mail', bucket + index * BUCKET_MS, now);
    }
    await waitUntil(() => wakes.flat().length >= 25, { what: '25 wake-ups' });
    await waitUntil(async () => (await bench.stored()).length === 0, { what: 'all alarms to be gone' });
    expect(wakes.flat()).toHaveLength(25);
  });

  test('after everything was wiped, topping up sets the alarms again', async () => {
    const alarms = await openUp(bench.backend());
    const wakes = await listenTo(alarms, 'mail');
    const now = Date.now();
    const at = now + 2_500;
    alarms.arm('mail', at, now);
    await waitUntil(async () => (await bench.stored()).length === 1, { what: 'the alarm' });
    await bench.wipe();
    expect(await bench.stored()).toEqual([]);
    alarms.topUp([{ queue: 'mail', at: at - (at % BUCKET_MS) }], Date.now());
    await waitUntil(() => wakes.length > 0, { what: 'the wake-up' });
    expect(Date.now()).toBeLessThan(at);
  });

  test('topping up what is there writes nothing', async () => {
    const alarms = await openUp(bench.backend());
    const now = Date.now();
    const bucket = { queue: 'mail', at: now - (now % BUCKET_MS) + 5_000 };
    alarms.topUp([bucket], now);
    await waitUntil(async () => (await bench.stored()).length === 1, { what: 'the alarm' });
    const before = await bench.events('mail');
    for (let sweep = 1; sweep <= 3; sweep += 1) {
      alarms.topUp([bucket], now);
      alarms.arm('files', now + sweep * 1_000, now);
      await waitUntil(async () => (await bench.stored()).length === 1 + sweep, { what: 'the addition after it' });
    }
    expect(await bench.events('mail')).toBe(before);
    expect(alarms.state().armed).toBe(4);
  });

  test('an alarm set while the job of its bucket is waiting, active or just finished still wakes', async () => {
    const options = { bucketMs: HOUR_MS };
    const alarms = await openUp(bench.backend(), options);
    const wakes = await listenTo(alarms, 'mail');
    const [one, other] = [await openUp(bench.backend(), options), await openUp(bench.backend(), options)];
    for (let round = 0; round < 80; round += 1) {
      const startMs = performance.now();
      one.arm('mail', Date.now() + 500, Date.now());
      // The second one lands anywhere in the life of the first one's job, which takes a few milliseconds.
      await waitUntil(() => performance.now() > startMs + (round % 16) / 4, { what: 'a moment' });
      const armedMs = performance.now();
      other.arm('mail', Date.now() + 500, Date.now());
      await waitUntil(() => (wakes.at(-1) ?? 0) > armedMs, { what: 'a wake-up after the alarm', timeoutMs: 2_000 });
    }
  });

  test('many alarms that come late to their bucket share a few wake-ups', async () => {
    const alarms = await openUp(bench.backend(), { bucketMs: HOUR_MS });
    const wakes = await listenTo(alarms, 'mail');
    const endMs = performance.now() + 400;
    let lastMs = 0;
    while (lastMs < endMs) {
      lastMs = performance.now();
      alarms.arm('mail', Date.now() + 500, Date.now());
      await setImmediate();
    }
    await waitUntil(() => (wakes.at(-1) ?? 0) > lastMs, { what: 'the last wake-up' });
    expect(wakes.length).toBeLessThanOrEqual(25);
  });

  test('no more than a thousand are armed at once', async () => {
    const alarms = await openUp(bench.backend(), { bucketMs: 2 });
    const now = Date.now();
    for (let ms = 4_000; ms < 10_000; ms += 2) alarms.arm('mail', now + ms, now);
    alarms.topUp(
      Array.from({ length: 2_000 }, (_, index) => ({ queue: 'mail', at: now + 4_000 + index })),
      now,
    );
    await waitUntil(async () => (await bench.stored()).length === 1_000, { what: 'a thousand alarms' });
    expect(alarms.state().armed).toBe(1_000);
  });

  test('alarms that ring hours early, because a clock jumped, ring once and not with every sweep', async () => {
    const alarms = await openUp(bench.backend());
    const wakes = await listenTo(alarms, 'mail');
    const now = Date.now();
    const buckets = [6, 7, 8].map((second) => ({ queue: 'mail', at: now - (now % BUCKET_MS) + second * 1_000 }));
    alarms.topUp(buckets, now);
    await waitUntil(async () => (await bench.stored()).length === 3, { what: 'the alarms' });
    const wallMs = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => wallMs() + HOUR_MS);
    alarms.arm('mail', now + 100, now);
    await waitUntil(() => wakes.length >= 3, { what: 'the early wake-ups' });
    await waitUntil(async () => (await bench.stored()).length === 0, { what: 'them to be gone' });
    // An alarm rings after it is gone from the store.
    await waitUntil(() => wakes.length >= 4, { what: 'the last of them to ring' });
    const before = wakes.length;
    for (let sweep = 0; sweep < 5; sweep += 1) alarms.topUp(buckets, now + 500);
    alarms.arm('files', now + 5_000, now);
    await waitUntil(async () => (await bench.stored()).length === 1, { what: 'the addition after the sweeps' });
    expect(wakes.length).toBe(before);
  });

  test('alarms of a queue that nobody serves are thrown away', async () => {
    let aheadMs = 0;
    const env: Env = { ...systemEnv, monotonicMs: () => systemEnv.monotonicMs() + aheadMs };
    const wallMs = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => wallMs() + aheadMs);
    const alarms = await openUp(bench.backend(), { env });
    for (let second = 1; second <= 5; second += 1) {
      alarms.arm('nobody', Date.now() + second * 1_000, Date.now());
      await waitUntil(async () => (await bench.stored()).length === second, { what: `${second} alarms` });
    }
    aheadMs = 2 * 60_000;
    alarms.arm('nobody', Date.now() + 5_000, Date.now());
    await waitUntil(async () => (await bench.stored()).length === 1, { what: 'the old ones to go' });
  });

  test('queue names with any character work', async () => {
    const alarms = await openUp(bench.backend());
    const queues = ['a:b', '12', 'größe/1 %'];
    const woken = new Set<string>();
    await alarms.listen(queues, (queue) => void woken.add(queue));
    for (const queue of queues) alarms.arm(queue, Date.now() + 800, Date.now());
    await waitUntil(() => woken.size === 3, { what: 'three queues to wake' });
    expect(woken).toEqual(new Set(queues));
  });

  test('a listener that throws is woken again', async () => {
    const alarms = await openUp(bench.backend());
    let calls = 0;
    await alarms.listen(['mail'], () => {
      calls += 1;
      throw new Error('not now');
    });
    for (const expected of [1, 2]) {
      alarms.arm('mail', Date.now() + 700, Date.now());
      await waitUntil(() => calls === expected, { what: `wake-up ${expected}` });
    }
  });

  test('nothing is added or rung after close', async () => {
    const alarms = await openUp(bench.backend());
    const wakes = await listenTo(alarms, 'mail');
    await alarms.close();
    alarms.arm('mail', Date.now() + 700, Date.now());
    alarms.topUp([{ queue: 'mail', at: Date.now() + 2_000 }], Date.now());
    await alarms.close();
    expect(await bench.stored()).toEqual([]);
    expect(wakes).toEqual([]);
  });
}

describeWith('redis-server', 'alarms on Redis', () => {
  let server: RedisServer;
  let client: Redis;
  const backend = (): AlarmOptions['backend'] => ({ kind: 'redis', connection: server.url });

  beforeAll(async () => {
    server = (await startRedis()) as RedisServer;
    client = new Redis(server.url);
    client.on('error', () => undefined);
  });
  beforeEach(() => server.flush());
  afterAll(async () => {
    client.disconnect();
    await server.destroy();
  });

  factsOf({
    backend,
    stored: async () =>
      (await client.keys('carillon:carillon.default.*:due-*')).filter((key) => !key.endsWith(':lock')),
    events: (queue) => client.xlen(`carillon:carillon.default.${queue}:events`),
    wipe: () => server.flush(),
  });
});

describe('alarms on Postgres', () => {
  let database: TestDatabase;
  let pool: Pool;
  const backend = (): AlarmOptions['backend'] => ({ kind: 'postgres', pool });

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
    pool = database.pool();
    await migrateAlarms(pool, 'carillon');
  });
  beforeEach(() => pool.query('TRUNCATE carillon_bullmq.job CASCADE'));
  afterAll(() => database.close());

  factsOf({
    backend,
    stored: async () =>
      (await pool.query<{ id: string }>('SELECT id FROM carillon_bullmq.job')).rows.map(({ id }) => id),
    events: async (queue) => {
      const text = `SELECT count(*)::int AS count FROM carillon_bullmq.event WHERE queue = $1`;
      const { rows } = await pool.query<{ count: number }>(text, [`carillon.default.${queue}`]);
      return rows[0]?.count ?? 0;
    },
    wipe: async () => void (await pool.query('TRUNCATE carillon_bullmq.job CASCADE')),
  });
});
