import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { StoreHouse } from '../../support/postgres-store.ts';

expectNothingLeftBehind();

let house: StoreHouse;
beforeAll(async () => {
  house = await StoreHouse.open();
});
afterAll(() => house.close());

const ROWS = 30_000;

test('of more actors than may be counted a sample is, scaled to the whole', async () => {
  await house.pool.query(
    `insert into carillon.actors (id, def, queue, priority, labels, created_at, in_due, fence, strikes, seq, pokes, attempt,
      spilled, history, state)
    select gen_random_uuid(), $1, $2, 5, '{}', now(), false, 0, 0, 0, 0, 0, false, '',
      case when n % 10 = 0 then '"rare"' else '"frequent"' end
    from generate_series(1, $3) n`,
    [house.def, house.queue, ROWS],
  );
  await house.pool.query('analyze carillon.actors');
  const exact = await house.store.population(ROWS);
  expect(exact.exact).toBe(true);
  expect(Object.fromEntries(exact.counts.map(({ state, count }) => [state, count]))).toEqual({
    '"frequent"': 27_000,
    '"rare"': 3_000,
  });
  const sampled = await house.store.population(10_000);
  expect(sampled.exact).toBe(false);
  const of = (state: string): number => sampled.counts.find((each) => each.state === state)?.count ?? 0;
  expect(of('"rare"') / of('"frequent"')).toBeCloseTo(1 / 9, 1);
  // A third of the pages, chosen by chance.
  expect(of('"rare"') + of('"frequent"')).toBeCloseTo(ROWS, -2);
});

test('of more ends than may be read the newest are, and it is said from when on', async () => {
  await house.store.prepareDays();
  await house.pool.query(
    `insert into carillon.settled (id, fence, seq, created_at, settled_at, keep_until, def, queue, attempt, strikes, priority,
      spilled, status, outcome, labels, state, record, history)
    select gen_random_uuid(), 1, 1, now(), now() - n * interval '1 second', current_date + 1, $1, $2, 1, 0, 5, false, 'done',
      'success', '{}', '"done"', '{}', ''
    from generate_series(1, 3000) n`,
    [house.def, house.queue],
  );
  const { counts, since } = await house.store.settledLately(3_600_000, 100);
  expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(100);
  const now = await house.store.now();
  expect(since).toBeGreaterThan(now - 200_000);
  expect(since).toBeLessThan(now - 90_000);
});
