import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemEnv } from '../../../src/env.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { goesOn, noLeases, StoreHouse, settles, W1, W2 } from '../../support/postgres-store.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
});
afterEach(() => house.close());

const beatAt = (worker: string): Promise<Date> =>
  house.value<Date>('select beat_at from carillon.workers where id = $1', [worker]);

test('who joins has connections for claims and turns before the first claim', async () => {
  const connections = (): Promise<number> =>
    house.value<number>(`select count(*)::int4 from pg_stat_activity
      where datname = current_database() and query = 'select' and state = 'idle'`);
  expect(await connections()).toBe(0);
  await house.join(W1);
  expect(await connections()).toBe(4);
  await house.join(W2);
  expect(await connections()).toBe(4);
});

describe('a heartbeat', () => {
  test('goes on while the main loop is busy for less than a third of a lease', async () => {
    const heartbeat = await house.join(W1, 600);
    const first = heartbeat.lastBeatMs();
    await waitUntil(() => {
      heartbeat.tick();
      return heartbeat.lastBeatMs() > first;
    });
    const beaten = heartbeat.lastBeatMs();
    heartbeat.tick();
    const endMs = performance.now() + 190;
    while (performance.now() < endMs) {
      // Busy: nothing of this thread's event loop runs.
    }
    await waitUntil(() => {
      heartbeat.tick();
      return heartbeat.lastBeatMs() > beaten;
    });
    expect(heartbeat.lastBeatMs()).toBeLessThanOrEqual(performance.now());
  });

  test('falls silent when the main loop has stopped ticking, and comes back with it', async () => {
    const heartbeat = await house.join(W1, 300);
    await waitUntil(async () => {
      const before = await beatAt(W1);
      const startedMs = performance.now();
      await waitUntil(() => performance.now() - startedMs > 400);
      return (await beatAt(W1)).getTime() === before.getTime();
    });
    const silent = heartbeat.lastBeatMs();
    await waitUntil(() => {
      heartbeat.tick();
      return heartbeat.lastBeatMs() > silent;
    });
  });

  test('is not accepted any more once the worker was found dead', async () => {
    const heartbeat = await house.join(W1, 300);
    await house.pool.query('delete from carillon.workers');
    const last = heartbeat.lastBeatMs();
    const startedMs = performance.now();
    await waitUntil(() => {
      heartbeat.tick();
      return performance.now() - startedMs > 500;
    });
    expect(heartbeat.lastBeatMs()).toBe(last);
    expect(await house.value('select count(*)::int4 from carillon.workers')).toBe(0);
  });
});

/** As if the database had been up for long, and this worker silent for as long. */
async function silence(worker: string): Promise<void> {
  await house.pool.query(
    `update carillon.workers set lease_ms = 1, beat_at = now() - interval '1 hour' where id = $1`,
    [worker],
  );
}

describe('reaping', () => {
  test('frees what a dead worker held, and its old run can write nothing', async () => {
    const id = await house.add();
    const heartbeat = await house.join(W1);
    const taken = await house.take(W1);
    await heartbeat.stop();
    await silence(W1);
    await house.join(W2);
    expect(await house.store.reap()).toMatchObject({ processed: 1, errors: 0, queues: [house.queue] });
    expect((await house.store.commit(W1, [settles(taken)], noLeases)).committed.size).toBe(0);
    expect((await house.claim(W1)).claimed).toEqual([]);
    const again = await house.take(W2);
    expect(again).toMatchObject({ id, fence: 3, strikes: 1, wakeAt: taken.wakeAt });
    expect(again.claimedBefore).not.toBeNull();
    expect((await house.store.commit(W1, [settles({ ...taken, fence: 3 })], noLeases)).committed.size).toBe(0);
  });

  test('frees a lease written by a claim that its dying worker never heard of', async () => {
    const id = await house.add();
    await house.join(W1);
    await house.take(W1);
    await house.pool.query('delete from carillon.workers');
    expect((await house.store.reap()).processed).toBe(1);
    await house.join(W2);
    expect((await house.take(W2)).id).toBe(id);
    expect(await house.value('select count(*)::int4 from carillon.leases where worker = $1', [W1])).toBe(0);
  });

  test('leaves listed what somebody has locked, and frees it next time', async () => {
    const [a, b] = [await house.add(), await house.add()];
    await house.join(W1);
    await house.claim(W1);
    await house.pool.query('delete from carillon.workers');
    const client = await house.client();
    await client.query('begin');
    await client.query('select from carillon.actors where id = $1 for update', [a]);
    expect((await house.store.reap()).processed).toBe(1);
    expect(await house.value('select actors::text[] from carillon.leases')).toEqual([a]);
    await client.query('rollback');
    expect((await house.store.reap()).processed).toBe(1);
    await house.join(W2);
    expect((await house.claim(W2)).claimed.map((one) => one.id).sort()).toEqual([a, b].sort());
  });

  test('waits one lease after the database started, when nobody could beat', async () => {
    await house.add();
    await house.join(W1, 3_600_000);
    await house.take(W1);
    await house.pool.query(`update carillon.workers set beat_at = now() - interval '1 day'`);
    expect(await house.store.reap()).toMatchObject({ processed: 0 });
    expect(await house.value('select count(*)::int4 from carillon.workers')).toBe(1);
  });

  test('waits one lease after the database’s clock jumped, when every heartbeat looks old', async () => {
    let aheadMs = 0;
    const env = { ...systemEnv, monotonicMs: () => systemEnv.monotonicMs() + aheadMs };
    const store = await house.another({ env });
    await house.add();
    await house.join(W1, 5_000);
    await house.take(W1);
    await house.pool.query(`create or replace function carillon.now() returns timestamptz language sql stable as
      $$ select date_trunc('milliseconds', statement_timestamp()) + interval '1 hour' $$`);
    expect(await store.reap()).toMatchObject({ processed: 0 });
    await house.pool.query(`create or replace function carillon.now() returns timestamptz language sql stable as
      $$ select date_trunc('milliseconds', statement_timestamp()) + interval '1 hour 10 seconds' $$`);
    aheadMs = 10_000;
    expect(await store.reap()).toMatchObject({ processed: 1 });
  });
});

test('what a worker gives back costs no strike, and leaving frees the rest', async () => {
  const [a, b] = [await house.add(), await house.add()];
  await house.join(W1);
  const { claimed } = await house.claim(W1);
  expect(
    await house.store.giveBack(W1, [
      { id: a, fence: 1 },
      { id: b, fence: 7 },
    ]),
  ).toBe(1);
  expect((await house.store.heldBy(W1)).map((one) => one.id)).toEqual([b]);
  await house.store.leave(W1);
  await house.join(W2);
  const again = await house.claim(W2);
  expect(again.claimed.map(({ strikes, fence, claimedBefore }) => ({ strikes, fence, claimedBefore }))).toEqual([
    { strikes: 0, fence: 3, claimedBefore: null },
    { strikes: 0, fence: 3, claimedBefore: null },
  ]);
  expect(claimed).toHaveLength(2);
});

test('the audit names an actor that nothing will ever look at', async () => {
  const [lost, unlisted, fine] = [
    await house.add({ priority: 0 }),
    await house.add({ priority: 1 }),
    await house.add(),
  ];
  await house.join(W1);
  const { claimed } = await house.claim(W1, { slots: 2 });
  const first = claimed.find((one) => one.id === lost);
  if (first === undefined) throw new Error('not claimed');
  await house.store.commit(W1, [goesOn(first, { wakeAt: (await house.store.now()) + 60_000 })], noLeases);
  expect(await house.store.audit(10)).toEqual([]);
  await house.pool.query('delete from carillon.due where actor = $1', [lost]);
  await house.pool.query('delete from carillon.leases');
  const findings = await house.store.audit(10);
  expect(new Map(findings.map(({ actor, problem }) => [actor, problem]))).toEqual(
    new Map([
      [lost, 'its due row is missing'],
      [unlisted, `held by ${W1}, but in none of its leases`],
    ]),
  );
  expect(findings.map((finding) => finding.actor)).not.toContain(fine);
});
