import { describe } from 'vitest';
import {
  type AnyActorRef,
  assign,
  createMachine,
  enqueueActions,
  forwardTo,
  fromTransition,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { pinger } from './pinger.ts';
import { after, compareAll, event } from './side-by-side.ts';

const counter = fromTransition(
  (state: { n: number }, event: { type: string }, { self }) => {
    if (event.type === 'REPORT') self._parent?.send({ type: 'REPORTED', n: state.n });
    return event.type === 'INC' ? { n: state.n + 1 } : state;
  },
  ({ input }: { input: { from: number } }) => ({ n: input.from }),
);

describe('actors', () => {
  compareAll([
    {
      name: 'an invoked promise, resolved and rejected',
      make: (_note, promises) =>
        setup({ actors: { work: promises.logic() } }).createMachine({
          context: { got: null },
          initial: 'idle',
          states: {
            idle: { on: { GO: 'busy' } },
            busy: {
              invoke: {
                id: 'w',
                src: 'work',
                input: { n: 1 },
                onDone: { target: 'idle', actions: assign({ got: ({ event }) => event.output }) },
                onError: { target: 'failed', actions: assign({ got: ({ event }) => event.error }) },
              },
              on: { GIVE_UP: 'idle' },
            },
            failed: { on: { GO: 'busy' } },
          },
        }),
      script: [
        event('GO'),
        { resolve: 'w', with: { a: [1, 2] } },
        event('GO'),
        { reject: 'w', with: { reason: 'no' } },
        event('GO'),
        event('GIVE_UP'),
        event('GO'),
        { resolve: 'w', with: 'second' },
      ],
    },
    {
      name: 'several invokes of one state, one of them without an id',
      make: (_note, promises) =>
        setup({ actors: { work: promises.logic() } }).createMachine({
          id: 'm',
          context: { got: [] as unknown[] },
          initial: 'busy',
          states: {
            busy: {
              invoke: [
                {
                  id: 'one',
                  src: 'work',
                  onDone: {
                    actions: assign({ got: ({ context, event }) => [...context.got, event.output] }),
                  },
                },
                { src: 'work', onDone: 'over' },
              ],
            },
            over: { type: 'final' },
          },
          output: ({ context }) => context,
        }),
      script: [
        { resolve: 'one', with: 1 },
        { resolve: '1.m.busy', with: 2 },
      ],
    },
    {
      name: 'an unhandled failure of a child, which ends the machine in error',
      make: (_note, promises) =>
        setup({ actors: { work: promises.logic() } }).createMachine({
          initial: 'busy',
          states: { busy: { invoke: { id: 'w', src: 'work', onDone: 'ok' }, after: { 10: 'ok' } }, ok: {} },
        }),
      script: [{ reject: 'w', with: { reason: 'no' } }, after(20)],
    },
    {
      name: 'an invoked machine: input, messages both ways, delayed work, output',
      make: () =>
        setup({ actors: { pinger } }).createMachine({
          context: { heard: [] as unknown[], out: null },
          initial: 'a',
          on: { PONG: { actions: assign({ heard: ({ context, event }) => [...context.heard, event.n] }) } },
          states: {
            a: {
              entry: sendTo('p', { type: 'PING' }),
              invoke: {
                id: 'p',
                src: 'pinger',
                input: { from: 5 },
                onDone: { target: 'b', actions: assign({ out: ({ event }) => event.output }) },
              },
              on: {
                GO: { actions: [sendTo('p', { type: 'PING' }), sendTo('p', { type: 'LATER' })] },
                FORWARD: { actions: forwardTo('p') },
                END: { actions: sendTo('p', { type: 'END' }) },
              },
            },
            b: {},
          },
        }),
      script: [event('GO'), after(10), event('GO'), event('END'), after(20)],
    },
    {
      name: 'fromTransition children keep their state and answer',
      make: () =>
        setup({ actors: { counter } }).createMachine({
          context: { reported: [] as unknown[] },
          invoke: { id: 'c', src: 'counter', input: { from: 2 } },
          on: {
            INC: { actions: sendTo('c', { type: 'INC' }) },
            ASK: { actions: sendTo('c', { type: 'REPORT' }) },
            REPORTED: { actions: assign({ reported: ({ context, event }) => [...context.reported, event.n] }) },
          },
        }),
      script: [event('INC'), event('INC'), event('ASK'), event('INC'), event('ASK')],
    },
    {
      name: 'spawnChild, stopChild and a child stopped by leaving nothing',
      make: () =>
        setup({ actors: { pinger } }).createMachine({
          context: { heard: 0 },
          on: {
            SPAWN: { actions: spawnChild('pinger', { id: 'p', input: { from: 1 } }) },
            PING: { actions: sendTo('p', { type: 'PING' }) },
            STOP: { actions: [sendTo('p', { type: 'PING' }), stopChild('p')] },
            PONG: { actions: assign({ heard: ({ context, event }) => context.heard + event.n }) },
          },
        }),
      script: [event('SPAWN'), event('PING'), event('PING'), event('STOP'), event('SPAWN'), event('PING')],
    },
    {
      name: 'spawn in assign, with the reference kept in context and used later',
      make: () =>
        setup({
          types: { context: {} as { a: AnyActorRef | null; first: AnyActorRef; heard: number } },
          actors: { pinger },
        }).createMachine({
          context: ({ spawn }) => ({ a: null, first: spawn('pinger', { id: 'first', input: { from: 10 } }), heard: 0 }),
          on: {
            SPAWN: { actions: assign({ a: ({ spawn }) => spawn('pinger', { id: 'a' }) }) },
            PING: {
              actions: [
                sendTo(({ context }) => context.a as AnyActorRef, { type: 'PING' }),
                sendTo(({ context }) => context.first, { type: 'PING' }),
              ],
            },
            STOP: { actions: [stopChild(({ context }) => context.a as AnyActorRef), assign({ a: null })] },
            PONG: { actions: assign({ heard: ({ context, event }) => context.heard + event.n }) },
          },
        }),
      script: [event('SPAWN'), event('PING'), event('PING'), event('STOP')],
    },
    {
      name: 'a reply to the sender through a reference in the event',
      make: () =>
        setup({
          actors: {
            echo: createMachine({
              types: {} as { events: { type: 'ASK'; from: AnyActorRef; n: number } },
              on: {
                ASK: {
                  actions: enqueueActions(({ enqueue, event }) => {
                    enqueue.sendTo(event.from, { type: 'ANSWER', n: event.n * 2 });
                  }),
                },
              },
            }),
          },
        }).createMachine({
          context: { answer: 0 },
          invoke: { id: 'echo', src: 'echo' },
          on: {
            GO: { actions: sendTo('echo', ({ self, event }) => ({ type: 'ASK', from: self, n: event.n })) },
            ANSWER: { actions: assign({ answer: ({ event }) => event.n }) },
          },
        }),
      script: [event('GO', { n: 4 }), event('GO', { n: 5 })],
    },
  ]);
});
