/**
 * The life cycle of every job. Retries, recovery, timeouts and cancelling are transitions here and nowhere else; entering
 * `done` or `dropped` is the only way a run ends. Pure: every event carries `at`, the time of its turn.
 */

import { assign, fromPromise, setup } from 'xstate';
import { defaultJobPolicy, type ErrorInfo, failureOf, jobGuardsAndDelays, turnTime } from './job-policy.ts';

/** Stored with every job, so no more than the life cycle needs: the job's own input is not in it. */
export interface JobContext {
  readonly dueAt: number;
  readonly startedAt: number | null;
  /** Number of the running or last attempt, from 1; 0 before the first. It goes on when a dropped run begins again. */
  readonly attempt: number;
  /** Quick retries taken, by error code; '' counts the errors without one. */
  readonly retries: Readonly<Record<string, number>>;
  readonly recoveries: number;
  readonly interruptions: number;
  /** Of the attempt before, while the next one is waited for; of the last one once dropped. */
  readonly error: ErrorInfo | null;
  readonly drop: { readonly status: Exclude<JobOutput['status'], 'success'>; readonly reason: string } | null;
}

/** What anyone may send to a job. */
export type JobEvent =
  | { readonly type: 'job.runNow' }
  | { readonly type: 'job.cancel'; readonly reason?: string }
  | { readonly type: 'job.reschedule'; readonly to: number };

/** What only the engine sends: a worker died during the attempt, or gave it back before ending it. */
type AttemptEvent =
  | { readonly type: 'attempt.interrupted'; readonly charged: boolean; readonly ambiguous: boolean }
  | { readonly type: 'attempt.handedBack' };

/** What a run record is made of. The handler's output passes through it without a stay in the context. */
export interface JobOutput {
  readonly status: 'success' | 'failed_dropped' | 'cancelled' | 'expired';
  readonly reason?: string;
  readonly error?: ErrorInfo;
  readonly attempts: number;
  readonly startedAt: number | null;
  readonly output?: unknown;
}

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
    beginAttempt: assign({
      attempt: ({ context }) => context.attempt + 1,
      startedAt: (args) => args.context.startedAt ?? turnTime(args),
      error: null,
    }),
    takeBackAttempt: assign({ attempt: ({ context }) => context.attempt - 1 }),
    moveDueTime: assign({
      dueAt: ({ context, event }) => (event.type === 'job.reschedule' ? event.to : context.dueAt),
    }),
    spendRetry: assign(({ context, event }) => {
      const { error } = failureOf(event);
      const code = error.code ?? '';
      const before = Object.hasOwn(context.retries, code) ? (context.retries[code] ?? 0) : 0;
      return { error, retries: { ...context.retries, [code]: before + 1 } };
    }),
    spendRecovery: assign({
      error: ({ event }) => failureOf(event).error,
      recoveries: ({ context }) => context.recoveries + 1,
    }),
    spendInterruption: assign({
      interruptions: ({ context, event }) =>
        context.interruptions + (event.type === 'attempt.interrupted' && event.charged ? 1 : 0),
    }),
    dropAsAsked: assign(({ event }) => {
      const { error, reason } = failureOf(event);
      return { error, drop: { status: 'failed_dropped', reason: reason ?? 'non_retryable' } };
    }),
    giveUp: assign(({ event }, { reason }: { readonly reason: string }) => ({
      error: failureOf(event).error,
      drop: { status: 'failed_dropped', reason },
    })),
    dropInterrupted: assign(({ context }) => ({
      error: {
        name: 'InterruptedError',
        message: `The worker died during attempt ${context.attempt}.`,
        code: 'INTERRUPTED',
      },
      drop: { status: 'failed_dropped', reason: 'interrupted' },
    })),
    cancel: assign({
      drop: ({ event }) => ({
        status: 'cancelled',
        // Anyone may send this event, so its parts are whatever they are.
        reason: (event.type === 'job.cancel' && typeof event.reason === 'string' && event.reason) || 'cancelled',
      }),
    }),
    expire: assign({ drop: { status: 'expired', reason: 'deadline' } }),
  },
}).createMachine({
  id: 'job',
  context: ({ input }) => ({
    dueAt: input.dueAt,
    startedAt: null,
    attempt: input.attempts ?? 0,
    retries: {},
    recoveries: 0,
    interruptions: 0,
    error: null,
    drop: null,
  }),
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
    done: {
      type: 'final',
      output: ({ context, event }) => ({
        status: 'success',
        attempts: context.attempt,
        startedAt: context.startedAt,
        output: (event as { readonly output?: unknown }).output,
      }),
    },
    dropped: {
      type: 'final',
      output: ({ context }) => ({
        ...context.drop,
        ...(context.error && { error: context.error }),
        attempts: context.attempt,
        startedAt: context.startedAt,
      }),
    },
  },
  output: ({ event }) => event.output as JobOutput,
});
