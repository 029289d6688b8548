import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { goesOn, mailTo, noLeases, StoreHouse, settles, W1, W2 } from '../../support/postgres-store.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.join(W1);
  await house.join(W2);
});
afterEach(() => house.close());

const dueRows = (): Promise<number> => house.value<number>('select count(*)::int4 from carillon.due');

describe('a claim while a finish is under way', () => {
  test('leaves the due row of mail whose actor it cannot lock, and the mail is found by the next claim', async () => {
    const id = await house.add();
    await house.take(W1);
    const finish = await house.client();
    await finish.query('begin');
    await finish.query('update carillon.actors set worker = null, seq = seq + 1 where id = $1', [id]);
    await house.store.send([mailTo(id)]);
    const during = await house.claim(W2);
    expect(during).toMatchObject({ claimed: [], poked: [] });
    expect(await dueRows()).toBe(1);
    await finish.query('commit');
    const { claimed } = await house.claim(W2);
    expect(claimed.map((actor) => actor.mail.length)).toEqual([1]);
  });

  test('does not read mail again that was consumed after its snapshot was taken', async () => {
    const id = await house.add();
    await house.take(W1);
    await house.store.send([mailTo(id)]);
    const clock = await house.holdClock();
    const claiming = house.claim(W2);
    await clock.waiting();
    const finish = await house.client();
    await finish.query('begin');
    await finish.query('update carillon.actors set worker = null, seq = seq + 1 where id = $1', [id]);
    await finish.query('delete from carillon.mailbox where actor = $1', [id]);
    await finish.query('commit');
    await clock.letGo();
    const claimed = [...(await claiming).claimed, ...(await house.claim(W2)).claimed];
    expect(claimed.map(({ seq, mail }) => ({ seq, mail }))).toEqual([{ seq: 1, mail: [] }]);
  });

  test('of a held actor raises its pokes, so that the finish misses and its owner looks again', async () => {
    const id = await house.add();
    const taken = await house.take(W1);
    await house.store.send([mailTo(id)]);
    const { poked } = await house.claim(W2);
    expect(poked).toEqual([{ id, worker: W1 }]);
    expect(await dueRows()).toBe(0);
    expect((await house.store.commit(W1, [settles(taken)], noLeases)).committed.size).toBe(0);
    const { held } = await house.store.reload(W1, [{ id, fence: taken.fence }]);
    expect(held).toMatchObject([{ pokes: 1, mail: [{ event: 'ping' }] }]);
  });
});

test('an actor that changed since the claim began stays due, and is taken by a claim that sees it as it is', async () => {
  const id = await house.add();
  const clock = await house.holdClock('claims');
  const claiming = house.claim(W1);
  await clock.waiting();
  await house.pool.query(`update carillon.actors set progress = '1{}'`);
  await clock.letGo();
  const claimed = [...(await claiming).claimed, ...(await house.claim(W1)).claimed];
  expect(claimed.map((actor) => actor.id)).toEqual([id]);
  expect(await dueRows()).toBe(0);
});

test('what a plain claim took begins although the thorough one behind it fails, and the next claim takes the rest', async () => {
  const [plain, mailed] = [await house.add(), await house.add()];
  await house.store.send([mailTo(mailed)]);
  // Two claims of one lease: the second one changes its row.
  await house.pool.query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$;
    create trigger refuse before update on carillon.leases for each row execute function refuse()`);
  const { claimed, more } = await house.claim(W1);
  expect([claimed.map(({ id }) => id), more]).toEqual([[plain], true]);
  await expect(house.claim(W1)).resolves.toMatchObject({ claimed: [{ id: mailed }] });
  expect(await house.store.audit(10)).toEqual([]);
});

test('a claim that looks only on levels in use is told of another one by the question what is due next', async () => {
  for (let count = 0; count < 101; count += 1) {
    await house.add();
    await house.claim(W1);
  }
  const id = await house.add({ priority: 2 });
  expect((await house.claim(W1)).claimed).toEqual([]);
  expect((await house.store.nextDue([house.queue], [house.def])).elsewhere).toBe(true);
  expect((await house.claim(W1)).claimed.map((actor) => actor.id)).toEqual([id]);
  expect((await house.store.nextDue([house.queue], [house.def])).elsewhere).toBe(false);
});

test('many claimers of actors with duplicate due rows neither deadlock nor take one twice', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => house.add()));
  for (const id of ids) await house.store.send(Array.from({ length: 20 }, () => mailTo(id)));
  for (let round = 0; round < 5; round += 1) await house.store.send(ids.map((id) => mailTo(id)));
  const stores = await Promise.all([1, 2, 3].map(() => house.another()));
  const taken: string[] = [];
  await Promise.all(
    stores.map(async (store, index) => {
      for (let round = 0; round < 20; round += 1) {
        const { claimed } = await house.claim(index === 0 ? W1 : W2, { slots: 3 }, store);
        taken.push(...claimed.map((actor) => actor.id));
      }
    }),
  );
  expect([...taken].sort()).toEqual([...ids].sort());
});

test('a finish removes one own due row, and mail due at the same instant keeps its own', async () => {
  const id = await house.add();
  const first = await house.take(W1);
  const at = (await house.store.now()) + 60_000;
  await house.store.commit(W1, [goesOn(first, { wakeAt: at })], noLeases);
  await house.store.send([mailTo(id)]);
  const second = await house.take(W1);
  expect(second.dueRowAt).toBe(at);
  await house.pool.query(`insert into carillon.due select * from carillon.due where actor = $1`, [id]);
  await house.store.commit(W1, [goesOn(second)], noLeases);
  expect(await dueRows()).toBe(1);
});

test('mail and due row of an actor that is gone are dropped by the claimer that finds none', async () => {
  const id = await house.add();
  const taken = await house.take(W1);
  await house.store.commit(W1, [settles(taken)], noLeases);
  await house.pool.query(`insert into carillon.mailbox (actor, event, at) values ($1, 'late', carillon.now())`, [id]);
  await house.pool.query(`insert into carillon.mailbox (actor, dedup_id, at) values ($1, 'seen', carillon.now())`, [
    id,
  ]);
  await house.pool.query('insert into carillon.due values (carillon.now(), $1, $2, $3, 5)', [
    id,
    house.queue,
    house.def,
  ]);
  expect((await house.claim(W1)).claimed).toEqual([]);
  expect(await dueRows()).toBe(0);
  expect(await house.value<number>('select count(*)::int4 from carillon.mailbox')).toBe(0);
});

test('of 1,500 mails a claim reads 1,000, and the rest is due again', async () => {
  const id = await house.add();
  await house.store.send(Array.from({ length: 1_500 }, (_, index) => mailTo(id, String(index))));
  const first = await house.take(W1);
  expect(first.mail.map((mail) => mail.event)).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index)));
  await house.store.commit(W1, [goesOn(first, { wakeAt: 'now' })], noLeases);
  const second = await house.take(W1);
  expect(second.mail.map((mail) => mail.event)[0]).toBe('1000');
  expect(second.mail).toHaveLength(500);
});
