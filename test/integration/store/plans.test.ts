import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VACATE } from '../../../src/store/postgres/admission.ts';
import { AUDIT } from '../../../src/store/postgres/audit.ts';
import { PINNED_PLAN } from '../../../src/store/postgres/connection.ts';
import { NEXT_DUE } from '../../../src/store/postgres/due.ts';
import { LIST } from '../../../src/store/postgres/list.ts';
import { MOVE_PLACES, REFUSE_PLACES } from '../../../src/store/postgres/places.ts';
import { PLAIN_CLAIM } from '../../../src/store/postgres/plain-claim.ts';
import { SETTLE } from '../../../src/store/postgres/settled.ts';
import { THOROUGH_CLAIM } from '../../../src/store/postgres/thorough-claim.ts';
import { RELOAD, TURN } from '../../../src/store/postgres/turns.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { StoreHouse, W1 } from '../../support/postgres-store.ts';

expectNothingLeftBehind();

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

const TABLES = ['due', 'actors', 'mailbox', 'workers', 'queues', 'leases'];

let house: StoreHouse;
let client: Client;
beforeAll(async () => {
  house = await StoreHouse.open();
  await house.join(W1);
  client = await house.client();
  await client.query(PINNED_PLAN);
});
afterAll(() => house.close());

async function insertRows(rows: number, due: string): Promise<void> {
  await house.pool.query(
    `with born as (
      insert into carillon.actors (id, def, queue, priority, labels, created_at, wake_at, in_due, fence, strikes, seq,
        pokes, attempt, spilled, history, input)
      select gen_random_uuid(), $1, $2, 5, '{}', now(), ${due}, true, 0, 0, 0, 0, 0, false, '', repeat('x', 300)
      from generate_series(1, $3) returning id, wake_at
    ) insert into carillon.due (queue, priority, due_at, actor, def) select $2, 5, wake_at, id, $1 from born`,
    [house.def, house.queue, rows],
  );
}

async function planOf(text: string, values: string): Promise<readonly Plan[]> {
  await client.query('begin');
  try {
    await client.query(`prepare it as ${text}`);
    const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
      `explain (analyze, format json) execute it(${values})`,
    );
    const nodes: Plan[] = [];
    const walk = (plan: Plan): void => {
      nodes.push(plan);
      plan.Plans?.forEach(walk);
    };
    rows[0]?.['QUERY PLAN'].forEach(({ Plan }) => walk(Plan));
    return nodes;
  } finally {
    await client.query('deallocate all');
    await client.query('rollback');
  }
}

async function expectExactReads(): Promise<void> {
  const claimValues = `'${W1}', 1, '{${house.queue}}', '{${house.def}}', 100, true, '{0,1,2,3,4,5,6,7,8,9}', '{}', '{}'`;
  for (const [{ text }, values] of [
    [PLAIN_CLAIM, `${claimValues}, '{}', '{}'`],
    [THOROUGH_CLAIM, `${claimValues}, '{}', '{}'`],
    [NEXT_DUE, `'{${house.queue}}', '{${house.def}}', '{}', '{}'`],
  ] as const) {
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      await client.query(`set plan_cache_mode = ${mode}`);
      const nodes = await planOf(text, values);
      const kinds = nodes.map((node) => `${node['Node Type']} ${node['Relation Name'] ?? ''}`.trim());
      for (const table of TABLES) expect(kinds).not.toContain(`Seq Scan ${table}`);
      expect(kinds).not.toContain('Sort');
      expect(kinds.filter((kind) => kind.startsWith('Bitmap'))).toEqual([]);
      for (const node of nodes) {
        const read = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
        if (node['Relation Name'] === 'due') expect(read).toBeLessThanOrEqual(200);
      }
    }
  }
}

describe('the claim and the probe for what is due next read exact ranges of the index', () => {
  test('analyzed while empty, then 40,000 overdue rows', async () => {
    await house.pool.query('analyze');
    await insertRows(40_000, `now() - interval '1 second'`);
    await expectExactReads();
  });

  test('with 40,000 rows due another day', async () => {
    await house.pool.query('truncate carillon.due, carillon.actors');
    await insertRows(40_000, `now() + interval '1 day'`);
    await house.pool.query('analyze');
    await expectExactReads();
  });

  // Writing a million rows takes a slow machine its time.
  test('with 1,000 overdue rows before a million of another day', { timeout: 180_000 }, async () => {
    await house.pool.query('truncate carillon.due, carillon.actors');
    await house.pool.query(
      `insert into carillon.due (queue, priority, due_at, actor, def)
      select $2, 5, now() + interval '1 day' + n * interval '1 ms', gen_random_uuid(), $1 from generate_series(1, 1000000) n`,
      [house.def, house.queue],
    );
    await insertRows(1_000, `now() - interval '1 second'`);
    await expectExactReads();
    await house.pool.query('analyze');
    await expectExactReads();
  });

  test.each([
    ['plain', PLAIN_CLAIM],
    ['thorough', THOROUGH_CLAIM],
  ])('a %s claim planned while analyzed as empty, then 40,000 overdue rows', async (_, statement) => {
    await house.pool.query('truncate carillon.due, carillon.actors');
    await house.pool.query('vacuum analyze');
    await client.query('set plan_cache_mode = force_generic_plan');
    await client.query(`prepare once as ${statement.text}`);
    const execute = `execute once('${W1}', 1, '{${house.queue}}', '{${house.def}}', 100, true, '{0,1,2,3,4,5,6,7,8,9}', '{}', '{}', '{}', '{}')`;
    await client.query(execute);
    await insertRows(40_000, `now() - interval '1 second'`);
    await client.query('begin');
    const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
      `explain (analyze, format json) ${execute}`,
    );
    await client.query('rollback');
    await client.query('deallocate once');
    const read = (plan: Plan): number => {
      const own = plan['Relation Name'] !== undefined && !plan['Node Type'].startsWith('CTE');
      const rowsRead = (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops'];
      return Math.max(own ? rowsRead : 0, ...(plan.Plans ?? []).map(read));
    };
    expect(read(rows[0]?.['QUERY PLAN'][0]?.Plan as Plan)).toBeLessThanOrEqual(200);
  });

  test('right after a mass delete', async () => {
    await house.pool.query('delete from carillon.due');
    await insertRows(100, `now() - interval '1 second'`);
    await expectExactReads();
  });
});

test.each([
  ['turn', TURN, 2],
  ['settle', SETTLE, 2],
  ['reload', RELOAD, 1],
  ['refusal of places', REFUSE_PLACES, 2],
  ['move of places', MOVE_PLACES, 1],
  ['look for places of the dead', VACATE, 1],
])('a %s planned while the actors were vacuumed as none looks up each by itself', async (_, { text }, times) => {
  await insertRows(2_000, `now() - interval '1 second'`);
  await house.pool.query('delete from carillon.due');
  await house.pool.query('delete from carillon.actors');
  await house.pool.query('vacuum analyze');
  await client.query('set plan_cache_mode = force_generic_plan');
  await client.query(`prepare it as ${text}`);
  const last = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
  const values = last > 0 ? `(${Array(last).fill('null').join()})` : '';
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain execute it${values}`);
  await client.query('deallocate it');
  const plan = rows.map((row) => row['QUERY PLAN']);
  const looks = plan.flatMap((line, index) =>
    / Scan .*on actors/.test(line) ? [`${line.trim()} ${plan[index + 1]?.trim()}`] : [],
  );
  expect(looks).toHaveLength(times);
  for (const look of looks) expect(look).toMatch(/(TID|Index) Cond: /);
});

test('a claim leaves each row that it marks within its page, where no index has to hear of it', async () => {
  const actors = Array.from({ length: 1_000 }, (_, n) => house.actor({ input: `{"n":${n},"dueMs":0}` }));
  await house.store.schedule(actors, null);
  const pages = async (): Promise<unknown> =>
    (await house.pool.query('select id, (ctid::text::point)[0] as page from carillon.actors order by id')).rows;
  const before = await pages();
  expect((await house.claim(W1, { slots: 1_000 })).claimed).toHaveLength(1_000);
  expect(await pages()).toEqual(before);
  await house.pool.query('truncate carillon.leases, carillon.actors, carillon.due');
});

test('an audit of 2,000 that are held reads the leases once', async () => {
  await insertRows(2_000, `now() - interval '1 second'`);
  await house.pool.query(`delete from carillon.due`);
  await house.pool.query(`update carillon.actors set worker = '${W1}', in_due = false`);
  await house.pool.query(
    `insert into carillon.leases (worker, n, actors)
    select '${W1}'::uuid, n, array_agg(id) from (select id, row_number() over () / 500 as n from carillon.actors) held group by n`,
  );
  const values = `'default', '00000000-0000-0000-0000-000000000000', 5000, null`;
  const nodes = await planOf(AUDIT.text, values);
  const leases = nodes.filter((node) => node['Relation Name'] === 'leases');
  expect(leases.map((node) => node['Actual Loops'])).toEqual([1]);
  expect(nodes[0]?.['Actual Rows']).toBe(0);
  await house.pool.query('truncate carillon.leases, carillon.actors');
});

test.each([
  ['active', 'actors', 'settled'],
  ['done', 'settled', 'actors'],
])('a page of those that are %s reads %s, and nothing of %s', async (status, read, unread) => {
  await house.store.prepareDays();
  const values = ['default', status, null, null, 'order', null, null, null, null, null, 501];
  const { rows } = await house.pool.query<{ 'QUERY PLAN': string }>(`explain ${LIST.text}`, values);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(new RegExp(` on ${read}`));
  expect(plan).not.toMatch(new RegExp(` on ${unread}`));
});
