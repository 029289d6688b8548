import { describe } from 'vitest';
import { and, assign, createMachine, not, or, setup, stateIn } from 'xstate';
import { compareAll, event } from './side-by-side.ts';

describe('states', () => {
  compareAll([
    {
      name: 'nested states with entry and exit in order',
      make: (note) =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              initial: 'x',
              entry: () => note('enter a'),
              exit: () => note('exit a'),
              states: { x: { exit: () => note('exit x'), on: { NEXT: 'y' } }, y: { entry: () => note('enter y') } },
              on: { OUT: 'b', INNER: '.x' },
            },
            b: {
              initial: 'deep',
              states: { deep: { initial: 'deeper', states: { deeper: {} } } },
              on: { BACK: 'a.y' },
            },
          },
        }),
      script: [event('NEXT'), event('INNER'), event('NEXT'), event('OUT'), event('BACK'), event('UNKNOWN')],
    },
    {
      name: 'parallel regions, onDone of all and of one',
      make: (note) =>
        createMachine({
          type: 'parallel',
          states: {
            left: {
              initial: 'a',
              states: { a: { on: { L: 'b' } }, b: { type: 'final' } },
              onDone: { actions: () => note('left') },
            },
            right: {
              initial: 'a',
              states: { a: { on: { R: 'b', L: { actions: () => note('r saw') } } }, b: { type: 'final' } },
            },
          },
          output: ({ event }) => ({ event: event.type }),
        }),
      script: [event('L'), event('R')],
    },
    {
      name: 'shallow and deep history',
      make: () =>
        createMachine({
          initial: 'work',
          states: {
            work: {
              initial: 'one',
              states: {
                one: { initial: 'p', states: { p: { on: { GO: 'q' } }, q: { on: { GO: '#two' } } } },
                two: { id: 'two', initial: 'p', states: { p: { on: { GO: 'q' } }, q: {} } },
                shallow: { type: 'history' },
                deep: { type: 'history', history: 'deep' },
              },
              on: { LEAVE: 'away' },
            },
            away: { on: { SHALLOW: 'work.shallow', DEEP: 'work.deep' } },
          },
        }),
      script: [
        event('GO'),
        event('LEAVE'),
        event('DEEP'),
        event('GO'),
        event('GO'),
        event('LEAVE'),
        event('SHALLOW'),
        event('GO'),
        event('LEAVE'),
        event('DEEP'),
      ],
    },
    {
      name: 'history of a parallel state, and a default target',
      make: () =>
        createMachine({
          initial: 'away',
          states: {
            away: { on: { IN: 'both.memory' } },
            both: {
              type: 'parallel',
              on: { OUT: 'away' },
              states: {
                a: { initial: 'x', states: { x: { on: { A: 'y' } }, y: { on: { A: 'z' } }, z: {} } },
                b: { initial: 'x', states: { x: { on: { B: 'y' } }, y: {} } },
                memory: { type: 'history', history: 'deep' },
              },
            },
          },
        }),
      script: [event('IN'), event('A'), event('B'), event('OUT'), event('IN'), event('A'), event('OUT'), event('IN')],
    },
    {
      name: 'final states, onDone with output, machine output',
      make: () =>
        createMachine({
          context: ({ input }: { input: { n: number } }) => ({ n: input.n, from: '' }),
          initial: 'work',
          states: {
            work: {
              initial: 'a',
              states: { a: { on: { F: 'end' } }, end: { type: 'final', output: ({ context }) => context.n + 1 } },
              onDone: { target: 'last', actions: assign({ from: ({ event }) => String(event.output) }) },
            },
            last: { on: { END: 'over' } },
            over: { type: 'final', output: { done: true } },
          },
          output: ({ context, event }) => ({ ...context, last: event.output }),
        }),
      input: { n: 41 },
      script: [event('F'), event('END'), event('END')],
    },
    {
      name: 'always with guards, in a chain',
      make: () =>
        setup({
          types: { context: {} as { n: number }, events: {} as { type: 'ADD'; by: number } },
          guards: {
            big: ({ context }) => context.n > 5,
            even: ({ context }, params: { of: number }) => context.n % params.of === 0,
          },
        }).createMachine({
          context: { n: 0 },
          initial: 'low',
          on: { ADD: { actions: assign({ n: ({ context, event }) => context.n + event.by }) } },
          states: {
            low: { always: { guard: 'big', target: 'high' } },
            high: { always: [{ guard: { type: 'even', params: { of: 2 } }, target: 'even' }, { target: 'odd' }] },
            even: { tags: 'pair' },
            odd: {
              tags: ['single', 'lonely'],
              always: {
                guard: and(['big', not({ type: 'even', params: { of: 7 } })]),
                target: 'low',
                actions: assign({ n: 0 }),
              },
            },
          },
        }),
      script: [event('ADD', { by: 3 }), event('ADD', { by: 4 }), event('ADD', { by: 9 })],
    },
    {
      name: 'guards over other regions with stateIn, and, or, not',
      make: () =>
        createMachine({
          type: 'parallel',
          states: {
            a: { initial: 'off', states: { off: { on: { A: 'on' } }, on: { id: 'aOn' } } },
            b: {
              initial: 'off',
              states: {
                off: { on: { B: [{ guard: or([stateIn({ a: 'on' }), () => false]), target: 'on' }] } },
                on: { always: { guard: and([stateIn('#aOn'), not(stateIn({ c: 'on' }))]), target: 'sure' } },
                sure: {},
              },
            },
            c: { initial: 'off', states: { off: { on: { C: 'on' } }, on: {} } },
          },
        }),
      script: [event('B'), event('A'), event('B'), event('C')],
    },
    {
      name: 'reentering and not reentering self transitions',
      make: (note) =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              entry: () => note('enter'),
              exit: () => note('exit'),
              initial: 'x',
              states: { x: { on: { DOWN: 'y' } }, y: {} },
              on: { SELF: 'a', AGAIN: { target: 'a', reenter: true }, STAY: { actions: () => note('stay') } },
            },
          },
        }),
      script: [event('DOWN'), event('SELF'), event('DOWN'), event('AGAIN'), event('DOWN'), event('STAY')],
    },
    {
      name: 'wildcards, partial wildcards and forbidden transitions',
      make: () =>
        createMachine({
          context: { seen: [] as string[] },
          initial: 'a',
          on: { '*': { actions: assign({ seen: ({ context, event }) => [...context.seen, `root ${event.type}`] }) } },
          states: {
            a: {
              on: {
                'user.*': {
                  actions: assign({ seen: ({ context, event }) => [...context.seen, `user ${event.type}`] }),
                },
                'user.login': 'b',
                QUIET: undefined,
              },
            },
            b: {},
          },
        }),
      script: [
        event('user.name'),
        event('user'),
        event('QUIET'),
        event('other'),
        event('user.login'),
        event('user.name'),
      ],
    },
    {
      name: 'tags and state metadata',
      make: () =>
        createMachine({
          initial: 'a',
          states: {
            a: { tags: ['busy', 'red'], on: { N: 'b' } },
            b: { tags: 'green', initial: 'c', states: { c: { tags: 'blue' } } },
          },
        }),
      script: [event('N')],
    },
    {
      name: 'states whose names are numbers, and ids with dots',
      make: () =>
        createMachine({
          id: 'my.machine',
          initial: 'b',
          states: { b: { on: { N: '2' } }, '2': { on: { N: '1' } }, '1': { id: 'dotted.id', on: { N: 'b' } } },
        }),
      script: [event('N'), event('N'), event('N')],
    },
    {
      name: 'a route to a state by id',
      make: () =>
        createMachine({
          initial: 'a',
          states: { a: { id: 'a' }, b: { id: 'b', route: {} }, c: { id: 'c', route: { guard: () => false } } },
        }),
      script: [event('xstate.route', { to: '#c' }), event('xstate.route', { to: '#b' })],
    },
  ]);
});
