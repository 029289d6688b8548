/** What machines invoke and spawn: promises and other machines, durable with the actor that owns them. */
import { expect, test } from 'vitest';
import { assign, fromPromise, sendTo, setup } from 'xstate';
import { defineActor } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

test('an invoked promise gets its input, is shown while it runs, and its output moves the machine', async () => {
  const hold = deferred();
  const order = defineActor({
    name: 'order',
    machine: setup({
      types: { context: {} as { receipt: string | null } },
      actors: {
        charge: fromPromise<string, { amount: number }>(async ({ input }) => {
          await hold.promise;
          return `paid ${input.amount}`;
        }),
      },
    }).createMachine({
      context: { receipt: null },
      initial: 'charging',
      states: {
        charging: {
          invoke: {
            src: 'charge',
            input: { amount: 5 },
            onDone: { target: 'paid', actions: assign({ receipt: ({ event }) => event.output }) },
          },
        },
        paid: { type: 'final' },
      },
      output: ({ context }) => context.receipt,
    }),
  });
  const scheduler = await schedulers.open({ definitions: [order] });
  const handle = await scheduler.schedule(order);
  const view = await waitUntil(async () => {
    const found = await scheduler.get(handle.id);
    return found?.effects[0]?.running && found;
  });
  expect(view).toMatchObject({ state: 'charging', effects: [{ src: 'charge', running: true }] });
  expect((await scheduler.explain(handle.id)).waitingFor).toMatchObject([{ for: 'effect' }]);
  hold.resolve();
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 'paid 5' });
});

test('several invokes of one state run side by side, and each result counts', async () => {
  const both = { left: deferred<number>(), right: deferred<number>() };
  const parallel = defineActor({
    name: 'parallel',
    machine: setup({
      types: { context: {} as { results: number[] } },
      actors: { left: fromPromise(() => both.left.promise), right: fromPromise(() => both.right.promise) },
      guards: { complete: ({ context }) => context.results.length === 2 },
    }).createMachine({
      context: { results: [] },
      initial: 'working',
      states: {
        working: {
          invoke: (['left', 'right'] as const).map((src) => ({
            src,
            onDone: { actions: assign({ results: ({ context, event }) => [...context.results, event.output] }) },
          })),
          always: { guard: 'complete', target: 'done' },
        },
        done: { type: 'final' },
      },
      output: ({ context }) => context.results,
    }),
  });
  const scheduler = await schedulers.open({ definitions: [parallel] });
  const handle = await scheduler.schedule(parallel);
  await waitUntil(async () => (await scheduler.get(handle.id))?.effects.length === 2);
  both.right.resolve(2);
  await waitUntil(async () => (await scheduler.get(handle.id))?.effects.length === 1);
  both.left.resolve(1);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: [2, 1] });
});

test('a promise whose failure is handled moves the machine on', async () => {
  const fallback = defineActor({
    name: 'fallback',
    machine: setup({
      actors: { fail: fromPromise(() => Promise.reject(Object.assign(new Error('no'), { code: 'E_NO' }))) },
      types: { context: {} as { error: { code: string } | null } },
    }).createMachine({
      context: { error: null },
      initial: 'trying',
      states: {
        trying: {
          invoke: {
            src: 'fail',
            onError: { target: 'gaveUp', actions: assign({ error: ({ event }) => event.error as { code: string } }) },
          },
        },
        gaveUp: { type: 'final' },
      },
      output: ({ context }) => ({ code: context.error?.code }),
    }),
  });
  const scheduler = await schedulers.open({ definitions: [fallback] });
  expect(await (await scheduler.schedule(fallback)).result({ timeout: '10s' })).toMatchObject({
    status: 'success',
    output: { code: 'E_NO' },
  });
});

test('a child error that nobody handles settles as failed_dropped with that error', async () => {
  const doomed = defineActor({
    name: 'doomed',
    machine: setup({ actors: { fail: fromPromise(() => Promise.reject(new TypeError('broken'))) } }).createMachine({
      initial: 'trying',
      states: { trying: { invoke: { src: 'fail' } } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [doomed] });
  expect(await (await scheduler.schedule(doomed)).result({ timeout: '10s' })).toMatchObject({
    status: 'failed_dropped',
    error: { name: 'TypeError', message: 'broken' },
  });
});

test.each([
  [
    'a class instance',
    new (class Odd {
      readonly n = 1n;
    })(),
  ],
  ['a function', () => 1],
  ['nothing', undefined],
])('a promise that rejects with %s is an error like any other', async (_, thrown) => {
  const odd = defineActor({
    name: 'odd',
    machine: setup({ actors: { fail: fromPromise(() => Promise.reject(thrown)) } }).createMachine({
      initial: 'trying',
      states: { trying: { invoke: { src: 'fail', onError: 'gaveUp' } }, gaveUp: { type: 'final' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [odd] });
  expect(await (await scheduler.schedule(odd)).result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('leaving the state that invoked a promise aborts its signal', async () => {
  const aborted = deferred();
  const impatient = defineActor({
    name: 'impatient',
    machine: setup({
      actors: {
        slow: fromPromise(({ signal }) => new Promise(() => signal.addEventListener('abort', () => aborted.resolve()))),
      },
    }).createMachine({
      initial: 'waiting',
      states: { waiting: { invoke: { src: 'slow' }, after: { 60: 'late' } }, late: { type: 'final' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [impatient] });
  const handle = await scheduler.schedule(impatient);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  await aborted.promise;
});

test('cancelling a machine aborts what it runs', async () => {
  const aborted = deferred();
  const running = deferred();
  const endless = defineActor({
    name: 'endless',
    machine: setup({
      actors: {
        run: fromPromise(({ signal }) => {
          running.resolve();
          return new Promise(() => signal.addEventListener('abort', () => aborted.resolve()));
        }),
      },
    }).createMachine({ initial: 'on', states: { on: { invoke: { src: 'run' } } } }),
  });
  const scheduler = await schedulers.open({ definitions: [endless] });
  const handle = await scheduler.schedule(endless);
  await running.promise;
  await handle.cancel('enough');
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'cancelled', reason: 'enough' });
  await aborted.promise;
});

const counter = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'up' }, input: {} as { limit: number } },
}).createMachine({
  context: { count: 0 },
  initial: 'counting',
  states: {
    counting: {
      on: { up: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
      always: { guard: ({ context }) => context.count >= 3, target: 'full' },
    },
    full: { type: 'final' },
  },
  output: ({ context }) => context.count,
});

test('spawned children live in the row of their parent, survive a restart, and report to it', async () => {
  const family = defineActor({
    name: 'family',
    machine: setup({
      types: { context: {} as { finished: number }, events: {} as { type: 'up'; id: string } },
      actors: { counter },
    }).createMachine({
      context: { finished: 0 },
      initial: 'raising',
      states: {
        raising: {
          on: {
            up: { actions: sendTo(({ event, system }) => system.get(event.id), { type: 'up' }) },
            'xstate.done.actor.*': { actions: assign({ finished: ({ context }) => context.finished + 1 }) },
          },
          entry: [
            assign(({ spawn }) => {
              for (const id of ['a', 'b']) spawn('counter', { id, systemId: id, input: { limit: 3 } });
              return {};
            }),
          ],
          always: { guard: ({ context }) => context.finished === 2, target: 'done' },
        },
        done: { type: 'final' },
      },
      output: ({ context }) => context.finished,
    }),
  });
  const first = await schedulers.open({ definitions: [family] });
  const { id } = await first.schedule(family);
  for (let n = 0; n < 2; n += 1) for (const child of ['a', 'b']) await first.send(id, { type: 'up', id: child });
  await waitUntil(async () => (await first.get(id))?.seq === 5);
  await first.stop();
  const second = await schedulers.open({ definitions: [family] });
  for (const child of ['a', 'b']) await second.send(id, { type: 'up', id: child });
  expect(await second.getHandle(id, family).result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 2 });
});

test('a promise under way when its worker stops is started again elsewhere', async () => {
  const starts: number[] = [];
  const running = deferred();
  const restarted = defineActor({
    name: 'restarted',
    machine: setup({
      actors: {
        work: fromPromise(() => {
          starts.push(starts.length);
          running.resolve();
          return starts.length === 1 ? new Promise<string>(() => undefined) : Promise.resolve('second time');
        }),
      },
    }).createMachine({
      initial: 'working',
      states: {
        working: { invoke: { src: 'work', onDone: 'done' } },
        done: { type: 'final', output: ({ event }) => (event as unknown as { output: unknown }).output },
      },
      output: ({ event }) => (event as unknown as { output: unknown }).output,
    }),
  });
  const first = await schedulers.open({ definitions: [restarted] });
  const { id } = await first.schedule(restarted);
  await running.promise;
  await first.stop({ timeout: 20 });
  const second = await schedulers.open({ definitions: [restarted] });
  expect(await second.getHandle(id, restarted).result({ timeout: '10s' })).toMatchObject({ output: 'second time' });
  expect(starts).toHaveLength(2);
});
