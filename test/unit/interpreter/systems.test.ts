import { describe } from 'vitest';
import { assign, createMachine, enqueueActions, forwardTo, sendParent, sendTo, setup } from 'xstate';
import { pinger } from './pinger.ts';
import { compareAll, event } from './side-by-side.ts';

describe('systems of actors', () => {
  compareAll([
    {
      name: 'systemId: children find each other by name, also after one is replaced',
      make: () =>
        setup({
          actors: {
            worker: createMachine({
              on: { DO: { actions: sendTo(({ system }) => system.get('boss'), { type: 'DID' }) } },
            }),
            boss: createMachine({
              context: { n: 0 },
              on: {
                DID: {
                  actions: [
                    assign({ n: ({ context }) => context.n + 1 }),
                    sendParent(({ context }) => ({ type: 'TOLD', n: context.n })),
                  ],
                },
              },
            }),
          },
        }).createMachine({
          context: { told: [] as unknown[] },
          initial: 'a',
          invoke: { id: 'w', src: 'worker' },
          on: {
            DO: { actions: sendTo('w', { type: 'DO' }) },
            TOLD: { actions: assign({ told: ({ context, event }) => [...context.told, event.n] }) },
          },
          states: {
            a: { invoke: { id: 'b', src: 'boss', systemId: 'boss' }, on: { AGAIN: { target: 'a', reenter: true } } },
          },
        }),
      script: [event('DO'), event('DO'), event('AGAIN'), event('DO')],
    },
    {
      name: 'three generations, and an end that goes up through all of them',
      make: () => {
        const middle = setup({ actors: { pinger } }).createMachine({
          initial: 'a',
          states: {
            a: {
              invoke: { id: 'inner', src: 'pinger', input: { from: 100 }, onDone: 'b' },
              on: {
                PING: { actions: forwardTo('inner') },
                END: { actions: forwardTo('inner') },
                PONG: { actions: sendParent(({ event }) => event) },
              },
            },
            b: { type: 'final' },
          },
          output: 'middle done',
        });
        return setup({ actors: { middle } }).createMachine({
          context: { heard: [] as unknown[] },
          initial: 'a',
          states: {
            a: {
              invoke: {
                id: 'm',
                src: 'middle',
                onDone: {
                  target: 'b',
                  actions: assign({ heard: ({ context, event }) => [...context.heard, event.output] }),
                },
              },
              on: {
                PONG: { actions: assign({ heard: ({ context, event }) => [...context.heard, event.n] }) },
                '*': { actions: forwardTo('m') },
              },
            },
            b: {},
          },
        });
      },
      script: [event('PING'), event('PING'), event('END'), event('PING')],
    },
    {
      name: 'a child that is done in its first step',
      make: () =>
        setup({
          actors: { instant: createMachine({ initial: 'x', states: { x: { type: 'final' } }, output: 'at once' }) },
        }).createMachine({
          context: { got: '' },
          initial: 'a',
          states: {
            a: {
              invoke: {
                src: 'instant',
                onDone: { target: 'b', actions: assign({ got: ({ event }) => event.output }) },
              },
            },
            b: {},
          },
        }),
      script: [event('NOTHING')],
    },
    {
      name: 'a child stopped in the macrostep that started it',
      make: (note) =>
        setup({
          actors: { child: createMachine({ entry: [() => note('never'), sendParent({ type: 'HELLO' })] }) },
        }).createMachine({
          context: { hello: 0 },
          initial: 'a',
          on: { HELLO: { actions: assign({ hello: 1 }) } },
          states: { a: { on: { GO: 'b' } }, b: { invoke: { src: 'child' }, always: 'c' }, c: {} },
        }),
      script: [event('GO')],
    },
    {
      name: 'snapshots of a child with onSnapshot',
      make: () =>
        setup({ actors: { pinger } }).createMachine({
          context: { seen: [] as unknown[] },
          invoke: {
            id: 'p',
            src: 'pinger',
            onSnapshot: {
              actions: assign({
                seen: ({ context, event }) => [...context.seen, event.snapshot.context.n],
              }),
            },
          },
          on: { PING: { actions: sendTo('p', { type: 'PING' }) }, PONG: {} },
        }),
      script: [event('PING'), event('PING')],
    },
    {
      name: 'siblings that answer each other until one has enough',
      make: () => {
        const player = createMachine({
          context: ({ input }: { input: { peer: string } }) => ({ peer: input.peer, n: 0 }),
          on: {
            BALL: {
              guard: ({ event }) => event.left > 0,
              actions: [
                assign({ n: ({ context }) => context.n + 1 }),
                sendTo(
                  ({ system, context }) => system.get(context.peer),
                  ({ event }) => ({ type: 'BALL', left: event.left - 1 }),
                ),
              ],
            },
            ASK: { actions: sendParent(({ context }) => ({ type: 'COUNT', n: context.n })) },
          },
        });
        return setup({ actors: { player } }).createMachine({
          context: { counts: [] as number[] },
          invoke: [
            { id: 'a', systemId: 'a', src: 'player', input: { peer: 'b' } },
            { id: 'b', systemId: 'b', src: 'player', input: { peer: 'a' } },
          ],
          on: {
            GO: { actions: sendTo('a', { type: 'BALL', left: 7 }) },
            ASK: { actions: [sendTo('b', { type: 'ASK' }), sendTo('a', { type: 'ASK' })] },
            COUNT: { actions: assign({ counts: ({ context, event }) => [...context.counts, event.n] }) },
          },
        });
      },
      script: [event('GO'), event('ASK'), event('GO'), event('ASK')],
    },
    {
      name: 'a guard that reads the snapshot of a child machine',
      make: () =>
        setup({ actors: { pinger } }).createMachine({
          initial: 'a',
          invoke: { id: 'p', src: 'pinger' },
          on: { PING: { actions: sendTo('p', { type: 'PING' }) } },
          states: {
            a: { on: { CHECK: 'b' } },
            b: {
              entry: enqueueActions(({ self, enqueue }) => {
                const n = (
                  self.getSnapshot() as unknown as { children: { p: { getSnapshot(): { context: { n: number } } } } }
                ).children.p.getSnapshot().context.n;
                enqueue.emit({ type: 'read', n } as never);
              }),
            },
          },
        }),
      script: [event('PING'), event('PING'), event('CHECK')],
    },
  ]);
});
