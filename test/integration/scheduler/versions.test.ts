/** Changing a definition while actors of it are alive: who keeps its version, who moves, and who is set aside. */
import { expect, test } from 'vitest';
import { type AnyStateMachine, assign, fromPromise, setup } from 'xstate';
import {
  type AnyDefinition,
  defineActor,
  defineJob,
  fromJob,
  type Migrate,
  type Scheduler,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

interface Order {
  version?: number;
  waiting?: string;
  migrate?: Migrate;
}

/** Waits to be paid. `waiting`: what that state is called. */
function order({ version = 1, waiting = 'waiting', migrate }: Order = {}) {
  return defineActor({
    name: 'order',
    version,
    ...(migrate && { migrate }),
    machine: setup({
      types: { context: {} as { notes: string[] }, events: {} as { type: 'note' } | { type: 'pay' } },
      actions: { note: assign({ notes: ({ context }) => [...context.notes, `v${version}`] }) },
    }).createMachine({
      id: 'order',
      context: { notes: [] },
      initial: waiting,
      states: {
        [waiting]: { on: { note: { actions: 'note' }, pay: 'paid' }, after: { 3_600_000: 'late' } },
        paid: { type: 'final', output: ({ context }: { context: { notes: string[] } }) => context.notes },
        late: { type: 'final', tags: 'dropped' },
      },
      output: ({ event }: { event: { output?: unknown } }) => event.output,
    } as never) as unknown as AnyStateMachine,
  });
}

function open(...definitions: AnyDefinition[]): Promise<Scheduler> {
  return schedulers.open({ definitions, sweepInterval: 50 });
}

/** One that waits, made by a worker that is gone. */
async function left(definition: AnyDefinition): Promise<string> {
  const scheduler = await open(definition);
  const { id } = await scheduler.schedule(definition);
  await scheduler.send(id, { type: 'note' });
  await waitUntil(async () => (await scheduler.get(id))?.seq === 2);
  await scheduler.stop();
  return id;
}

async function quarantined(scheduler: Scheduler, id: string): Promise<string> {
  return waitUntil(async () => {
    const view = await scheduler.get(id);
    return view?.status === 'quarantined' && view.reason;
  });
}

const renames: Migrate = ({ snapshot, timers }) => ({
  snapshot: { value: 'pending', context: (snapshot as { context: unknown }).context },
  timers: timers.map((timer) => ({ ...timer, event: { type: 'xstate.after.3600000.order.pending' } })),
});

test('an actor keeps its version while a worker knows it, and new ones begin with the newest', async () => {
  const scheduler = await open(order(), order({ version: 2 }));
  const old = await scheduler.schedule('order');
  expect((await scheduler.get(old.id))?.version).toBe(2);
  await scheduler.stop();
  const id = await left(order());
  const both = await open(order(), order({ version: 2, migrate: renames }));
  await both.send(id, { type: 'note' });
  await both.send(id, { type: 'pay' });
  const view = await both.waitFor(id, { timeout: '10s' });
  expect(view).toMatchObject({ version: 1, record: { output: ['v1', 'v1'] } });
});

test('migrate() moves an actor when it is next due, as one step of its journal, and replay stays exact', async () => {
  const id = await left(order());
  const next = order({ version: 2, waiting: 'pending', migrate: renames });
  const scheduler = await open(next);
  expect(await scheduler.get(id)).toMatchObject({ version: 1, state: 'waiting' });
  await scheduler.send(id, { type: 'note' });
  await scheduler.waitFor(id, { state: 'pending', timeout: '10s' });
  const view = await waitUntil(async () => {
    const found = await scheduler.get(id);
    return found?.seq === 4 && found;
  });
  expect(view).toMatchObject({
    version: 2,
    state: 'pending',
    context: { notes: ['v1', 'v2'] },
    timers: [{ event: 'xstate.after.3600000.order.pending' }],
  });
  expect((await scheduler.history(id)).map(({ event, state }) => [event.type, state])).toEqual([
    ['xstate.init', 'waiting'],
    ['note', 'waiting'],
    ['carillon.migrated', 'pending'],
    ['note', 'pending'],
  ]);
  expect((await scheduler.history(id))[2]?.event).toEqual({ type: 'carillon.migrated', from: 1, to: 2 });
  const unknown = await scheduler.replay(id);
  expect(unknown).toMatchObject({ ok: true });
  expect(unknown.steps.map(({ context }) => context)).toEqual([
    undefined,
    undefined,
    { notes: ['v1'] },
    { notes: ['v1', 'v2'] },
  ]);
  await scheduler.stop();
  const both = await open(order(), next);
  const { ok, steps } = await both.replay(id);
  expect([ok, steps[0]?.context, steps[1]?.context]).toEqual([true, { notes: [] }, { notes: ['v1'] }]);
  await both.send(id, { type: 'pay' });
  expect(await both.waitFor(id, { timeout: '10s' })).toMatchObject({ version: 2, record: { output: ['v1', 'v2'] } });
  expect(await both.replay(id)).toMatchObject({ ok: true });
});

test('without migrate() what fits the new machine goes on as it is', async () => {
  const id = await left(order());
  const scheduler = await open(order({ version: 3 }));
  await scheduler.send(id, { type: 'note' });
  await scheduler.send(id, { type: 'pay' });
  const view = await scheduler.waitFor(id, { timeout: '10s' });
  expect(view).toMatchObject({ version: 3, record: { output: ['v1', 'v3'] } });
  expect(await scheduler.replay(id)).toMatchObject({ ok: true });
});

test('a state that is gone sets the actor aside unchanged, and a mended version goes on after a release', async () => {
  const id = await left(order());
  const scheduler = await open(order({ version: 2, waiting: 'pending' }));
  await scheduler.send(id, { type: 'note' });
  expect(await quarantined(scheduler, id)).toMatch(/'waiting'/);
  expect(await scheduler.get(id)).toMatchObject({ version: 1, state: 'waiting', mail: 1, seq: 2 });
  expect((await scheduler.explain(id)).waitingFor).toMatchObject([{ for: 'release' }]);
  await scheduler.release(id);
  expect(await quarantined(scheduler, id)).toMatch(/'waiting'/);
  await scheduler.stop();
  const mended = await open(order({ version: 2 }));
  await mended.release(id);
  await mended.send(id, { type: 'pay' });
  expect(await mended.waitFor(id, { timeout: '10s' })).toMatchObject({ version: 2, record: { output: ['v1', 'v2'] } });
});

test('an actor set aside by a newer version goes back to a worker of its own version', async () => {
  const id = await left(order());
  const scheduler = await open(order({ version: 2, waiting: 'pending' }));
  await scheduler.send(id, { type: 'note' });
  await quarantined(scheduler, id);
  await scheduler.stop();
  const old = await open(order());
  await old.release(id);
  await old.send(id, { type: 'pay' });
  expect(await old.waitFor(id, { timeout: '10s' })).toMatchObject({ version: 1, record: { output: ['v1', 'v1'] } });
});

test('a migrate() that throws sets the actor aside with the reason', async () => {
  const id = await left(order());
  const migrate: Migrate = () => {
    throw new Error('no plan');
  };
  const scheduler = await open(order({ version: 2, migrate }));
  await scheduler.send(id, { type: 'note' });
  expect(await quarantined(scheduler, id)).toBe('migrate() of order version 2 failed on version 1: no plan');
  expect(await scheduler.get(id)).toMatchObject({ version: 1, state: 'waiting', mail: 1 });
});

test('a newer worker leaves actors of an older version to a living worker that knows it', async () => {
  const old = await open(order());
  const { id } = await old.schedule('order');
  await old.waitFor(id, { state: 'waiting', timeout: '10s' });
  const next = await open(order({ version: 2, migrate: renames, waiting: 'pending' }));
  for (let note = 1; note <= 20; note++) await next.send(id, { type: 'note' });
  await waitUntil(async () => (await old.get(id))?.seq === 21);
  expect(await old.get(id)).toMatchObject({ version: 1, state: 'waiting' });
  await old.stop();
  await next.send(id, { type: 'note' });
  await next.waitFor(id, { state: 'pending', timeout: '10s' });
  expect((await next.get(id))?.version).toBe(2);
});

test('no actor goes back to an older version: it waits, and says for what', async () => {
  const id = await left(order({ version: 2 }));
  const old = await open(order());
  await old.send(id, { type: 'note' });
  const { waitingFor } = await old.explain(id);
  expect(waitingFor.find((waiting) => waiting.for === 'definition')?.detail).toMatch(
    /No living worker has code for order version 2.*version 1.*no actor goes back/i,
  );
  expect(await old.get(id)).toMatchObject({ version: 2, status: 'active', mail: 1 });
});

test('explain() says who will take an actor over that is not due yet', async () => {
  const id = await left(order());
  const next = await open(order({ version: 2 }));
  const { waitingFor } = await next.explain(id);
  expect(waitingFor.find((waiting) => waiting.for === 'definition')?.detail).toMatch(/Version 2 takes it over/);
});

test('a job of a version that is gone goes on with the newest, before its start and between its attempts', async () => {
  const stored: (number | undefined)[] = [];
  const make = (version: number, fails: boolean) =>
    defineJob<undefined, string>({
      name: 'report',
      version,
      retry: { backoff: { base: '1s', jitter: 0 } },
      run: async ({ id }) => {
        if (fails) throw new Error('not this version');
        stored.push((await next.get(id))?.version);
        return `by version ${version}`;
      },
    });
  const first = await open(make(1, true));
  const [failing, waiting] = [
    await first.schedule('report'),
    await first.schedule('report', undefined, { delay: '1s' }),
  ];
  await first.waitFor(failing.id, { state: 'retrying', timeout: '10s' });
  await first.stop();
  const next: Scheduler = await open(make(2, false));
  for (const { id } of [failing, waiting]) {
    const view = await next.waitFor(id, { timeout: '10s' });
    expect(view).toMatchObject({ version: 2, record: { status: 'success', output: 'by version 2' } });
    expect(await next.replay(id)).toMatchObject({ ok: true });
  }
  expect((await next.get(failing.id))?.record?.attempts).toBe(2);
  // Whoever looks while it runs, or after its worker died, sees by which version it started.
  expect(stored).toEqual([2, 2]);
});

test('a dropped run that is retried under a newer version begins there, and its past before stays as it was', async () => {
  const make = (version: number, fails: boolean) =>
    defineJob<undefined, number>({
      name: 'count',
      version,
      retry: { maxRetries: 0 },
      run: () => {
        if (fails) throw new Error('never');
        return version;
      },
    });
  const first = await open(make(1, true));
  const { id } = await first.schedule('count');
  expect((await first.waitFor(id, { timeout: '10s' })).status).toBe('dropped');
  await first.stop();
  const next = await open(make(2, false));
  await next.retry(id);
  const view = await waitUntil(async () => {
    const found = await next.get(id);
    return found?.status === 'done' && found;
  });
  expect(view).toMatchObject({ version: 2, record: { output: 2 } });
  expect(await next.replay(id)).toMatchObject({ ok: true });
});

test('what a machine handed to an actor of its own goes on through a migration', async () => {
  const pay = defineJob({ name: 'pay', queue: 'bank', run: () => 'paid' });
  const shop = (version: number) =>
    defineActor({
      name: 'shop',
      version,
      machine: setup({ actors: { pay: fromJob(pay), think: fromPromise(async () => 1) } }).createMachine({
        initial: 'paying',
        states: {
          paying: { invoke: { id: 'payment', src: 'pay', onDone: 'paid' }, on: { hurry: {} } },
          paid: { type: 'final' },
        },
      }),
    });
  const first = await open(shop(1), pay);
  await first.pauseQueue('bank');
  const { id } = await first.schedule('shop');
  await first.waitFor(id, { state: 'paying', timeout: '10s' });
  await first.stop();
  const next = await open(shop(2), pay);
  await next.send(id, { type: 'hurry' });
  await waitUntil(async () => (await next.get(id))?.version === 2);
  await next.resumeQueue('bank');
  expect(await next.waitFor(id, { timeout: '10s' })).toMatchObject({ status: 'done', version: 2 });
});

test('an attempt that an old worker handed back is made by the newer version, under the same key and number', async () => {
  const made: string[] = [];
  const make = (version: number) =>
    defineJob<undefined, number>({
      name: 'slow',
      version,
      run: async ({ attempt, idempotencyKey, signal }) => {
        made.push(`${idempotencyKey} ${attempt}`);
        if (version === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return version;
      },
    });
  const first = await open(make(1));
  const { id } = await first.schedule('slow');
  await waitUntil(() => made.length === 1);
  await first.stop({ timeout: 0 });
  const next = await open(make(2));
  expect(await next.waitFor(id, { timeout: '10s' })).toMatchObject({ version: 2, record: { output: 2, attempts: 1 } });
  expect(made).toEqual([`${id}/run 1`, `${id}/run 1`]);
  expect(await next.replay(id)).toMatchObject({ ok: true });
});
