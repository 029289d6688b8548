/**
 * The life cycle of a follow-up: one message to one thread, later. As with jobs, entering `delivered` or `dropped` is the only
 * way it ends. A process that has no way to any thread is no failed delivery: it is waited for, and spends no retry.
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
import {
  type AttemptPolicy,
  attemptGuardsAndDelays,
  defaultJobPolicy,
  failureOf,
  type Received,
  turnTime,
} from './job-policy.ts';

/** How a follow-up is tried. Part of the context: each one may bring its own. */
export interface FollowupPolicy extends AttemptPolicy {
  /** Where no gateway is configured: looked for again so often, in this window from the first attempt on. */
  readonly gateway: { readonly everyMs: number; readonly windowMs: number };
}

/** What a follow-up gets unless it says otherwise: the retries of a job. */
export const defaultFollowupPolicy: FollowupPolicy = {
  retry: defaultJobPolicy.retry,
  byCode: {},
  attemptTimeoutMs: defaultJobPolicy.attemptTimeoutMs,
  onAmbiguous: 'retry',
  gateway: { everyMs: 5_000, windowMs: 600_000 },
};

/** Its thread and its message stay in the stored input. */
export interface FollowupContext extends Attempts {
  readonly policy: FollowupPolicy;
}

/** The code of the error that says: this process has no gateway. */
export const MISSING_GATEWAY = 'MISSING_GATEWAY';

interface Args {
  readonly context: FollowupContext;
  readonly event: Received;
}

const attempts = attemptGuardsAndDelays(({ policy }: FollowupContext) => policy);

const gatewayMissing = ({ event }: Args): boolean => failureOf(event).error.code === MISSING_GATEWAY;

export const followupMachine = setup({
  types: {
    context: {} as FollowupContext,
    events: {} as (JobEvent | AttemptEvent) & { readonly at?: number },
    input: {} as { readonly dueAt: number; readonly attempts?: number; readonly policy: FollowupPolicy },
    output: {} as JobOutput,
  },
  actors: {
    deliver: fromPromise<unknown, { readonly attempt: number }>(() => {
      throw new Error("The worker provides 'deliver'.");
    }),
  },
  guards: {
    ...attempts.guards,
    gatewayMissing,
    gatewayMayCome(args) {
      const { startedAt, policy } = args.context;
      const nextAt = turnTime(args) + policy.gateway.everyMs;
      return gatewayMissing(args) && nextAt - (startedAt ?? nextAt) <= policy.gateway.windowMs;
    },
  },
  delays: {
    ...attempts.delays,
    untilNextLook: ({ context }) => context.policy.gateway.everyMs,
  },
  actions: {
    beginAttempt: assign((args) => attemptSteps.beginAttempt(args)),
    takeBackAttempt: assign((args) => attemptSteps.takeBackAttempt(args)),
    moveDueTime: assign((args) => attemptSteps.moveDueTime(args)),
    noteError: assign({ error: ({ event }) => failureOf(event).error }),
    spendRetry: assign((args) => attemptSteps.spendRetry(args)),
    spendInterruption: assign((args) => attemptSteps.spendInterruption(args)),
    dropAsAsked: assign((args) => attemptSteps.dropAsAsked(args)),
    giveUp: assign((args, params: { readonly reason: string }) => attemptSteps.giveUp(args, params)),
    dropInterrupted: assign((args) => attemptSteps.dropInterrupted(args)),
    cancel: assign((args) => attemptSteps.cancel(args)),
  },
}).createMachine({
  id: 'followup',
  context: ({ input }) => ({
    ...attemptsAtRest,
    dueAt: input.dueAt,
    attempt: input.attempts ?? 0,
    policy: input.policy,
  }),
  initial: 'scheduled',
  on: {
    'job.cancel': { target: '.dropped', actions: 'cancel' },
  },
  states: {
    scheduled: {
      after: { untilDue: 'delivering' },
      on: {
        'job.runNow': 'delivering',
        'job.reschedule': { guard: 'namesInstant', target: 'scheduled', reenter: true, actions: 'moveDueTime' },
      },
    },
    delivering: {
      entry: 'beginAttempt',
      invoke: {
        id: 'deliver',
        src: 'deliver',
        input: ({ context }) => ({ attempt: context.attempt }),
        onDone: 'delivered',
        onError: [
          { guard: 'notRetryable', target: 'dropped', actions: 'dropAsAsked' },
          { guard: 'gatewayMayCome', target: 'waitingForGateway', actions: 'noteError' },
          {
            guard: 'gatewayMissing',
            target: 'dropped',
            actions: { type: 'giveUp', params: { reason: 'missing_gateway' } },
          },
          { guard: 'retriesLeft', target: 'retrying', actions: 'spendRetry' },
          { target: 'dropped', actions: { type: 'giveUp', params: { reason: 'retries_exhausted' } } },
        ],
      },
      after: {
        attemptTimeout: [
          { guard: 'retriesLeft', target: 'retrying', actions: 'spendRetry' },
          { target: 'dropped', actions: { type: 'giveUp', params: { reason: 'retries_exhausted' } } },
        ],
      },
      on: {
        'attempt.interrupted': [
          { guard: 'mayNotRunAgain', target: 'dropped', actions: 'dropInterrupted' },
          { target: 'delivering', reenter: true, actions: 'spendInterruption' },
        ],
        'attempt.handedBack': { target: 'delivering', reenter: true, actions: 'takeBackAttempt' },
      },
    },
    retrying: {
      after: { backoff: 'delivering' },
      on: { 'job.runNow': 'delivering' },
    },
    waitingForGateway: {
      after: { untilNextLook: 'delivering' },
      on: { 'job.runNow': 'delivering' },
    },
    delivered: { type: 'final', output: succeeded },
    dropped: { type: 'final', output: dropped },
  },
  output: ({ event }) => event.output as JobOutput,
});
