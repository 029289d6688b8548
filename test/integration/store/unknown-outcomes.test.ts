import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../../src/store/contract.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { goesOn, keyOf, mailTo, noLeases, StoreHouse, settles, W1 } from '../../support/postgres-store.ts';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

let house: StoreHouse;
let proxy: TcpProxy;
/** Behind a line that loses replies; `house.store` sees the truth. */
let store: Store;
beforeEach(async () => {
  house = await StoreHouse.open();
  proxy = await startProxy(house.database.connectionString);
  store = await house.another({ connection: proxy.through(house.database.connectionString) });
  await house.join(W1);
});
afterEach(async () => {
  await house.close();
  await proxy.destroy();
});

const count = (table: string): Promise<number> => house.value<number>(`select count(*)::int4 from carillon.${table}`);

test('a schedule whose reply is lost is answered truthfully, and happened once', async () => {
  const actors = [house.actor(), house.actor({ when: { afterMs: 1_000 } })];
  const lost = proxy.loseReply(/^SELECT 1$/, 'schedule.');
  const { items } = await store.schedule(actors, null);
  await lost;
  expect(items.map((item) => item.outcome)).toEqual(['scheduled', 'scheduled']);
  expect(await count('actors')).toBe(2);
});

test('a keyed schedule whose commit is not heard of keeps its own key', async () => {
  const key = keyOf('k');
  await house.store.schedule([house.actor({ key: keyOf('before') })], null);
  const lost = proxy.loseReply(/^COMMIT$/);
  const { items } = await store.schedule([house.actor({ key: keyOf('before') }), house.actor({ key })], null);
  await lost;
  expect(items.map((item) => item.outcome)).toEqual(['skipped_in_flight', 'scheduled']);
  expect(await count('actors')).toBe(2);
});

test('a key and its actor whose reply is lost are ours, and another claim of the key is told so', async () => {
  const key = keyOf('k');
  const first = house.actor({ key });
  const lost = proxy.loseReply(/^SELECT 1$/, 'schedule_keyed.');
  const { items } = await store.schedule([first, house.actor({ key }), house.actor({ key: keyOf('other') })], null);
  await lost;
  expect(items).toMatchObject([
    { outcome: 'scheduled', id: first.id },
    { outcome: 'skipped_in_flight', id: first.id },
    { outcome: 'scheduled' },
  ]);
  expect([await count('actors'), await count('claims')]).toEqual([2, 2]);
});

test('mail whose reply is lost is stored once, even when it was read meanwhile', async () => {
  const id = await house.add({ when: { afterMs: 60_000 } });
  const lost = proxy.loseReply(/^SELECT 1$/);
  const sending = store.send([mailTo(id, 'once'), mailTo(id, 'twice')]);
  await lost;
  const taken = await house.take(W1);
  await house.store.commit(W1, [settles(taken)], noLeases);
  expect((await sending).items).toEqual(['stored', 'stored']);
  expect(await count('mailbox')).toBe(0);
  expect((await house.store.find(id))?.mail).toBe(0);
});

test('turns and settles whose reply is lost are known to have happened', async () => {
  const [a, b] = [await house.add(), await house.add()];
  const { claimed } = await house.claim(W1);
  const [first, second] = [claimed.find((one) => one.id === a), claimed.find((one) => one.id === b)];
  if (first === undefined || second === undefined) throw new Error('not claimed');
  const lostTurn = proxy.loseReply(/^SELECT 1$/, 'turn.');
  const turned = await store.commit(W1, [goesOn(first)], noLeases);
  await lostTurn;
  const lostSettle = proxy.loseReply(/^SELECT 1$/, 'settle.');
  const settled = await store.commit(W1, [settles(second)], noLeases);
  await lostSettle;
  expect([...turned.committed, ...settled.committed]).toEqual([a, b]);
  expect(await count('settled')).toBe(1);
});

test('a claim whose reply is lost is given back and made again', async () => {
  await house.claim(W1, {}, store);
  const id = await house.add();
  const lost = proxy.loseReply(/^SELECT 1$/);
  const { claimed } = await house.claim(W1, {}, store);
  await lost;
  expect(claimed).toMatchObject([{ id, strikes: 0, fence: 3 }]);
  expect(await house.store.heldBy(W1)).toMatchObject([{ id, fence: 3 }]);
  expect(await house.store.audit(10)).toEqual([]);
});

test('a thorough claim whose reply is lost gives back what the plain one before it took, and both are claimed again', async () => {
  await house.claim(W1, {}, store);
  const [plain, mailed] = [await house.add(), await house.add()];
  await house.store.send([mailTo(mailed)]);
  const lost = proxy.loseReply(/^SELECT/, 'claim_thorough.');
  const { claimed } = await house.claim(W1, {}, store);
  await lost;
  expect(claimed.map(({ id, strikes, mail }) => [id, strikes, mail.length])).toEqual([
    [plain, 0, 0],
    [mailed, 0, 1],
  ]);
  const held = await house.store.heldBy(W1);
  expect(new Map(held.map(({ id, fence }) => [id, fence]))).toEqual(
    new Map(claimed.map(({ id, fence }) => [id, fence])),
  );
  expect(await house.store.audit(10)).toEqual([]);
});

test('before a write is done again, the backend that may still commit it is ended', async () => {
  const id = await house.add();
  const taken = await house.take(W1);
  const blocker = await house.client();
  await blocker.query('begin');
  await blocker.query('select from carillon.actors where id = $1 for update', [id]);
  const waitingPid = (): Promise<number | undefined> =>
    house.value<number>(`select pid from pg_stat_activity where wait_event_type = 'Lock'
      and datname = current_database()`);
  const committing = store.commit(W1, [settles(taken)], noLeases);
  const first = await waitUntil(waitingPid);
  proxy.cut();
  await waitUntil(async () => {
    const pid = await waitingPid();
    return pid !== undefined && pid !== first;
  });
  expect(await house.value('select count(*)::int4 from pg_stat_activity where pid = $1', [first])).toBe(0);
  await blocker.query('rollback');
  expect([...(await committing).committed]).toEqual([id]);
  expect(await count('settled')).toBe(1);
});
