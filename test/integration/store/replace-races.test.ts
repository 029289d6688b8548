import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Replaced } from '../../../src/store/replacement.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { keyOf, StoreHouse, W1 } from '../../support/postgres-store.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.join(W1);
});
afterEach(() => house.close());

const later = { labels: ['key:a'], when: { afterMs: 60_000 } };
const replace = (asked: object = {}, store = house.store): Promise<Replaced> =>
  store.replace(house.actor({ ...later, ...asked }), { label: 'key:a', letter: 'go' });

test('a claim that looked before the letter was there does not start what was replaced without it', async () => {
  const old = await house.add({ ...later, when: { afterMs: 0 } });
  const clock = await house.holdClock('claims');
  const claiming = house.claim(W1);
  await clock.waiting();
  expect((await replace()).replaced).toEqual([old]);
  await clock.letGo();
  const claimed = [...(await claiming).claimed, ...(await house.claim(W1)).claimed];
  expect(claimed.map(({ id, mail }) => [id, mail.map(({ event }) => event)])).toEqual([[old, ['go']]]);
  expect(await house.store.audit(10)).toEqual([]);
});

test('one that somebody has locked is in their hands, and is not waited for', async () => {
  const old = await house.add(later);
  const other = await house.client();
  await other.query('begin');
  await other.query('select from carillon.actors where id = $1 for no key update', [old]);
  expect(await replace()).toMatchObject({ item: { outcome: 'scheduled' }, replaced: [] });
  await other.query('rollback');
});

test('a key in an open transaction is waited for, and whose it is decides', async () => {
  const old = await house.add(later);
  const other = await house.client();
  await other.query('begin');
  const holder = house.actor({ key: keyOf('k') });
  await house.store.scheduleWithin(other, [holder], 0);
  const taken = replace({ key: keyOf('k') });
  await waitUntil(() =>
    house.value(`select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`),
  );
  await other.query('commit');
  expect(await taken).toMatchObject({ item: { outcome: 'skipped_in_flight', id: holder.id }, replaced: [] });
  expect((await replace({ key: keyOf('other') })).replaced).toEqual([old]);
});

test('a commit that is not heard of is known to have happened, with all whose place was taken', async () => {
  const proxy = await startProxy(house.database.connectionString);
  const store = await house.another({ connection: proxy.through(house.database.connectionString) });
  const old = await house.add(later);
  const lost = proxy.loseReply(/^COMMIT$/);
  const reply = await replace({}, store);
  await lost;
  expect(reply).toMatchObject({ item: { outcome: 'scheduled' }, replaced: [old], queues: [house.queue] });
  expect(await house.value('select count(*)::int4 from carillon.actors')).toBe(2);
  expect(await house.value('select count(*)::int4 from carillon.mailbox')).toBe(1);
  await proxy.destroy();
});

test('an insert that is not heard of is done again, once', async () => {
  const proxy = await startProxy(house.database.connectionString);
  const store = await house.another({ connection: proxy.through(house.database.connectionString) });
  const old = await house.add(later);
  const lost = proxy.loseReply(/^UPDATE 1$/);
  const reply = await replace({}, store);
  await lost;
  expect(reply).toMatchObject({ item: { outcome: 'scheduled' }, replaced: [old] });
  expect(await house.value('select count(*)::int4 from carillon.actors')).toBe(2);
  expect(await house.value('select count(*)::int4 from carillon.mailbox')).toBe(1);
  await proxy.destroy();
});

test('the lock of a label is let go of with its transaction', async () => {
  await replace();
  const held = `select count(*)::int4 from pg_locks l join pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and d.datname = current_database()`;
  expect(await house.value(held)).toBe(0);
});
