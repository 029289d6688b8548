import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { StoreHouse, W1, W2 } from '../../support/postgres-store.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
});
afterEach(() => house.close());

function hearer(): {
  heard: unknown[];
  due(queue: number, at: number): void;
  poke(actor: string): void;
  state(up: boolean): void;
} {
  const heard: unknown[] = [];
  return {
    heard,
    due: (queue, at) => heard.push({ queue, at }),
    poke: (actor) => heard.push({ actor }),
    state: (up) => heard.push({ up }),
  };
}

test('announcements reach other processes of the namespace, the first at once and the earliest of the rest', async () => {
  const other = await house.another();
  const stranger = await house.another({ namespace: 'elsewhere' });
  const [mine, strangers] = [hearer(), hearer()];
  const listening = [await other.listen(null, mine), await stranger.listen(null, strangers)];
  for (const at of [500, 400, 300, 450]) house.store.announce(house.queue, at);
  house.store.announce(99, 1);
  await waitUntil(() => mine.heard.length === 4);
  expect(mine.heard).toEqual([
    { up: true },
    { queue: house.queue, at: 500 },
    { queue: 99, at: 1 },
    { queue: house.queue, at: 300 },
  ]);
  expect(strangers.heard).toEqual([{ up: true }]);
  for (const one of listening) await one.close();
});

test('a write that makes something due says so itself, and one that does not says nothing', async () => {
  const mine = hearer();
  const listening = await house.store.listen(null, mine);
  const later = await house.store.schedule([house.actor({ when: { afterMs: 60_000 } })], null, house.queue);
  const elsewhere = await house.another();
  const now = await elsewhere.schedule([house.actor(), house.actor()], null, house.queue);
  expect([later.told, now.told]).toEqual([false, true]);
  await waitUntil(() => mine.heard.length === 2);
  expect(mine.heard).toEqual([{ up: true }, { queue: house.queue, at: 0 }]);
  await listening.close();
});

test('a poke reaches the worker that holds the actor, and no other', async () => {
  const [one, two] = [hearer(), hearer()];
  const listening = [await house.store.listen(W1, one), await house.store.listen(W2, two)];
  const ids = Array.from({ length: 450 }, (_, index) => `id${index}`);
  house.store.announcePokes(ids.map((id) => ({ id, worker: W1 })));
  await waitUntil(() => one.heard.length === 451);
  expect(one.heard.slice(1)).toEqual(ids.map((actor) => ({ actor })));
  expect(two.heard).toEqual([{ up: true }]);
  for (const each of listening) await each.close();
});

test('a listener whose connection is ended says so, comes back and hears again', async () => {
  const mine = hearer();
  const listening = await house.store.listen(null, mine);
  await house.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'carillon listen' and datname = current_database()`,
  );
  await waitUntil(() => mine.heard.length >= 3);
  expect(mine.heard).toEqual([{ up: true }, { up: false }, { up: true }]);
  house.store.announce(house.queue, 7);
  await waitUntil(() => mine.heard.length >= 4);
  expect(mine.heard.at(-1)).toEqual({ queue: house.queue, at: 7 });
  await listening.close();
});
