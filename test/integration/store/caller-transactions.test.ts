import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { goesOn, keyOf, mailTo, noLeases, StoreHouse, settles, W1 } from '../../support/postgres-store.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.join(W1);
});
afterEach(() => house.close());

test('what was scheduled and sent in a transaction that is rolled back was never there', async () => {
  const client = await house.client();
  const receiver = await house.add({ when: { afterMs: 60_000 } });
  const [plain, keyed] = [house.actor(), house.actor({ key: keyOf('k') })];
  await client.query('begin');
  const { items } = await house.store.scheduleWithin(client, [plain, keyed], 0);
  expect(items.map((item) => item.outcome)).toEqual(['scheduled', 'scheduled']);
  await house.store.sendWithin(client, [mailTo(receiver)]);
  await client.query('rollback');
  expect((await house.claim(W1)).claimed).toEqual([]);
  expect(await house.store.find(plain.id)).toBeNull();
  expect((await house.store.schedule([house.actor({ key: keyOf('k', 2) })], null)).items).toMatchObject([
    { outcome: 'scheduled' },
  ]);
});

test('an open transaction of a caller stops neither claims, turns and settles of what it mailed, nor other schedules', async () => {
  const [held, settling] = [await house.add(), await house.add()];
  const { claimed } = await house.claim(W1);
  const client = await house.client();
  await client.query('begin');
  await house.store.sendWithin(client, [mailTo(held, 'a', 'd'), mailTo(settling)]);
  await house.store.scheduleWithin(client, [house.actor(), house.actor({ key: keyOf('other') })], 0);
  const writes = claimed.map((one) => (one.id === held ? goesOn(one, { wakeAt: 'now' }) : settles(one)));
  expect((await house.store.commit(W1, writes, noLeases)).committed.size).toBe(2);
  expect((await house.claim(W1)).claimed.map((one) => one.id)).toEqual([held]);
  const { items } = await house.store.schedule([house.actor(), house.actor({ key: keyOf('mine') })], null);
  expect(items.map((item) => item.outcome)).toEqual(['scheduled', 'scheduled']);
  await client.query('rollback');
});

test('a key held by an open transaction delays its own schedule alone', async () => {
  const client = await house.client();
  await client.query('begin');
  await house.store.scheduleWithin(client, [house.actor({ key: keyOf('taken') })], 0);
  const waiting = house.store.schedule([house.actor({ key: keyOf('taken') })], null);
  const others = Array.from({ length: 20 }, (_, index) => house.actor({ key: keyOf(`free ${index}`, index) }));
  let answered = false;
  void waiting.then(() => {
    answered = true;
  });
  const { items } = await house.store.schedule(others, null);
  expect(new Set(items.map((item) => item.outcome))).toEqual(new Set(['scheduled']));
  expect(answered).toBe(false);
  await client.query('commit');
  expect((await waiting).items).toMatchObject([{ outcome: 'skipped_in_flight' }]);
});

test('twenty callers at once get one actor for one key, and the same answer', async () => {
  const stores = await Promise.all([house.another(), house.another()]);
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (stores[index % 2] ?? house.store).schedule([house.actor({ key: keyOf('same') })], null),
    ),
  );
  const items = replies.flatMap((reply) => reply.items);
  expect(items.filter((item) => item.outcome === 'scheduled')).toHaveLength(1);
  expect(new Set(items.map((item) => item.id)).size).toBe(1);
  expect(await house.value('select count(*)::int4 from carillon.actors')).toBe(1);
});

test('groups with the same keys in opposite orders do not deadlock', async () => {
  const keys = Array.from({ length: 40 }, (_, index) => keyOf(`key ${index}`, index));
  const groups = [keys, [...keys].reverse(), keys, [...keys].reverse()];
  const replies = await Promise.all(
    groups.map((group) =>
      house.store.schedule(
        group.map((key) => house.actor({ key })),
        null,
      ),
    ),
  );
  const outcomes = replies.flatMap((reply) => reply.items.map((item) => item.outcome));
  expect(outcomes.filter((outcome) => outcome === 'scheduled')).toHaveLength(40);
  expect(outcomes.filter((outcome) => outcome === 'skipped_in_flight')).toHaveLength(120);
});

test('listeners hear of a caller’s schedule when it commits, and not before', async () => {
  const heard: number[] = [];
  const listening = await house.store.listen(null, {
    due: (queue) => heard.push(queue),
    poke: () => undefined,
    state: () => undefined,
  });
  const client = await house.client();
  await client.query('begin');
  await house.store.scheduleWithin(client, [house.actor()], 1_000);
  await house.store.scheduleWithin(client, [house.actor({ when: { afterMs: 60_000 } })], 1_000);
  house.store.announce(0, 1);
  await waitUntil(() => heard.length > 0);
  expect(heard).toEqual([0]);
  await client.query('commit');
  await waitUntil(() => heard.length > 1);
  expect(heard).toEqual([0, house.queue]);
  await listening.close();
});
