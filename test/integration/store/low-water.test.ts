import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemEnv } from '../../../src/env.ts';
import type { Claimed } from '../../../src/store/contract.ts';
import { ClaimChoice } from '../../../src/store/postgres/claim-choice.ts';
import { PINNED_PLAN } from '../../../src/store/postgres/connection.ts';
import { Database } from '../../../src/store/postgres/database.ts';
import { claim } from '../../../src/store/postgres/due.ts';
import { LowWater, type Marks } from '../../../src/store/postgres/low-water.ts';
import { PLAIN_CLAIM } from '../../../src/store/postgres/plain-claim.ts';
import { Registry } from '../../../src/store/postgres/registry.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { noLeases, StoreHouse, settles, W1 } from '../../support/postgres-store.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

/** From this many claims on, marks are kept. */
const WORTHWHILE = 2_000;

let house: StoreHouse;
beforeEach(async () => {
  house = await StoreHouse.open();
  await house.store.prepareDays();
  await house.join(W1);
});
afterEach(() => house.close());

async function fill(count: number): Promise<void> {
  await house.store.schedule(
    Array.from({ length: count }, () => house.actor()),
    null,
  );
}

/** Everything that is due, claimed and settled: what it was leaves its entries in the index. */
async function drain(): Promise<number> {
  let count = 0;
  for (;;) {
    const { claimed } = await house.claim(W1, { slots: 500 });
    if (claimed.length === 0) return count;
    count += claimed.length;
    await house.store.commit(
      W1,
      claimed.map((each) => settles(each)),
      noLeases,
    );
  }
}

const idsOf = (claimed: readonly Claimed[]): readonly string[] => claimed.map(({ id }) => id);

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}

/** Blocks that a claim from these marks looks at to find what is due. */
async function blocksRead(marks: Marks): Promise<number> {
  const client = await house.client();
  await client.query(PINNED_PLAN);
  await client.query('begin');
  await client.query(`prepare it as ${PLAIN_CLAIM.text}`);
  const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
    `explain (analyze, buffers, format json)
    execute it('${W1}', 1, '{${house.queue}}', '{${house.def}}', 100, true, '{0,1,2,3,4,5,6,7,8,9}', '{}', '{}', '${marks[0]}', '${marks[1]}')`,
  );
  await client.query('rollback');
  const read = (plan: Plan): number => {
    const own = plan['Node Type'] === 'Index Scan' && plan['Relation Name'] === 'due';
    if (own) return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    return (plan.Plans ?? []).reduce((sum, each) => sum + read(each), 0);
  };
  return read(rows[0]?.['QUERY PLAN'][0]?.Plan as Plan);
}

test('while a session holds an old snapshot, a claim does not step over what was claimed since', async () => {
  const db = new Database({
    connection: house.database.connectionString,
    namespace: 'default',
    schema: 'carillon',
    env: systemEnv,
    logger: { debug: () => undefined, warn: () => undefined, error: () => undefined },
  });
  try {
    const old = await house.client();
    await old.query('begin isolation level repeatable read');
    await old.query('select from carillon.due');
    await fill(6_000);
    const low = new LowWater(systemEnv);
    const registry = new Registry(db);
    const asked = {
      worker: W1,
      queues: [house.queue],
      defs: [house.def],
      slots: 500,
      suspect: true,
      oldestFirst: false,
    };
    for (let lease = 1_000; lease < 1_010; lease += 1)
      await claim(db, registry, { low, choice: new ClaimChoice() }, { ...asked, lease });
    const fromMark = await blocksRead(low.marksFor(asked));
    const fromStart = await blocksRead(['{}', '{}']);
    expect(fromStart).toBeGreaterThan(50);
    expect(fromMark).toBeLessThan(fromStart / 3);
  } finally {
    await db.close();
  }
});

describe('after thousands of claims', () => {
  beforeEach(async () => {
    await fill(WORTHWHILE + 100);
    expect(await drain()).toBe(WORTHWHILE + 100);
  });

  test('a row whose transaction took longer than all of them is found, although nobody says so', async () => {
    const slow = await house.client();
    await slow.query('begin');
    const late = house.actor();
    await house.store.scheduleWithin(slow, [late], 0);
    await moreThanTheMargin();
    await fill(10);
    expect(await drain()).toBe(10);
    await slow.query('commit');
    await waitUntil(async () => idsOf((await house.claim(W1)).claimed).includes(late.id), {
      what: 'a look from the start',
    });
  });

  test('who finds nothing by a mark is told when to look from the start', async () => {
    await waitUntil(async () => (await house.claim(W1)).again === null, { what: 'a claim from the start' });
    await waitUntil(
      async () => {
        const { now, again } = await house.claim(W1);
        return again !== null && again >= now;
      },
      { what: 'a claim by a mark' },
    );
  });

  test('what is given back is found at once, at the rank it had', async () => {
    await fill(1);
    const [held] = (await house.claim(W1)).claimed;
    await moreThanTheMargin();
    await fill(10);
    expect(await drain()).toBe(10);
    await house.store.giveBack(W1, [{ id: held?.id ?? '', fence: held?.fence ?? 0 }]);
    expect(idsOf((await house.claim(W1)).claimed)).toEqual([held?.id]);
  });
});

async function moreThanTheMargin(): Promise<void> {
  const began = await house.value<Date>('select now()');
  await waitUntil(() => house.value<boolean>(`select now() > $1::timestamptz + interval '1.5 s'`, [began]), {
    what: 'more than the margin to pass',
  });
}
