/** Keys whose time has passed, and those who race for them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { keyOf, noLeases, StoreHouse, settles, W1 } from '../../support/postgres-store.ts';
import { installVirtualTime } from '../../support/virtual-time.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.join(W1, 3_600_000);
});
afterEach(() => house.close());

test('of those who race for a key that has just expired one gets it, and its run is there', async () => {
  const advance = await installVirtualTime(house.pool, 'carillon', { frozen: true });
  const stores = [house.store, await house.another(), await house.another()];
  for (let round = 0; round < 10; round += 1) {
    await house.add({ key: keyOf('k', round) });
    await house.store.commit(W1, [settles(await house.take(W1))], noLeases);
    await advance(60_000);
    const asked = Array.from({ length: 30 }, () =>
      house.actor({ key: keyOf('k', round + 1), when: { afterMs: 9_999_999 } }),
    );
    const forgetting = house.store.forget();
    const replies = await Promise.all(
      asked.map((actor, index) => (stores[index % 3] ?? house.store).schedule([actor], null)),
    );
    await forgetting;
    const items = replies.flatMap((reply) => reply?.items ?? []);
    const [winner, ...others] = items.filter(({ outcome }) => outcome === 'scheduled');
    expect(others).toEqual([]);
    expect(new Set(items.map(({ id }) => id))).toEqual(new Set([winner?.id]));
    expect(await house.value('select id from carillon.actors')).toBe(winner?.id);
    expect(await house.value('select actor from carillon.claims')).toBe(winner?.id);
    await house.pool.query('truncate carillon.actors, carillon.due, carillon.claims');
  }
});

test('a walk through the keys comes back to those that it has passed', async () => {
  const advance = await installVirtualTime(house.pool, 'carillon', { frozen: true });
  await house.pool.query(`insert into carillon.claims (digest, fingerprint, actor, retention_ms, key, expires_at)
    select sha256(n::text::bytea), '', gen_random_uuid(), 0, n::text, carillon.now() + n % 2 * interval '1 hour'
    from generate_series(1, 12000) n`);
  const walk = async (): Promise<number> => {
    let gone = 0;
    for (let pass = 0; pass < 3; pass += 1) gone += (await house.store.forget()).processed;
    return gone;
  };
  expect(await walk()).toBe(6_000);
  await advance(3_600_000);
  expect((await walk()) + (await walk())).toBe(6_000);
});
