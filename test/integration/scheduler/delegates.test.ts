/** Invoked work with a life of its own: jobs and run functions that a machine hands to another actor. */
import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import { DropError, defineActor, defineJob, fromJob, fromRun } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

const charge = defineJob({
  name: 'charge',
  input: z.object({ amount: z.number().positive() }),
  queue: 'payments',
  retry: { maxRetries: 2, backoff: { base: 1 } },
  async run({ input, attempt, idempotencyKey }) {
    if (input.amount === 13) throw new DropError('unlucky', { reason: 'card_declined' });
    if (attempt < 3) throw new Error('busy');
    return { receipt: input.amount, attempt, idempotencyKey };
  },
});

/** Invokes the job and ends with what it gave. */
const order = defineActor({
  name: 'order',
  machine: setup({
    types: { input: {} as { amount: number }, context: {} as { amount: number; told: unknown } },
    actors: { charge: fromJob(charge) },
  }).createMachine({
    context: ({ input }) => ({ ...input, told: null }),
    initial: 'charging',
    states: {
      charging: {
        invoke: {
          src: 'charge',
          input: ({ context }) => ({ amount: context.amount }),
          onDone: { target: 'paid', actions: assign({ told: ({ event }) => event.output }) },
          onError: { target: 'failed', actions: assign({ told: ({ event }) => event.error }) },
        },
        on: { 'customer.left': 'failed' },
      },
      paid: { type: 'final' },
      failed: { type: 'final', tags: 'dropped' },
    },
    output: ({ context }) => context.told,
  }),
});

test('an invoked job is a child with retries, queue and key of its own, and its output moves its owner', async () => {
  const scheduler = await schedulers.open({ definitions: [order] });
  const handle = await scheduler.schedule(order, { amount: 5 });
  const record = await handle.result({ timeout: '10s' });
  const { items } = await scheduler.list({ parentId: handle.id });
  expect(items).toMatchObject([{ name: 'charge', queue: 'payments', status: 'done', attempt: 3 }]);
  expect(record).toMatchObject({
    status: 'success',
    output: { receipt: 5, attempt: 3, idempotencyKey: `${items[0]?.id}/run` },
  });
});

test('a dropped job is the error of its owner, with its code or its reason', async () => {
  const scheduler = await schedulers.open({ definitions: [order] });
  const handle = await scheduler.schedule(order, { amount: 13 });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped' });
  const view = await scheduler.get(handle.id);
  expect(view?.context).toMatchObject({ told: { name: 'DropError', message: 'unlucky', code: 'card_declined' } });
});

test('an input the job refuses is the error of its owner, and makes no child', async () => {
  const scheduler = await schedulers.open({ definitions: [order] });
  const handle = await scheduler.schedule(order, { amount: -1 });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped' });
  expect((await scheduler.get(handle.id))?.context).toMatchObject({ told: { code: 'INVALID_INPUT' } });
  expect((await scheduler.list({ parentId: handle.id })).items).toEqual([]);
});

test('leaving the state cancels the child, and its owner holds no worker while it waits', async () => {
  const hold = deferred();
  const aborted = deferred();
  const slow = defineActor({
    name: 'slow',
    machine: setup({
      actors: {
        wait: fromRun<string, undefined>(async ({ signal }) => {
          signal.addEventListener('abort', () => aborted.resolve());
          await hold.promise;
          return 'late';
        }),
      },
    }).createMachine({
      initial: 'waiting',
      states: { waiting: { invoke: { src: 'wait', onDone: 'done' }, on: { leave: 'left' } }, left: {}, done: {} },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [slow] });
  const { id } = await scheduler.schedule(slow);
  const child = await waitUntil(async () => {
    const { items } = await scheduler.list({ parentId: id });
    return items[0]?.effects[0]?.running && items[0];
  });
  expect(child).toMatchObject({ name: 'slow/wait', state: 'dispatching', parentId: id });
  expect(await scheduler.get(id)).toMatchObject({ effects: [{ src: 'wait', running: false, childId: child.id }] });
  expect(await scheduler.explain(id)).toMatchObject({ waitingFor: [{ for: 'effect' }, { for: 'event' }] });
  await scheduler.send(id, { type: 'leave' });
  await aborted.promise;
  const record = await scheduler.getHandle(child.id).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'cancelled', reason: 'state_left' });
  expect((await scheduler.get(id))?.state).toBe('left');
  hold.resolve();
});

test('a run function is retried by its own rule, and nobody can schedule it by name', async () => {
  const attempts: number[] = [];
  const flaky = defineActor({
    name: 'flaky',
    machine: setup({
      actors: {
        work: fromRun<number, { n: number }>(
          async ({ attempt, input }) => {
            attempts.push(attempt);
            throw new Error(`no ${input.n}`);
          },
          { retry: { maxRetries: 1, backoff: { base: 1 } } },
        ),
      },
    }).createMachine({
      initial: 'working',
      states: {
        working: { invoke: { src: 'work', input: { n: 7 }, onError: 'failed' } },
        failed: { type: 'final', output: ({ event }) => event },
      },
      output: ({ event }) => event.output,
    }),
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const { output } = await (await scheduler.schedule(flaky)).result({ timeout: '10s' });
  expect(output).toMatchObject({ error: { message: 'no 7', code: 'retries_exhausted' } });
  expect(attempts).toEqual([1, 2]);
  await expect(scheduler.schedule('flaky/work')).rejects.toThrow(
    /No definition named 'flaky\/work'. Known here: flaky/,
  );
});

test('an owner that is cancelled takes its children along', async () => {
  const hold = deferred();
  const owner = defineActor({
    name: 'owner',
    machine: setup({ actors: { wait: fromRun(() => hold.promise) } }).createMachine({ invoke: { src: 'wait' } }),
  });
  const scheduler = await schedulers.open({ definitions: [owner] });
  const handle = await scheduler.schedule(owner);
  const child = await waitUntil(async () => (await scheduler.list({ parentId: handle.id })).items[0]);
  await handle.cancel('enough');
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'cancelled', reason: 'enough' });
  const record = await scheduler.getHandle(child.id).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'cancelled', reason: 'state_left' });
  hold.resolve();
});
