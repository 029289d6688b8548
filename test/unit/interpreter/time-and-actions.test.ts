import { describe } from 'vitest';
import { assign, cancel, createMachine, emit, enqueueActions, log, raise, sendParent, sendTo, setup } from 'xstate';
import { after, compareAll, event } from './side-by-side.ts';

describe('time', () => {
  compareAll([
    {
      name: 'after, with numbers, names, functions and guards',
      make: () =>
        setup({
          types: { context: {} as { wait: number } },
          delays: { short: 10, computed: ({ context }) => context.wait * 2 },
        }).createMachine({
          context: { wait: 25 },
          initial: 'a',
          states: {
            a: { after: { short: 'b' } },
            b: { after: { computed: { target: 'c', actions: assign({ wait: 1 }) }, 1000: 'never' } },
            c: { after: { 5: [{ guard: () => false, target: 'never' }, { target: 'a' }] }, on: { STOP: 'never' } },
            never: {},
          },
        }),
      script: [
        after(9),
        after(1),
        after(49),
        after(1),
        after(5),
        after(10),
        after(1),
        after(1),
        event('STOP'),
        after(5000),
      ],
    },
    {
      name: 'leaving a state cancels its timers; entering again starts them over',
      make: () =>
        createMachine({
          initial: 'a',
          states: { a: { after: { 100: 'late' }, on: { OUT: 'b' } }, b: { on: { IN: 'a' } }, late: {} },
        }),
      script: [after(60), event('OUT'), after(60), event('IN'), after(60), after(40)],
    },
    {
      name: 'delayed raise and cancel',
      make: () =>
        createMachine({
          context: { heard: [] as string[] },
          entry: [
            raise({ type: 'LATER' }, { delay: 100, id: 'x' }),
            raise({ type: 'SOON' }, { delay: 10 }),
            raise({ type: 'NOW' }),
          ],
          on: {
            CANCEL: { actions: cancel('x') },
            '*': { actions: assign({ heard: ({ context, event }) => [...context.heard, event.type] }) },
          },
        }),
      script: [after(10), event('CANCEL'), after(200)],
    },
    {
      name: 'a delay from the event, and a delayed event with data',
      make: () =>
        setup({
          types: {
            context: {} as { got: unknown },
            events: {} as { type: 'ASK'; n: number; ms: number } | { type: 'GOT'; n: number; at: object },
          },
        }).createMachine({
          context: { got: null },
          on: {
            ASK: {
              actions: raise(({ event }) => ({ type: 'GOT', n: event.n, at: { deep: [1] } }), {
                delay: ({ event }) => event.ms,
              }),
            },
            GOT: { actions: assign({ got: ({ event }) => event }) },
          },
        }),
      script: [event('ASK', { n: 7, ms: 30 }), after(29), after(1)],
    },
    {
      name: 'delayed sendTo a child, which ends before it arrives',
      make: () =>
        setup({
          actors: {
            child: createMachine({
              context: { n: 0 },
              on: {
                TICK: { actions: [assign({ n: ({ context }) => context.n + 1 }), sendParent({ type: 'TOCK' })] },
                END: '.x',
              },
              initial: 'w',
              states: { w: {}, x: { type: 'final' } },
            }),
          },
        }).createMachine({
          context: { tocks: 0 },
          invoke: { id: 'c', src: 'child' },
          entry: [sendTo('c', { type: 'TICK' }, { delay: 10 }), sendTo('c', { type: 'TICK' }, { delay: 50 })],
          on: {
            TOCK: { actions: assign({ tocks: ({ context }) => context.tocks + 1 }) },
            KILL: { actions: sendTo('c', { type: 'END' }) },
          },
        }),
      script: [after(20), event('KILL'), after(100)],
    },
  ]);
});

describe('actions', () => {
  compareAll([
    {
      name: 'custom actions with params, in order, with log between them',
      make: (note) =>
        setup({
          types: { context: {} as { n: number } },
          actions: {
            say: (_, params: { text: string }) => note(params.text),
            count: ({ context }) => note(`n=${context.n}`),
          },
        }).createMachine({
          context: { n: 1 },
          entry: [{ type: 'say', params: { text: 'hello' } }, log('between'), 'count'],
          on: {
            GO: {
              actions: [
                assign({ n: ({ context }) => context.n + 1 }),
                { type: 'say', params: ({ context, event }) => ({ text: `${event.type} ${context.n}` }) },
                assign({ n: 10 }),
                'count',
                ({ event }) => note(`inline ${event.type}`),
              ],
            },
          },
        }),
      script: [event('GO'), event('GO')],
    },
    {
      name: 'raise, in chains and from entry actions',
      make: (note) =>
        createMachine({
          initial: 'a',
          states: {
            a: { on: { GO: { target: 'b', actions: [raise({ type: 'ONE' }), raise({ type: 'TWO' })] } } },
            b: { entry: raise({ type: 'ZERO' }), on: { ONE: 'c', ZERO: { actions: () => note('zero') } } },
            c: { on: { TWO: { target: 'a', actions: () => note('two') } } },
          },
        }),
      script: [event('GO'), event('GO')],
    },
    {
      name: 'emit, with data',
      make: () =>
        createMachine({
          context: { n: 1 },
          entry: emit({ type: 'born' }),
          on: {
            GO: {
              actions: [
                assign({ n: 2 }),
                emit(({ context }) => ({ type: 'went', n: context.n })),
                emit({ type: 'then' }),
              ],
            },
          },
        }),
      script: [event('GO'), event('GO')],
    },
    {
      name: 'enqueueActions with check, raise, assign, emit and parameters',
      make: (note) =>
        setup({
          types: { context: {} as { n: number } },
          actions: {
            step: enqueueActions(({ enqueue, check, context }, params: { by: number }) => {
              enqueue.assign({ n: context.n + params.by });
              if (check(() => context.n > 0)) enqueue(() => note('was positive'));
              enqueue.raise({ type: 'STEPPED' });
              enqueue.emit({ type: 'stepped', by: params.by } as never);
            }),
          },
        }).createMachine({
          context: { n: 0 },
          on: { GO: { actions: { type: 'step', params: { by: 2 } } }, STEPPED: { actions: () => note('stepped') } },
        }),
      script: [event('GO'), event('GO')],
    },
    {
      name: 'sendTo itself and an event expression',
      make: () =>
        createMachine({
          context: { heard: 0 },
          on: {
            GO: {
              actions: sendTo(
                ({ self }) => self,
                ({ context }) => ({ type: 'BACK', n: context.heard }),
              ),
            },
            BACK: { actions: assign({ heard: ({ event }) => event.n + 1 }) },
          },
        }),
      script: [event('GO'), event('GO')],
    },
  ]);
});
