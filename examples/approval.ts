// A statechart of your own: it waits for a person, for days if need be, and no process has to stay alive meanwhile.
//   await scheduler.send(id, { type: 'approve', by: 'Ada' });
import { defineActor } from 'carillon';
import { assign, fromPromise, setup } from 'xstate';

const approvalMachine = setup({
  types: {
    input: {} as { request: string; patienceMs: number },
    context: {} as { request: string; patienceMs: number; by: string | null },
    events: {} as { type: 'approve'; by: string } | { type: 'reject'; by: string },
    output: {} as { request: string; by: string | null; reason?: string },
  },
  delays: {
    patience: ({ context }) => context.patienceMs,
  },
  actors: {
    // What happens once approved. It is started after the approval is stored, and again if its worker dies.
    grant: fromPromise<string, { request: string }>(async ({ input }) => `granted: ${input.request}`),
  },
}).createMachine({
  id: 'approval',
  context: ({ input }) => ({ ...input, by: null }),
  initial: 'waiting',
  states: {
    waiting: {
      on: {
        approve: { target: 'granting', actions: assign({ by: ({ event }) => event.by }) },
        reject: { target: 'rejected', actions: assign({ by: ({ event }) => event.by }) },
      },
      after: { patience: 'expired' },
    },
    granting: {
      invoke: { src: 'grant', input: ({ context }) => ({ request: context.request }), onDone: 'granted' },
    },
    granted: { type: 'final', output: ({ context }) => ({ request: context.request, by: context.by }) },
    // The tag says that this end is not a success; the output says why.
    rejected: { type: 'final', tags: 'dropped', output: { reason: 'rejected' } },
    expired: { type: 'final', tags: 'dropped', output: { reason: 'nobody_answered' } },
  },
  output: ({ event }) => event.output as { request: string; by: string | null; reason?: string },
});

export const approval = defineActor({ name: 'approval', machine: approvalMachine });
