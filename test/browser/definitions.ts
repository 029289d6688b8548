/** What the pages are tried with. */
import { type CronOptions, DropError, defineActor, defineJob } from 'carillon';
import { assign, fromPromise, setup } from 'xstate';

export const greet = defineJob<{ name: string; password?: string }, string>({
  name: 'greet',
  run: ({ input }) => `Hello, ${input.name}`,
});

/** Drops at once, saying what it was given. */
export const refuse = defineJob<{ words: string }>({
  name: 'refuse',
  run({ input, attempt, signal: _signal }) {
    if (mended.has(input.words)) return;
    throw new DropError(`${input.words} (attempt ${attempt})`, { reason: 'refused' });
  },
});

/** What `refuse` takes no offence at any more. */
export const mended = new Set<string>();

const orderMachine = setup({
  types: {
    context: {} as { order: string; paidBy: string | null; secret: string },
    input: {} as { order: string },
    events: {} as { type: 'pay'; by: string } | { type: 'pack' } | { type: 'print' } | { type: 'giveUp' },
  },
  actors: { charge: fromPromise(async () => 'charged') },
}).createMachine({
  id: 'order',
  context: ({ input }) => ({ ...input, paidBy: null, secret: 'do not show me' }),
  initial: 'open',
  on: { giveUp: '.abandoned' },
  states: {
    open: { on: { pay: { target: 'charging', actions: assign({ paidBy: ({ event }) => event.by }) } } },
    charging: { invoke: { src: 'charge', onDone: 'preparing', onError: 'open' } },
    preparing: {
      type: 'parallel',
      states: {
        parcel: { initial: 'loose', states: { loose: { on: { pack: 'packed' } }, packed: { type: 'final' } } },
        label: { initial: 'blank', states: { blank: { on: { print: 'printed' } }, printed: { type: 'final' } } },
      },
      onDone: 'sent',
    },
    sent: { type: 'final' },
    abandoned: { type: 'final', tags: 'dropped' },
  },
});

export const order = defineActor({ name: 'order', machine: orderMachine });

let broken = true;
export function mendDoor(): void {
  broken = false;
}

/** Throws in its guard until it is mended, and is quarantined then. */
export const door = defineActor({
  name: 'door',
  machine: setup({ types: { events: {} as { type: 'knock' } } }).createMachine({
    initial: 'shut',
    states: {
      shut: {
        on: {
          knock: {
            guard: () => {
              if (broken) throw new Error('the hinge is broken');
              return true;
            },
            target: 'ajar',
          },
        },
      },
      ajar: { type: 'final' },
    },
  }),
});

export const nightly: CronOptions<typeof greet> = {
  id: 'nightly',
  cron: '30 2 * * *',
  timezone: 'Europe/Berlin',
  job: greet,
  input: { name: 'night' },
};
