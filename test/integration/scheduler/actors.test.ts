/** Custom machines as durable actors: events, timers, first steps, and every way they end. */
import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import {
  ActorNotFoundError,
  ActorSettledError,
  defineActor,
  InvalidInputError,
  InvalidStateError,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const nobody = '00000000-0000-7000-8000-000000000000';

/** Collects numbers until it is told to stop. */
const collector = defineActor({
  name: 'collector',
  machine: setup({
    types: {
      context: {} as { numbers: number[] },
      input: {} as { first: number | null },
      events: {} as { type: 'add'; n: number } | { type: 'stop' },
      output: {} as { sum: number },
    },
  }).createMachine({
    context: ({ input }) => ({ numbers: input.first === null ? [] : [input.first] }),
    initial: 'open',
    states: {
      open: {
        on: {
          add: { actions: assign({ numbers: ({ context, event }) => [...context.numbers, event.n] }) },
          stop: 'closed',
        },
      },
      closed: { type: 'final' },
    },
    output: ({ context }) => ({ sum: context.numbers.reduce((sum, n) => sum + n, 0) }),
  }),
});

test('events reach the machine in the order they were sent, and its output is the record', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const handle = await scheduler.schedule(collector, { first: 1 });
  for (let n = 2; n <= 20; n += 1) await handle.send({ type: 'add', n });
  const view = await waitUntil(async () => {
    const found = await scheduler.get(handle.id);
    return (found?.context as { numbers: number[] } | null)?.numbers.length === 20 && found;
  });
  expect(view).toMatchObject({ status: 'active', state: 'open', attempt: 0, wakeAt: null, mail: 0 });
  expect(view.context).toEqual({ numbers: Array.from({ length: 20 }, (_, index) => index + 1) });
  await handle.send({ type: 'stop' });
  const record = await handle.result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'success', output: { sum: 210 }, attempts: 1 });
  expect(await scheduler.get(handle.id)).toMatchObject({ status: 'done', state: 'closed' });
});

test('two hundred events sent at once all arrive, each once', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const handle = await scheduler.schedule(collector, { first: null });
  await Promise.all(Array.from({ length: 200 }, (_, n) => handle.send({ type: 'add', n: n + 1 })));
  await handle.send({ type: 'stop' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: { sum: 20_100 } });
});

test('a second event with the same dedupId is dropped', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const handle = await scheduler.schedule(collector, { first: null });
  const { id } = handle;
  for (const n of [1, 2]) await scheduler.send(id, { type: 'add', n }, { dedupId: 'payment 7' });
  await scheduler.send(id, { type: 'add', n: 10 }, { dedupId: 'payment 8' });
  await scheduler.send(id, { type: 'stop' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: { sum: 11 } });
});

test('an event the state does not handle is journaled and changes nothing', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const { id } = await scheduler.schedule(collector, { first: null });
  await scheduler.send(id, { type: 'unheard.of' });
  await waitUntil(async () => (await scheduler.history(id)).some(({ event }) => event.type === 'unheard.of'));
  expect(await scheduler.get(id)).toMatchObject({ state: 'open', context: { numbers: [] } });
});

test('sending to a settled actor, or to nobody, is refused', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const handle = await scheduler.schedule(collector, { first: null });
  await handle.send({ type: 'stop' });
  await handle.result({ timeout: '10s' });
  await expect(handle.send({ type: 'add', n: 1 })).rejects.toThrow(ActorSettledError);
  await expect(scheduler.send(nobody, { type: 'add', n: 1 })).rejects.toThrow(ActorNotFoundError);
});

test('a delay postpones the first step: until then there is no state, and events wait', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const handle = await scheduler.schedule(collector, { first: 1 }, { delay: 400 });
  await handle.send({ type: 'add', n: 2 });
  const view = await scheduler.get(handle.id);
  expect(view).toMatchObject({ status: 'active', state: null, context: null, seq: 0 });
  const startAt = view?.timers[0]?.dueAt.getTime() ?? 0;
  const started = await scheduler.waitFor(handle.id, { state: 'open', timeout: '10s' });
  expect(Date.now()).toBeGreaterThanOrEqual(startAt);
  await handle.send({ type: 'stop' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: { sum: 3 } });
  expect(started.state).toBe('open');
});

test('runNow and reschedule move the first step, and are refused once it was taken', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const now = await scheduler.schedule(collector, { first: null }, { delay: '1h' });
  await scheduler.runNow(now.id);
  await scheduler.waitFor(now.id, { state: 'open', timeout: '10s' });
  const soon = await scheduler.schedule(collector, { first: null }, { delay: '1h' });
  const at = new Date(Date.now() + 200);
  await scheduler.reschedule(soon.id, at);
  await scheduler.waitFor(soon.id, { state: 'open', timeout: '10s' });
  expect(Date.now()).toBeGreaterThanOrEqual(at.getTime());
  await expect(scheduler.runNow(now.id)).rejects.toThrow(InvalidStateError);
  await expect(scheduler.reschedule(soon.id, new Date())).rejects.toThrow(InvalidStateError);
});

test('a schema checks the input of a machine', async () => {
  const checked = defineActor({
    name: 'checked',
    input: z.object({ n: z.number() }),
    machine: setup({ types: { input: {} as { n: number }, context: {} as { n: number } } }).createMachine({
      context: ({ input }) => ({ n: input.n }),
    }),
  });
  const scheduler = await schedulers.open({ definitions: [checked] });
  await expect(scheduler.schedule(checked, { n: 'x' as never })).rejects.toThrow(InvalidInputError);
  const { id } = await scheduler.schedule(checked, { n: 5 });
  await waitUntil(async () => (await scheduler.get(id))?.context !== null);
  expect((await scheduler.get(id))?.context).toEqual({ n: 5 });
});

const reminder = defineActor({
  name: 'reminder',
  machine: setup({
    types: { context: {} as { fired: number; waitMs: number }, input: {} as { waitMs: number } },
    delays: { wait: ({ context }) => context.waitMs },
  }).createMachine({
    context: ({ input }) => ({ fired: 0, waitMs: input.waitMs }),
    initial: 'waiting',
    states: {
      waiting: { after: { wait: { target: 'done', actions: assign({ fired: ({ context }) => context.fired + 1 }) } } },
      done: { type: 'final' },
    },
    output: ({ context }) => context.fired,
  }),
});

test('a timer is shown with its time, fires once, and never early', async () => {
  const scheduler = await schedulers.open({ definitions: [reminder] });
  const handle = await scheduler.schedule(reminder, { waitMs: 1_000 });
  const view = await scheduler.waitFor(handle.id, { state: 'waiting', timeout: '10s' });
  expect(view.timers).toHaveLength(1);
  const dueAt = view.timers[0]?.dueAt;
  expect(view.wakeAt).toEqual(dueAt);
  const record = await handle.result({ timeout: '10s' });
  expect(record.output).toBe(1);
  expect(record.settledAt.getTime()).toBeGreaterThanOrEqual(dueAt?.getTime() ?? Infinity);
});

test('a timer due while no worker runs fires after restart', async () => {
  const first = await schedulers.open({ definitions: [reminder] });
  // Long enough for a slow machine to stop in.
  const { id } = await first.schedule(reminder, { waitMs: 3_000 });
  const view = await first.waitFor(id, { state: 'waiting', timeout: '10s' });
  await first.stop();
  const second = await schedulers.open({ definitions: [reminder], start: false });
  const dueAt = view.timers[0]?.dueAt.getTime() ?? 0;
  await waitUntil(() => Date.now() > dueAt + 50);
  expect((await second.get(id))?.state).toBe('waiting');
  await second.start();
  expect(await second.getHandle(id, reminder).result({ timeout: '10s' })).toMatchObject({ output: 1 });
});

test('cancel stops a machine that does not handle it, with the state it was in', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const { id } = await scheduler.schedule(collector, { first: null });
  await scheduler.waitFor(id, { state: 'open', timeout: '10s' });
  await scheduler.cancel(id, 'no longer needed');
  const view = await scheduler.waitFor(id, { timeout: '10s' });
  expect(view).toMatchObject({
    status: 'dropped',
    state: 'open',
    record: { status: 'cancelled', reason: 'no longer needed' },
  });
});

test('cancel before the first step settles without a state', async () => {
  const scheduler = await schedulers.open({ definitions: [collector] });
  const handle = await scheduler.schedule(collector, { first: null }, { delay: '1h' });
  await handle.cancel();
  const record = await handle.result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'cancelled', reason: 'cancelled', attempts: 0, startedAt: null });
  expect((await scheduler.get(handle.id))?.state).toBeNull();
});

test('cancel is an event for a machine that handles it, which decides for itself', async () => {
  const careful = defineActor({
    name: 'careful',
    machine: setup({
      types: { events: {} as { type: 'job.cancel'; reason?: string } | { type: 'refunded' } },
    }).createMachine({
      initial: 'charged',
      states: {
        charged: { on: { 'job.cancel': 'refunding' } },
        refunding: { on: { refunded: 'cancelled' } },
        cancelled: { type: 'final', tags: 'dropped', output: { reason: 'refunded' } },
      },
      output: ({ event }) => (event as unknown as { output: unknown }).output,
    }),
  });
  const scheduler = await schedulers.open({ definitions: [careful] });
  const handle = await scheduler.schedule(careful);
  const { id } = handle;
  await scheduler.waitFor(id, { state: 'charged', timeout: '10s' });
  await scheduler.cancel(id, 'customer asked');
  await scheduler.waitFor(id, { state: 'refunding', timeout: '10s' });
  const types = (await scheduler.history(id)).map(({ event }) => event);
  expect(types).toContainEqual({ type: 'job.cancel', reason: 'customer asked' });
  await scheduler.send(id, { type: 'refunded' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped', reason: 'refunded' });
});

test('a final state tagged dropped settles as failed_dropped, and says why', async () => {
  const rejected = defineActor({
    name: 'rejected',
    machine: setup({}).createMachine({
      initial: 'judging',
      states: { judging: { on: { reject: 'rejected' } }, rejected: { type: 'final', tags: ['dropped'] } },
      output: { reason: 'too_risky', error: new Error('score 12') },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [rejected] });
  const handle = await scheduler.schedule(rejected);
  await handle.send({ type: 'reject' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({
    status: 'failed_dropped',
    reason: 'too_risky',
    error: { name: 'Error', message: 'score 12' },
  });
  expect((await scheduler.get(handle.id))?.status).toBe('dropped');
  expect(schedulers.log.some(({ msg, id }) => msg === 'dropped' && id === handle.id)).toBe(true);
});

test('a machine that is final at once settles in its first step', async () => {
  const brief = defineActor({
    name: 'brief',
    machine: setup({}).createMachine({ initial: 'end', states: { end: { type: 'final' } }, output: 42 }),
  });
  const scheduler = await schedulers.open({ definitions: [brief] });
  expect(await (await scheduler.schedule(brief)).result({ timeout: '10s' })).toMatchObject({ output: 42 });
});
