/** Pruning beside everything else: readers, settles, retries, other prunes, and its own death. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Claimed, Store } from '../../../src/store/contract.ts';
import type { RetryTerms, Selection } from '../../../src/store/operating.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { noLeases, StoreHouse, settles, W1 } from '../../support/postgres-store.ts';
import { installVirtualTime } from '../../support/virtual-time.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

const DAY_MS = 86_400_000;
const terms: RetryTerms = { action: 'retryFailed', atomic: false, keyRetentionMs: 1_000 };
const failed = { status: 'dropped', outcome: 'failed_dropped', reason: 'retries_exhausted', keepMs: 0 } as const;
const everything: Selection = {
  ids: null,
  name: 'order',
  queue: null,
  error: null,
  since: null,
  until: null,
  limit: 1_000_000,
};

let house: StoreHouse;
let advance: (ms: number) => Promise<void>;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.join(W1, 3_600_000);
  advance = await installVirtualTime(house.pool, 'carillon', { frozen: true });
});
afterEach(() => house.close());

async function settleMany(count: number): Promise<readonly string[]> {
  await house.store.schedule(
    Array.from({ length: count }, () => house.actor()),
    null,
  );
  const ids: string[] = [];
  while (ids.length < count) {
    const { claimed } = await house.claim(W1, { slots: 500 });
    const { committed } = await house.store.commit(
      W1,
      claimed.map((held: Claimed) => settles(held, failed)),
      noLeases,
    );
    ids.push(...committed);
  }
  return ids;
}

const settledCount = (): Promise<number> => house.value<number>('select count(*)::int4 from carillon.settled');
const prunedCount = (): Promise<number> =>
  house.value<number>('select coalesce(sum(count), 0)::int4 from carillon.pruned');
const leaves = (): Promise<string[]> =>
  house.value<string[]>(`select coalesce(array_agg(relname::text order by relname), '{}') from pg_class
    where relkind = 'r' and relname ~ '^settled_\\d{8}$'`);
const waitingForLock = (): Promise<unknown> =>
  waitUntil(
    () =>
      house.value<boolean>(`select count(*) > 0 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like 'truncate%'`),
    { what: 'a prune to wait for a reader' },
  );

test('a day that somebody reads is blocked, loses nothing, and goes with the next pass', async () => {
  await settleMany(10);
  await advance(DAY_MS);
  const reader = await house.client();
  await reader.query('begin');
  await reader.query('select count(*) from carillon.settled');
  expect(await house.store.prune(null)).toMatchObject({ done: 0, dropped: 0, blocked: 1, errors: 0 });
  expect([await settledCount(), await prunedCount()]).toEqual([10, 0]);
  await reader.query('commit');
  expect(await house.store.prune(null)).toMatchObject({ dropped: 10, blocked: 0 });
  expect([await settledCount(), await prunedCount()]).toEqual([0, 10]);
});

test('a prune that is killed in the middle has done nothing, and the next one all of it', async () => {
  await settleMany(10);
  await advance(DAY_MS);
  const reader = await house.client();
  await reader.query('begin');
  await reader.query('select count(*) from carillon.settled');
  const pruning = house.store.prune(null);
  await waitingForLock();
  await house.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like 'truncate%' and wait_event_type = 'Lock'`);
  expect([await settledCount(), await prunedCount()]).toEqual([10, 0]);
  await reader.query('commit');
  await pruning;
  await house.store.prune(null);
  expect([await settledCount(), await prunedCount()]).toEqual([0, 10]);
});

test('several prunes at once count every run once, and none fails', async () => {
  await settleMany(50);
  await advance(DAY_MS);
  const stores = [house.store, await house.another(), await house.another(), await house.another()];
  const replies = await Promise.all(stores.map((store) => store.prune(null)));
  expect(replies.map(({ errors }) => errors)).toEqual([0, 0, 0, 0]);
  expect(replies.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(50);
  expect([await settledCount(), await prunedCount()]).toEqual([0, 50]);
});

test('a settle does not wait while a prune has a day locked', async () => {
  await settleMany(1);
  const [leaf = ''] = await leaves();
  await advance(DAY_MS);
  const pruner = await house.client();
  await pruner.query('begin');
  await pruner.query(`lock table only carillon.${leaf} in share row exclusive mode`);
  await pruner.query(`truncate only carillon.${leaf}`);
  expect(await settleMany(5)).toHaveLength(5);
  await pruner.query('rollback');
  expect(await settledCount()).toBe(6);
});

test('empty leaves go once they are a day old, also those whose remover died half way; the coming days stay', async () => {
  await house.store.prepareDays();
  const before = await leaves();
  await advance(3 * DAY_MS);
  const name = (index: number): string => before[index] ?? '';
  await house.pool.query(`alter table carillon.settled detach partition carillon.${name(0)}`);
  const reader = await house.client();
  await reader.query('begin');
  await reader.query('select count(*) from carillon.settled');
  const other = await house.client();
  await other.query(`set lock_timeout = '50ms'`);
  const detaching = other.query(`alter table carillon.settled detach partition carillon.${name(1)} concurrently`);
  await expect(detaching).rejects.toThrow(/lock timeout/);
  await reader.query('commit');
  expect(await house.store.prune(null)).toMatchObject({ blocked: 0, errors: 0 });
  expect(await leaves()).toEqual(before.slice(2));
  await house.store.prepareDays();
  expect((await leaves()).length).toBe(37);
  expect(await settleMany(3)).toHaveLength(3);
});

test('a leaf that cannot be taken out while somebody reads is taken out later', async () => {
  await house.store.prepareDays();
  const before = await leaves();
  await advance(2 * DAY_MS);
  const reader = await house.client();
  await reader.query('begin isolation level repeatable read');
  await reader.query('select count(*) from carillon.settled');
  expect(await house.store.prune(null)).toMatchObject({ blocked: 1, errors: 0 });
  expect(await settleMany(3)).toHaveLength(3);
  await reader.query('commit');
  expect(await house.store.prune(null)).toMatchObject({ blocked: 0, errors: 0 });
  expect(await leaves()).toEqual(before.slice(1));
});

test('runs that are retried while their day is pruned are active or counted, each one of them once', async () => {
  const ids = await settleMany(600);
  await advance(DAY_MS);
  const retry = async (store: Store): Promise<string[]> => {
    const mine: string[] = [];
    for (let pass = 0; pass < 4; pass += 1) {
      const { items } = await store.retry({ ...everything, limit: 40 }, terms, { who: 'ada' });
      mine.push(...items.filter(({ outcome }) => outcome === 'retried').map(({ id }) => id));
    }
    return mine;
  };
  const stores = [await house.another(), await house.another(), await house.another()];
  const [retried] = await Promise.all([Promise.all(stores.map(retry)), house.store.prune(null)]);
  const back = retried.flat();
  expect(new Set(back).size).toBe(back.length);
  const { rows } = await house.pool.query<{ id: string }>('select id from carillon.actors');
  expect(rows.map(({ id }) => id).sort()).toEqual([...back].sort());
  expect((await settledCount()) + (await prunedCount()) + back.length).toBe(ids.length);
});

test('of runs that two operators retry at once each begins again once, and the other one hears of a race', async () => {
  const ids = await settleMany(100);
  const other = await house.another();
  const both = await Promise.all([house.store, other].map((store) => store.retry(everything, terms, { who: 'ada' })));
  const retried = both.flatMap(({ items }) => items.filter(({ outcome }) => outcome === 'retried').map(({ id }) => id));
  expect(retried.sort()).toEqual([...ids].sort());
  const { rows } = await house.pool.query<{ fence: string }>('select distinct fence from carillon.actors');
  expect(rows).toEqual([{ fence: '2' }]);
});

test('a run that somebody else has hold of is not waited for, and told apart from those that are gone', async () => {
  const [first = '', ...rest] = await settleMany(3);
  const holder = await house.client();
  await holder.query('begin');
  await holder.query('select from carillon.settled where id = $1 for update', [first]);
  const { items } = await house.store.retry(everything, terms, { who: 'ada' });
  expect(items.filter(({ outcome }) => outcome === 'raced').map(({ id }) => id)).toEqual([first]);
  expect(
    items
      .filter(({ outcome }) => outcome === 'retried')
      .map(({ id }) => id)
      .sort(),
  ).toEqual(rest.sort());
  await holder.query('rollback');
});

test('more than a batch is retried in batches, with one entry in the audit for each', async () => {
  await settleMany(1_200);
  const { items } = await house.store.retry({ ...everything, limit: 1_100 }, terms, { who: 'ada' });
  expect(items.filter(({ outcome }) => outcome === 'retried')).toHaveLength(1_100);
  expect(await settledCount()).toBe(100);
  expect(await house.value(`select count(*)::int4 from carillon.audit where action = 'retryFailed'`)).toBe(3);
  const together = await house.store.retry(everything, { ...terms, atomic: true }, { who: 'ada' });
  expect(together.items.every(({ outcome }) => outcome === 'retried')).toBe(true);
});
