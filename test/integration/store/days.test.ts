import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { goesOn, noLeases, StoreHouse, settles, W1 } from '../../support/postgres-store.ts';

expectNothingLeftBehind();

const DAY_MS = 86_400_000;

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.join(W1);
});
afterEach(() => house.close());

const leaves = (): Promise<number> =>
  house.value<number>(`select count(*)::int4 from pg_inherits where inhparent = 'carillon.settled'::regclass`);

test('the first settle that finds no leaf for its day makes it', async () => {
  const ids = [await house.add(), await house.add(), await house.add()];
  const { claimed } = await house.claim(W1);
  const keep = [0, DAY_MS, 400 * DAY_MS];
  const writes = claimed.map((one, index) => settles(one, { keepMs: keep[index] ?? 0 }));
  const reply = await house.store.commit(W1, writes, noLeases);
  expect([...reply.committed].sort()).toEqual([...ids].sort());
  expect(
    await house.value(`select array_agg(keep_until - (now() at time zone 'UTC')::date order by keep_until)
      from carillon.settled`),
  ).toEqual([0, 1, 400]);
});

test('a row is kept until the end of its day: a part of a day counts as one', async () => {
  await house.add();
  await house.store.commit(W1, [settles(await house.take(W1), { keepMs: 1 })], noLeases);
  expect(await house.value(`select keep_until - (settled_at at time zone 'UTC')::date from carillon.settled`)).toBe(1);
});

test('stores that prepare the coming days at once do not disturb each other, nor again', async () => {
  const stores = await Promise.all([house.another(), house.another()]);
  await Promise.all([house.store, ...stores].map((store) => store.prepareDays()));
  expect(await leaves()).toBe(36);
  await house.store.prepareDays();
  expect(await leaves()).toBe(36);
});

test('making a leaf does not wait for those who read and settle', async () => {
  await house.add();
  await house.store.commit(W1, [settles(await house.take(W1))], noLeases);
  const client = await house.client();
  await client.query('begin');
  await client.query('select count(*) from carillon.settled');
  await client.query('lock table only carillon.settled in row exclusive mode');
  await house.store.prepareDays();
  expect(await leaves()).toBe(36);
  await client.query('rollback');
});

test('a value the database refuses costs its own actor, not the group', async () => {
  for (let index = 0; index < 9; index += 1) await house.add();
  const { claimed } = await house.claim(W1);
  const writes = claimed.map((one, index) => {
    if (index === 2) return settles(one, { record: 'a\u0000b' });
    if (index === 5) return goesOn(one, { state: '\u0000' });
    return index % 2 === 0 ? settles(one) : goesOn(one, { wakeAt: 'now' });
  });
  const reply = await house.store.commit(W1, writes, noLeases);
  expect([...reply.refused.keys()]).toEqual([claimed[5]?.id, claimed[2]?.id]);
  expect(reply.committed.size).toBe(7);
  const { items } = await house.store.schedule(
    [house.actor(), house.actor({ input: '\u0000' }), house.actor({ labels: ['\u0000'] }), house.actor()],
    null,
  );
  expect(items.map((item) => item.outcome)).toEqual(['scheduled', 'refused', 'refused', 'scheduled']);
});

test('what does not fit one statement is still one transaction', async () => {
  const megabyte = 'x'.repeat(1024 * 1024);
  const actors = Array.from({ length: 6 }, () => house.actor({ input: megabyte }));
  const { items } = await house.store.schedule(actors, null);
  expect(items.every((item) => item.outcome === 'scheduled')).toBe(true);
  const transactions = await house.value('select count(distinct xmin::text)::int4 from carillon.actors');
  expect(transactions).toBe(1);
});
