import { assign, createMachine, raise, sendParent } from 'xstate';

/** Answers PING with PONG and counts; ends on END. */
export const pinger = createMachine({
  context: ({ input }: { input?: { from: number } }) => ({ n: input?.from ?? 0 }),
  initial: 'on',
  states: {
    on: {
      on: {
        PING: {
          actions: [
            assign({ n: ({ context }) => context.n + 1 }),
            sendParent(({ context }) => ({ type: 'PONG', n: context.n })),
          ],
        },
        END: 'end',
        LATER: { actions: raise({ type: 'PING' }, { delay: 10 }) },
      },
    },
    end: { type: 'final' },
  },
  output: ({ context }) => ({ n: context.n }),
});
