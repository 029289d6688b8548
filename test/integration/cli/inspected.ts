/** An order whose charge is a job of its own: what the tests of `inspect` look at. */

import { defineActor, defineJob, fromJob } from 'carillon';
import { setup } from 'xstate';

const charge = defineJob<{ card: string }>({ name: 'charge', run: () => {} });

export const order = defineActor({
  name: 'order',
  machine: setup({
    types: {
      context: {} as { card: string },
      input: {} as { card: string },
      events: {} as { type: 'pay' },
    },
    actors: { charge: fromJob(charge) },
  }).createMachine({
    context: ({ input }) => input,
    initial: 'placed',
    states: {
      placed: { on: { pay: 'charging' } },
      charging: { invoke: { src: 'charge', input: ({ context }) => context, onDone: 'charged' } },
      charged: { type: 'final' },
    },
  }),
});

export const definitions = [order, charge];
