/** Scheduling and sending inside the caller's own transaction. */
import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { ActorNotFoundError, defineActor, defineJob, IdempotencyConflictError } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();

function echoJob() {
  return defineJob({ name: 'echo', run: ({ input }: { input: string }) => input });
}

function counterActor() {
  const machine = setup({
    types: { context: {} as { count: number }, events: {} as { type: 'up' } | { type: 'stop' } },
  });
  return defineActor({
    name: 'counter',
    machine: machine.createMachine({
      context: { count: 0 },
      initial: 'on',
      states: {
        on: {
          on: { up: { actions: assign({ count: ({ context }) => context.count + 1 }) }, stop: 'off' },
        },
        off: { type: 'final' },
      },
    }),
  });
}

test('a run scheduled in a transaction is nowhere before the commit, and runs soon after it', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const client = await schedulers.database.pool().connect();
  await client.query('create table if not exists orders (id text)');
  await client.query('begin');
  await client.query("insert into orders values ('o1')");
  const handle = await scheduler.schedule(echo, 'mine', { client });
  expect(handle.outcome).toBe('scheduled');
  expect(await scheduler.get(handle.id)).toBeNull();
  await client.query('commit');
  const committedMs = performance.now();
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 'mine' });
  expect(performance.now() - committedMs).toBeLessThan(2000);
  client.release();
});

test('a run scheduled in a transaction that rolls back never existed, and its key is free', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const client = await schedulers.database.pool().connect();
  await client.query('begin');
  const gone = await scheduler.schedule(echo, 'x', { client, idempotencyKey: 'k' });
  await client.query('rollback');
  expect(await scheduler.get(gone.id)).toBeNull();
  await expect(gone.result({ timeout: '10s' })).rejects.toThrow(ActorNotFoundError);
  const again = await scheduler.schedule(echo, 'x', { client, idempotencyKey: 'k' });
  expect(again.outcome).toBe('scheduled');
  await again.result({ timeout: '10s' });
  client.release();
});

test('a delayed run scheduled in a transaction runs at its time', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const client = await schedulers.database.pool().connect();
  await client.query('begin');
  const handle = await scheduler.schedule(echo, 'later', { client, delay: 200 });
  await client.query('commit');
  client.release();
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: 'later' });
});

test('a key in conflict inside a transaction leaves the transaction usable', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo], start: false });
  await scheduler.schedule(echo, 'first', { idempotencyKey: 'k' });
  const client = await schedulers.database.pool().connect();
  await client.query('begin');
  const conflict = scheduler.schedule(echo, 'second', { client, idempotencyKey: 'k' });
  await expect(conflict).rejects.toThrow(IdempotencyConflictError);
  const skipped = await scheduler.schedule(echo, 'first', { client, idempotencyKey: 'k' });
  expect(skipped.outcome).toBe('skipped_in_flight');
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.query('commit');
  client.release();
});

test('an event sent in a transaction arrives with its commit, and not with its rollback', async () => {
  const counter = counterActor();
  const scheduler = await schedulers.open({ definitions: [counter] });
  const { id } = await scheduler.schedule(counter);
  await scheduler.waitFor(id, { state: 'on', timeout: '10s' });
  const client = await schedulers.database.pool().connect();
  await client.query('begin');
  await scheduler.send(id, { type: 'up' }, { client });
  await client.query('rollback');
  await client.query('begin');
  await scheduler.send(id, { type: 'up' }, { client });
  expect((await scheduler.get(id))?.context).toEqual({ count: 0 });
  await client.query('commit');
  client.release();
  await scheduler.send(id, { type: 'stop' });
  const view = await scheduler.waitFor(id, { timeout: '10s' });
  expect(view.context).toEqual({ count: 1 });
});

test('an actor scheduled and sent to in one transaction hears it', async () => {
  const counter = counterActor();
  const scheduler = await schedulers.open({ definitions: [counter] });
  const client = await schedulers.database.pool().connect();
  await client.query('begin');
  const { id } = await scheduler.schedule(counter, undefined, { client });
  await scheduler.send(id, { type: 'up' }, { client });
  await scheduler.send(id, { type: 'stop' }, { client });
  await client.query('commit');
  client.release();
  expect((await scheduler.waitFor(id, { timeout: '10s' })).context).toEqual({ count: 1 });
});
