/** What every machine that makes attempts keeps of them, and how each event changes that. The machines say when. */

import { type ErrorInfo, failureOf, type Received, turnTime } from './job-policy.ts';

/** The part of a machine's context that attempts are counted in. */
export interface Attempts {
  readonly dueAt: number;
  readonly startedAt: number | null;
  /** Number of the running or last attempt, from 1; 0 before the first. */
  readonly attempt: number;
  /** Quick retries taken, by error code; '' counts the errors without one. */
  readonly retries: Readonly<Record<string, number>>;
  readonly interruptions: number;
  /** Of the attempt before, while the next one is waited for; of the last one once dropped. */
  readonly error: ErrorInfo | null;
  readonly drop: { readonly status: Exclude<JobOutput['status'], 'success'>; readonly reason: string } | null;
}

/** Before anything was attempted. */
export const attemptsAtRest: Attempts = {
  dueAt: 0,
  startedAt: null,
  attempt: 0,
  retries: {},
  interruptions: 0,
  error: null,
  drop: null,
};

/** What anyone may send to a job. */
export type JobEvent =
  | { readonly type: 'job.runNow' }
  | { readonly type: 'job.cancel'; readonly reason?: string }
  | { readonly type: 'job.reschedule'; readonly to: number };

/** What only the engine sends: a worker died during the attempt, or gave it back before ending it. */
export type AttemptEvent =
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

interface Args {
  readonly context: Attempts;
  readonly event: Received;
}

/** Bodies of the `assign` actions that carry these names. */
export const attemptSteps = {
  beginAttempt: (args: Args) => ({
    attempt: args.context.attempt + 1,
    startedAt: args.context.startedAt ?? turnTime(args),
    error: null,
  }),
  takeBackAttempt: ({ context }: Args) => ({ attempt: context.attempt - 1 }),
  moveDueTime: ({ context, event }: Args) => ({
    dueAt: event.type === 'job.reschedule' ? (event.to as number) : context.dueAt,
  }),
  spendRetry({ context, event }: Args) {
    const { error } = failureOf(event);
    const code = error.code ?? '';
    const before = Object.hasOwn(context.retries, code) ? (context.retries[code] ?? 0) : 0;
    return { error, retries: { ...context.retries, [code]: before + 1 } };
  },
  spendInterruption: ({ context, event }: Args) => ({
    interruptions: context.interruptions + (event.type === 'attempt.interrupted' && event.charged ? 1 : 0),
  }),
  dropAsAsked({ event }: Args) {
    const { error, reason } = failureOf(event);
    return { error, drop: { status: 'failed_dropped' as const, reason: reason ?? 'non_retryable' } };
  },
  giveUp: ({ event }: Args, { reason }: { readonly reason: string }) => ({
    error: failureOf(event).error,
    drop: { status: 'failed_dropped' as const, reason },
  }),
  dropInterrupted: ({ context }: Args) => ({
    error: {
      name: 'InterruptedError',
      message: `The worker died during attempt ${context.attempt}.`,
      code: 'INTERRUPTED',
    },
    drop: { status: 'failed_dropped' as const, reason: 'interrupted' },
  }),
  cancel: ({ event }: Args) => ({
    drop: {
      status: 'cancelled' as const,
      // Anyone may send this event, so its parts are whatever they are.
      reason: (event.type === 'job.cancel' && typeof event.reason === 'string' && event.reason) || 'cancelled',
    },
  }),
};

/** The output of the final state that follows a success. */
export function succeeded({ context, event }: { readonly context: Attempts; readonly event: object }): JobOutput {
  const { attempt: attempts, startedAt } = context;
  const { output } = event as { readonly output?: unknown };
  const record = { status: 'success', attempts, startedAt } as const;
  return output === undefined ? record : { ...record, output };
}

/** The output of the final state of those that were dropped, for whatever reason. */
export function dropped({ context }: { readonly context: Attempts }): object {
  const { drop, error, attempt, startedAt } = context;
  return { ...drop, ...(error && { error }), attempts: attempt, startedAt };
}
