/**
 * The life cycle of every job. Retries, recovery, timeouts and cancelling are transitions here and nowhere else; entering
 * `done` or `dropped` is the only way a run ends. Pure: every event carries `at`, the time of its turn.
 */

import { assign, fromPromise, setup } from 'xstate';
import {
  type AttemptEvent,
  type Attempts,
  attemptSteps,
  attemptsAtRest,
  dropped,
  type JobEvent,
  type JobOutput,
  succeeded,
} from './attempts.ts';
import { defaultJobPolicy, failureOf, jobGuardsAndDelays } from './job-policy.ts';

export type { JobEvent, JobOutput } from './attempts.ts';

/** Stored with every job, so no more than the life cycle needs: the job's own input is not in it. */
export interface JobContext extends Attempts {
  readonly recoveries: number;
}

/** What a context begins with. */
export const jobAtRest: JobContext = { ...attemptsAtRest, recoveries: 0 };

const standard = jobGuardsAndDelays(defaultJobPolicy);

export const jobMachine = setup({
  types: {
    context: {} as JobContext,
    events: {} as (JobEvent | AttemptEvent) & { readonly at?: number },
    input: {} as { readonly dueAt: number; readonly attempts?: number },
    output: {} as JobOutput,
  },
  actors: {
    run: fromPromise<unknown, { readonly attempt: number }>(() => {
      throw new Error("The worker provides 'run'.");
    }),
  },
  guards: standard.guards,
  delays: standard.delays,
  actions: {
    beginAttempt: assign((args) => attemptSteps.beginAttempt(args)),
    takeBackAttempt: assign((args) => attemptSteps.takeBackAttempt(args)),
    moveDueTime: assign((args) => attemptSteps.moveDueTime(args)),
    spendRetry: assign((args) => attemptSteps.spendRetry(args)),
    spendRecovery: assign({
      error: ({ event }) => failureOf(event).error,
      recoveries: ({ context }) => context.recoveries + 1,
    }),
    spendInterruption: assign((args) => attemptSteps.spendInterruption(args)),
    dropAsAsked: assign((args) => attemptSteps.dropAsAsked(args)),
    giveUp: assign((args, params: { readonly reason: string }) => attemptSteps.giveUp(args, params)),
    dropInterrupted: assign((args) => attemptSteps.dropInterrupted(args)),
    cancel: assign((args) => attemptSteps.cancel(args)),
    expire: assign({ drop: { status: 'expired', reason: 'deadline' } }),
  },
}).createMachine({
  id: 'job',
  context: ({ input }) => ({ ...jobAtRest, dueAt: input.dueAt, attempt: input.attempts ?? 0 }),
  initial: 'scheduled',
  after: {
    untilDeadline: { target: '.dropped', actions: 'expire' },
  },
  on: {
    'job.cancel': { target: '.dropped', actions: 'cancel' },
  },
  states: {
    scheduled: {
      // One that had to wait, for a worker or for its place, must not count an attempt that never ran.
      after: { untilDue: [{ guard: 'pastDeadline', target: 'dropped', actions: 'expire' }, { target: 'dispatching' }] },
      on: {
        'job.runNow': 'dispatching',
        // Entering the root again moves the deadline along with the due time.
        'job.reschedule': { guard: 'namesInstant', target: '#job', reenter: true, actions: 'moveDueTime' },
      },
    },
    dispatching: {
      entry: 'beginAttempt',
      invoke: {
        id: 'run',
        src: 'run',
        input: ({ context }) => ({ attempt: context.attempt }),
        onDone: 'done',
        onError: [
          { guard: 'notRetryable', target: 'dropped', actions: 'dropAsAsked' },
          { guard: 'retriesLeft', target: 'retrying', actions: 'spendRetry' },
          { guard: 'recoveriesLeft', target: 'recovering', actions: 'spendRecovery' },
          {
            guard: 'recoveryAsked',
            target: 'dropped',
            actions: { type: 'giveUp', params: { reason: 'recovery_exhausted' } },
          },
          { target: 'dropped', actions: { type: 'giveUp', params: { reason: 'retries_exhausted' } } },
        ],
      },
      after: {
        attemptTimeout: [
          { guard: 'retriesLeft', target: 'retrying', actions: 'spendRetry' },
          { guard: 'recoveriesLeft', target: 'recovering', actions: 'spendRecovery' },
          {
            guard: 'recoveryAsked',
            target: 'dropped',
            actions: { type: 'giveUp', params: { reason: 'recovery_exhausted' } },
          },
          { target: 'dropped', actions: { type: 'giveUp', params: { reason: 'retries_exhausted' } } },
        ],
      },
      on: {
        'attempt.interrupted': [
          { guard: 'mayNotRunAgain', target: 'dropped', actions: 'dropInterrupted' },
          { target: 'dispatching', reenter: true, actions: 'spendInterruption' },
        ],
        'attempt.handedBack': { target: 'dispatching', reenter: true, actions: 'takeBackAttempt' },
      },
    },
    retrying: {
      after: { backoff: [{ guard: 'pastDeadline', target: 'dropped', actions: 'expire' }, { target: 'dispatching' }] },
      on: { 'job.runNow': 'dispatching' },
    },
    recovering: {
      after: {
        recoveryDelay: [{ guard: 'pastDeadline', target: 'dropped', actions: 'expire' }, { target: 'dispatching' }],
      },
      on: { 'job.runNow': 'dispatching' },
    },
    done: { type: 'final', output: succeeded },
    dropped: { type: 'final', output: dropped },
  },
  output: ({ event }) => event.output as JobOutput,
});
