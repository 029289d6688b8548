/** A small machine with nested states, a counter and something it emits. */
import { assign, emit, setup } from 'xstate';
import { defineActor } from '../../src/index.ts';

export const door = defineActor({
  name: 'door',
  machine: setup({
    types: {
      context: {} as { turns: number },
      events: {} as { type: 'turn' } | { type: 'bolt' } | { type: 'leave' },
      emitted: {} as { type: 'creak'; turns: number },
    },
  }).createMachine({
    context: { turns: 0 },
    initial: 'closed',
    states: {
      closed: {
        initial: 'free',
        states: { free: { on: { bolt: 'bolted' } }, bolted: {} },
        on: { turn: 'open' },
      },
      open: {
        entry: [
          assign({ turns: ({ context }) => context.turns + 1 }),
          emit(({ context }) => ({ type: 'creak' as const, turns: context.turns })),
        ],
        on: { turn: 'closed', leave: 'left' },
      },
      left: { type: 'final' },
    },
  }),
});
