/** Copies of actors from any point of their past: what they share, what they do not, and what they may not do unasked. */
import { expect, test } from 'vitest';
import { assign, fromPromise, setup } from 'xstate';
import {
  defineActor,
  defineJob,
  fromJob,
  InvalidInputError,
  InvalidOptionError,
  InvalidStateError,
  ReplayDivergedError,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

/** Charges a card through a job of its own. Every charge is written down with its key. */
function shop() {
  const charges: string[] = [];
  const charge = defineJob({
    name: 'charge',
    run: ({ idempotencyKey }) => {
      charges.push(idempotencyKey);
      return 'receipt';
    },
  });
  const machine = setup({
    types: { context: {} as { notes: number }, events: {} as { type: 'note' } | { type: 'buy' } | { type: 'leave' } },
    actors: { charge: fromJob(charge), wrap: fromPromise(async () => 'wrapped') },
    actions: { note: assign({ notes: ({ context }) => context.notes + 1 }) },
  }).createMachine({
    id: 'shop',
    context: { notes: 0 },
    initial: 'choosing',
    states: {
      choosing: { on: { note: { actions: 'note' }, buy: 'paying', leave: 'left' }, after: { 3_600_000: 'left' } },
      paying: { invoke: { src: 'charge', onDone: 'wrapping' } },
      wrapping: { invoke: { src: 'wrap', onDone: 'bought' } },
      bought: { type: 'final', output: ({ context }) => context.notes },
      left: { type: 'final', tags: 'dropped' },
    },
    output: ({ event }) => event.output,
  });
  return { charges, charge, definition: defineActor({ name: 'shop', machine }) };
}

test('a context that may be stored may be forked, and events that make it larger are refused', async () => {
  const hoard = defineActor({
    name: 'hoard',
    machine: setup({
      types: { context: {} as { text: string }, events: {} as { type: 'add'; text: string } },
    }).createMachine({
      context: { text: '' },
      on: { add: { actions: assign({ text: ({ context, event }) => context.text + event.text }) } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [hoard], maxPayload: 1024 });
  const origin = await scheduler.schedule(hoard);
  const { id } = origin;
  for (const text of ['x'.repeat(900), 'x'.repeat(113)]) await origin.send({ type: 'add', text });
  await waitUntil(async () => (await scheduler.get(id))?.seq === 3);
  const fork = await scheduler.fork(id, { atSeq: 3 });
  expect(await scheduler.get(fork.id)).toMatchObject({ context: { text: 'x'.repeat(1013) } });
  await expect(scheduler.fork(id, { atSeq: 3, events: [{ type: 'add', text: 'x' }] })).rejects.toThrow(
    /^events: with them its context of 1025 bytes is larger than 'maxPayload' allows, 1024\.$/,
  );
});

test('a held fork of a settled actor charges nothing until it is released, and then under a key of its own', async () => {
  const { charges, charge, definition } = shop();
  const scheduler = await schedulers.open({ definitions: [charge, definition] });
  const origin = await scheduler.schedule(definition);
  await origin.send({ type: 'note' });
  await origin.send({ type: 'buy' });
  await origin.result({ timeout: '10s' });
  const fork = await scheduler.fork(origin.id, { atSeq: 2, events: [{ type: 'note' }, { type: 'buy' }] });
  const view = await scheduler.get(fork.id);
  expect(view).toMatchObject({
    status: 'quarantined',
    state: 'paying',
    context: { notes: 2 },
    seq: 3,
    forkOf: { id: origin.id, seq: 2 },
    labels: [`fork:${origin.id}`],
    effects: [{ src: 'charge', running: false }],
    wakeAt: null,
  });
  expect(view?.parentId).toBeUndefined();
  const { waitingFor } = await scheduler.explain(fork.id);
  expect(waitingFor).toMatchObject([{ for: 'release', detail: expect.stringContaining(`a copy of ${origin.id}`) }]);
  expect((await scheduler.list({ parentId: fork.id })).items).toEqual([]);
  expect(charges).toHaveLength(1);
  await scheduler.release(fork.id);
  expect(await fork.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 2 });
  expect(charges).toHaveLength(2);
  expect(new Set(charges).size).toBe(2);
  const { ok, steps } = await scheduler.replay(fork.id);
  expect([ok, steps.map(({ event }) => event.type)]).toEqual([
    true,
    ['carillon.forked', 'note', 'buy', 'xstate.done.actor.0.shop.paying', 'xstate.done.actor.0.shop.wrapping'],
  ]);
  expect(await scheduler.replay(origin.id)).toMatchObject({ ok: true });
  expect((await scheduler.audit({ action: 'fork' })).items).toMatchObject([
    { target: origin.id, after: { fork: fork.id, seq: 2, held: true } },
  ]);
});

test('a fork of an effect on its way has an id of its own for it, and one that is cancelled before its release never starts it', async () => {
  const keys: string[] = [];
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const slow = defineJob({
    name: 'slow',
    run: async ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      await opened;
    },
  });
  const scheduler = await schedulers.open({ definitions: [slow] });
  const origin = await scheduler.schedule(slow, undefined, { delay: 20 });
  await waitUntil(() => keys.length === 1);
  await scheduler.send(origin.id, { type: 'job.nothing' });
  await waitUntil(async () => ((await scheduler.get(origin.id))?.seq ?? 0) >= 2);
  const [cancelled, released] = [
    await scheduler.fork(origin.id, { atSeq: 2 }),
    await scheduler.fork(origin.id, { atSeq: 2 }),
  ];
  const { effects } = (await scheduler.get(released.id)) ?? { effects: [] };
  expect(effects).toEqual([{ id: `${released.id}/run`, src: 'run', running: false }]);
  await cancelled.cancel('not wanted');
  await scheduler.release(cancelled.id);
  expect(await cancelled.result({ timeout: '10s' })).toMatchObject({ status: 'cancelled', reason: 'not wanted' });
  expect(keys).toEqual([`${origin.id}/run`]);
  await scheduler.release(released.id);
  await waitUntil(() => keys.length === 2);
  open();
  expect(await released.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 1 });
  expect(await origin.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  expect(keys).toEqual([`${origin.id}/run`, `${released.id}/run`]);
  expect(await scheduler.replay(released.id)).toMatchObject({ ok: true });
});

test('any point of a long past can be forked, after most of it has left the row', async () => {
  const { charge, definition } = shop();
  const scheduler = await schedulers.open({ definitions: [charge, definition] });
  const origin = await scheduler.schedule(definition);
  for (let note = 0; note < 60; note++) await origin.send({ type: 'note' });
  await waitUntil(async () => (await scheduler.get(origin.id))?.seq === 61);
  for (const atSeq of [1, 7, 33, 61]) {
    const fork = await scheduler.fork(origin.id, { atSeq });
    expect(await scheduler.get(fork.id)).toMatchObject({ state: 'choosing', context: { notes: atSeq - 1 } });
    expect(await scheduler.replay(fork.id)).toMatchObject({ ok: true });
  }
  const again = await scheduler.fork((await scheduler.fork(origin.id, { atSeq: 5, events: [{ type: 'note' }] })).id, {
    atSeq: 2,
  });
  expect(await scheduler.get(again.id)).toMatchObject({ context: { notes: 5 } });
  expect((await scheduler.list({ label: `fork:${origin.id}` })).items).toHaveLength(5);
});

test("'start' goes on at once; an event that ends it waits for a worker, which alone may end a run", async () => {
  const { charge, definition } = shop();
  const scheduler = await schedulers.open({ definitions: [charge, definition] });
  const origin = await scheduler.schedule(definition);
  await scheduler.waitFor(origin.id, { state: 'choosing', timeout: '10s' });
  const events = [{ type: 'note' }, { type: 'leave' }, { type: 'note' }];
  const held = await scheduler.fork(origin.id, { atSeq: 1, events });
  expect(await scheduler.get(held.id)).toMatchObject({ state: 'choosing', context: { notes: 1 }, mail: 2, seq: 2 });
  const started = await scheduler.fork(origin.id, { atSeq: 1, events, effects: 'start' });
  expect(await scheduler.waitFor(started.id, { timeout: '10s' })).toMatchObject({ status: 'dropped', state: 'left' });
  expect((await scheduler.get(held.id))?.status).toBe('quarantined');
  await scheduler.release(held.id);
  expect((await held.result({ timeout: '10s' })).status).toBe('failed_dropped');
  expect(await scheduler.replay(held.id)).toMatchObject({ ok: true });
});

test('timers of a held fork stay put, and what has passed fires upon release', async () => {
  const bell = defineActor({
    name: 'bell',
    machine: setup({}).createMachine({
      initial: 'waiting',
      states: { waiting: { after: { 150: 'rung' } }, rung: { type: 'final' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [bell] });
  const origin = await scheduler.schedule(bell);
  await scheduler.waitFor(origin.id, { timeout: '10s' });
  const fork = await scheduler.fork(origin.id, { atSeq: 1 });
  expect(await scheduler.get(fork.id)).toMatchObject({ state: 'waiting', status: 'quarantined', wakeAt: null });
  const due = (await scheduler.get(fork.id))?.timers[0]?.dueAt.getTime() ?? 0;
  expect(due).toBeLessThan(Date.now());
  await scheduler.release(fork.id);
  expect(await fork.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('what cannot be forked is refused with the reason', async () => {
  const { charge, definition } = shop();
  let drawn = 0;
  const dice = defineActor({
    name: 'dice',
    machine: setup({ types: { context: {} as { n: number }, events: {} as { type: 'roll' } } }).createMachine({
      context: () => ({ n: ++drawn }),
      initial: 'on',
      states: { on: { on: { roll: {} } } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [charge, definition, dice] });
  const job = await scheduler.schedule(charge);
  await job.result({ timeout: '10s' });
  const last = (await scheduler.get(job.id))?.seq ?? 0;
  const origin = await scheduler.schedule(definition);
  await scheduler.waitFor(origin.id, { state: 'choosing', timeout: '10s' });
  const fork = (id: string, options: object) => scheduler.fork(id, options as { atSeq: number });
  await expect(fork(job.id, { atSeq: last })).rejects.toThrow(InvalidStateError);
  await expect(fork(job.id, { atSeq: last + 1 })).rejects.toThrow(`must be from 1 to ${last}`);
  await expect(fork(origin.id, { atSeq: 0 })).rejects.toThrow(InvalidOptionError);
  await expect(fork(origin.id, { atSeq: 1, effects: 'maybe' })).rejects.toThrow(InvalidOptionError);
  await expect(fork(origin.id, { atSeq: 1, events: [{ type: 'xstate.init' }] })).rejects.toThrow(InvalidInputError);
  const rolled = await scheduler.schedule(dice);
  await scheduler.waitFor(rolled.id, { state: 'on', timeout: '10s' });
  await expect(fork(rolled.id, { atSeq: 1 })).rejects.toThrow(ReplayDivergedError);
  const flow = await scheduler.scheduleFlow({ name: 'f', children: [{ key: 'a', job: charge }] });
  await flow.result({ timeout: '10s' });
  await expect(fork(flow.id, { atSeq: 1 })).rejects.toThrow(/fork one of their children/);
});
