/** Scheduling flows: what is refused, keys, callers' transactions, time, and a thousand children. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  defineJob,
  type FlowOptions,
  IdempotencyConflictError,
  InvalidInputError,
  InvalidStateError,
  UnknownDefinitionError,
} from '../../../src/index.ts';
import { door } from '../../support/door.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const soon = { timeout: '20s' } as const;

const charge = defineJob({
  name: 'charge',
  input: z.object({ amount: z.number().positive() }),
  run: ({ input }) => input.amount,
});

const flowOf = (...amounts: number[]): FlowOptions => ({
  name: 'order',
  children: amounts.map((amount, n) => ({ key: `charge-${n}`, job: charge, input: { amount } })),
});

describe('a flow is refused before anything is written', () => {
  test('for a job nobody knows, an input its schema refuses, and more than may be stored', async () => {
    const other = defineJob({ name: 'other', run: () => {} });
    const scheduler = await schedulers.open({ definitions: [charge], maxPayload: 1024, start: false });
    const unknown = scheduler.scheduleFlow({ name: 'order', children: [{ key: 'a', job: 'chrage' }] });
    await expect(unknown).rejects.toThrow(UnknownDefinitionError);
    await expect(unknown).rejects.toThrow("children[0].job: No definition named 'chrage'");
    for (const job of [other, door])
      await expect(scheduler.scheduleFlow({ name: 'order', children: [{ key: 'a', job }] })).rejects.toThrow(
        UnknownDefinitionError,
      );
    const refused = scheduler.scheduleFlow(flowOf(1, 2, -3));
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(/^children\[2\]\.input\.amount: /);
    await expect(scheduler.scheduleFlow(flowOf(...Array.from({ length: 100 }, () => 5)))).rejects.toThrow(
      /^children: takes \d+ bytes; the limit is 4096\. That is 4 times 'maxPayload'\.$/,
    );
    expect((await scheduler.list()).items).toEqual([]);
  });
});

describe('an idempotency key', () => {
  test('schedules a flow once; the same key with another flow is a conflict', async () => {
    const scheduler = await schedulers.open({ definitions: [charge] });
    const idempotencyKey = 'order-1';
    const first = await scheduler.scheduleFlow({ ...flowOf(1, 2), idempotencyKey });
    const again = await scheduler.scheduleFlow({ ...flowOf(1, 2), idempotencyKey });
    expect(again).toMatchObject({ id: first.id, outcome: expect.stringMatching(/^skipped_/) });
    const others = [flowOf(1, 3), { ...flowOf(1, 2), onDrop: 'continue' as const }, { ...flowOf(1, 2), name: 'other' }];
    for (const other of others)
      await expect(scheduler.scheduleFlow({ ...other, idempotencyKey })).rejects.toThrow(IdempotencyConflictError);
    await first.result(soon);
    const late = await scheduler.scheduleFlow({ ...flowOf(1, 2), idempotencyKey });
    expect(late).toMatchObject({ outcome: 'skipped_idempotent', record: { status: 'success' } });
    await scheduler.stop();
    // A job that moved to another queue, in another version, does not make it another flow.
    const moved = defineJob({ name: 'charge', version: 2, queue: 'payments', run: () => 0 });
    const next = await schedulers.open({ definitions: [charge, moved], start: false });
    const children = [1, 2].map((amount, n) => ({ key: `charge-${n}`, job: 'charge', input: { amount } }));
    expect(await next.scheduleFlow({ name: 'order', children, idempotencyKey })).toMatchObject({ id: first.id });
  });
});

test('a flow in a transaction of its caller is one row, gone with a rollback and running after a commit', async () => {
  const scheduler = await schedulers.open({ definitions: [charge] });
  const client = await schedulers.database.pool().connect();
  await client.query('begin');
  const gone = await scheduler.scheduleFlow({ ...flowOf(1), client });
  await client.query('rollback');
  expect(await scheduler.get(gone.id)).toBeNull();
  await client.query('begin');
  const kept = await scheduler.scheduleFlow({ ...flowOf(1, 2), client });
  const rows = await client.query('select from carillon.actors where id = $1 or parent = $1', [kept.id]);
  expect(rows.rowCount).toBe(1);
  await client.query('commit');
  client.release();
  expect(await kept.result(soon)).toMatchObject({ status: 'success' });
});

test('a flow that is due later has no children until then, and may be moved until it has begun', async () => {
  const scheduler = await schedulers.open({ definitions: [charge, door] });
  const flow = await scheduler.scheduleFlow({
    name: 'order',
    children: [
      { key: 'door', job: door },
      { key: 'charge', job: charge, input: { amount: 1 }, after: ['door'] },
    ],
    delay: '1h',
    priority: 2,
    queue: 'default',
  });
  expect(await scheduler.get(flow.id)).toMatchObject({ state: 'scheduled', priority: 2, queue: 'default' });
  const later = new Date(Date.now() + 7_200_000);
  await scheduler.reschedule(flow.id, later);
  // Until it has read that it was moved, it is due.
  await waitUntil(async () => (await scheduler.explain(flow.id)).waitingFor[0]?.for === 'timer');
  expect(await scheduler.get(flow.id)).toMatchObject({ state: 'scheduled' });
  expect((await scheduler.list({ parentId: flow.id })).items).toEqual([]);
  await scheduler.runNow(flow.id);
  await scheduler.waitFor(flow.id, { state: 'running', ...soon });
  await expect(scheduler.reschedule(flow.id, later)).rejects.toThrow(InvalidStateError);
  await expect(scheduler.runNow(flow.id)).rejects.toThrow(InvalidStateError);
  const { waitingFor, accepts } = await scheduler.explain(flow.id);
  expect(waitingFor).toMatchObject([
    { for: 'child', detail: '1 of 2 under way: door' },
    { for: 'child', detail: '1 of 2 to come after others: charge' },
    { for: 'event' },
  ]);
  expect(accepts).toEqual(['job.cancel']);
});

test('a thousand children after one, and one after all of them, are born and heard in a few small writes', {
  timeout: 120_000,
}, async () => {
  const scheduler = await schedulers.open({ definitions: [charge] });
  const middle = Array.from({ length: 998 }, (_, n) => `n${n}`);
  const input = { amount: 1 };
  const flow = await scheduler.scheduleFlow({
    name: 'wide',
    children: [
      { key: 'first', job: charge, input },
      ...middle.map((key) => ({ key, job: charge, input, after: ['first'] })),
      { key: 'last', job: charge, input, after: middle },
    ],
  });
  const sizes: number[] = [];
  const turns: number[] = [];
  scheduler.on('transition', ({ id, seq }) => {
    if (id === flow.id) turns.push(seq);
  });
  const pool = schedulers.database.pool();
  const measured = scheduler.waitFor(flow.id, { state: 'running', ...soon }).then(async () => {
    const { rows } = await pool.query<{ size: number }>(
      'select length(snapshot) as size from carillon.actors where id = $1',
      [flow.id],
    );
    sizes.push(...rows.map(({ size }) => size));
  });
  const record = await flow.result({ timeout: '100s' });
  await measured;
  expect(record.status).toBe('success');
  expect(sizes[0]).toBeLessThan(1300);
  // Every child is heard once; many of them in one turn.
  expect(turns.at(-1)).toBe(1002);
  expect(turns.length).toBeLessThan(500);
  const { rows } = await pool.query('select id from carillon.settled where parent = $1', [flow.id]);
  expect(rows).toHaveLength(1000);
});
