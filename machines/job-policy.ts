/**
 * What differs between two runs: budgets and curves, as the guards and delays that machines which make attempts name. Pure:
 * instants come from the `at` of the event, spread from the actor's id.
 */

import { fractionOf } from './jitter.ts';

const DAY_MS = 86_400_000;

/** Deaths of a worker that may be charged to one run before it is dropped as the likely cause. */
const MAX_INTERRUPTIONS = 3;

/** Longest wait a failing handler can ask for. */
const MAX_RETRY_AFTER_MS = 7 * DAY_MS;

/** Where Date ends: later than this nothing comes due. */
const LAST_INSTANT = 8_640_000_000_000_000;

/** A delay that never ends: no timer is kept for it. */
const NEVER = Number.POSITIVE_INFINITY;

/** Waiting time before retry n (from 0): base · factor^n, at most max, spread by ± jitter (0 to 1) and still at most max. */
export interface BackoffPolicy {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
}

/** A budget of quick retries and the curve they wait on. */
export interface RetryPolicy {
  readonly maxRetries: number;
  readonly backoff: BackoffPolicy;
}

/** Slow attempts after the quick retries are spent, while the first attempt is not older than the window. */
export interface RecoveryPolicy {
  readonly everyMs: number;
  readonly factor: number;
  readonly max: number;
  readonly windowMs: number;
}

/** How attempts follow each other. */
export interface AttemptPolicy {
  readonly retry: RetryPolicy;
  /** Error codes with a budget and a curve of their own. */
  readonly byCode: Readonly<Record<string, RetryPolicy>>;
  /** 0: none. */
  readonly attemptTimeoutMs: number;
  /** What happens to an attempt whose effect may have happened before its worker died. */
  readonly onAmbiguous: 'retry' | 'drop';
}

/** The policy of one job definition. */
export interface JobPolicy extends AttemptPolicy {
  readonly recovery: RecoveryPolicy | null;
  /** From the due time to settling. 0: none. */
  readonly deadlineMs: number;
}

/** What a job gets unless its definition says otherwise. */
export const defaultJobPolicy: JobPolicy = {
  retry: { maxRetries: 3, backoff: { baseMs: 200, factor: 2, maxMs: 3_600_000, jitter: 0.1 } },
  byCode: {},
  recovery: null,
  attemptTimeoutMs: 900_000,
  deadlineMs: 0,
  onAmbiguous: 'retry',
};

/** What `recovery: true` stands for. */
export const defaultRecoveryPolicy: RecoveryPolicy = { everyMs: 30_000, factor: 1, max: 5, windowMs: DAY_MS };

/** The storable part of an error. */
export interface ErrorInfo {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** A failed attempt, classified before it reached the machine. */
export interface Failure {
  readonly error: ErrorInfo;
  readonly verdict: 'retry' | 'drop';
  /** Why it was dropped, where the verdict is `drop`. */
  readonly reason?: string;
  /** How long the handler asked to be left alone. */
  readonly retryAfterMs?: number;
}

/** Between 0 and 7 days, also for a wait that is not a number or endless. */
export function clampRetryAfterMs(ms: number): number {
  return Math.min(Math.max(ms, 0) || 0, MAX_RETRY_AFTER_MS);
}

/** The part of a machine's context that budgets are counted in. */
interface Spent {
  readonly dueAt: number;
  readonly attempt: number;
  readonly retries: Readonly<Record<string, number>>;
  readonly interruptions: number;
}

/** What only jobs spend. */
interface JobSpent extends Spent {
  readonly startedAt: number | null;
  readonly recoveries: number;
}

/** What the machine receives. `at` is the time of the turn; only an event XState makes itself may lack it. */
export interface Received {
  readonly type: string;
  readonly at?: number;
  readonly error?: unknown;
  readonly charged?: boolean;
  readonly ambiguous?: boolean;
  readonly to?: unknown;
  readonly reason?: unknown;
}

interface Args<C> {
  readonly context: C;
  readonly event: Received;
}

interface DelayArgs<C> extends Args<C> {
  /** Its session id is the actor's own; its id is the machine's, the same for all. */
  readonly self: { readonly sessionId: string };
}

/** The time of this turn; the due time stands in where XState made the event itself. */
export function turnTime({ context, event }: { context: { readonly dueAt: number }; event: Received }): number {
  return event.at ?? context.dueAt;
}

/** Whether an event says when, as Date knows it. */
export function namesInstant({ event }: { readonly event: { readonly type: string; readonly to?: unknown } }): boolean {
  return Number.isInteger(event.to) && Math.abs(event.to as number) <= LAST_INSTANT;
}

/** The failure behind an event that ended an attempt: the handler's own, or the timeout. */
export function failureOf(event: Received): Failure {
  return event.type.startsWith('xstate.error.actor.') ? (event.error as Failure) : ATTEMPT_TIMED_OUT;
}

const ATTEMPT_TIMED_OUT: Failure = {
  error: { name: 'AttemptTimeoutError', message: 'The attempt did not end in time.', code: 'ATTEMPT_TIMEOUT' },
  verdict: 'retry',
};

/** The guards and delays of attempts and their retries. `policyOf`: the policy may be part of what the machine knows. */
export function attemptGuardsAndDelays<C extends Spent>(policyOf: (context: C) => AttemptPolicy) {
  /** The budget a failure is charged to, and how much of it is spent. */
  const budgetFor = ({ context, event }: Args<C>): { rule: RetryPolicy; spent: number } => {
    const { retry, byCode } = policyOf(context);
    const ownRule = (of: string | undefined): RetryPolicy | undefined =>
      of !== undefined && Object.hasOwn(byCode, of) ? byCode[of] : undefined;
    const { code } = failureOf(event).error;
    const own = ownRule(code);
    const counted = Object.entries(context.retries).filter(([key]) => (own ? key === code : !ownRule(key)));
    return { rule: own ?? retry, spent: counted.reduce((sum, [, count]) => sum + count, 0) };
  };

  return {
    guards: {
      namesInstant: ({ event }: Args<C>): boolean =>
        Number.isInteger(event.to) && Math.abs(event.to as number) <= LAST_INSTANT,
      notRetryable: ({ event }: Args<C>): boolean => failureOf(event).verdict === 'drop',
      retriesLeft(args: Args<C>): boolean {
        const { rule, spent } = budgetFor(args);
        return spent < rule.maxRetries;
      },
      mayNotRunAgain: ({ context, event }: Args<C>): boolean =>
        (event.charged === true && context.interruptions >= MAX_INTERRUPTIONS) ||
        (event.ambiguous === true && policyOf(context).onAmbiguous === 'drop'),
    },
    delays: {
      untilDue: (args: DelayArgs<C>): number => Math.max(0, args.context.dueAt - turnTime(args)),
      attemptTimeout: ({ context }: DelayArgs<C>): number => policyOf(context).attemptTimeoutMs || NEVER,
      backoff(args: DelayArgs<C>): number {
        const { retryAfterMs } = failureOf(args.event);
        if (retryAfterMs !== undefined) return clampRetryAfterMs(retryAfterMs);
        const { rule, spent } = budgetFor(args);
        // The transition into the waiting state has counted this retry already.
        return backoffMs(rule.backoff, spent - 1, fractionOf(args.self.sessionId, args.context.attempt));
      },
    },
  };
}

/** The guards and delays of the job machine under this policy. */
export function jobGuardsAndDelays(policy: JobPolicy) {
  const attempts = attemptGuardsAndDelays<JobSpent>(() => policy);

  const recoveryDelayMs = (recovery: RecoveryPolicy, event: Received, recoveries: number): number => {
    const asked = clampRetryAfterMs(failureOf(event).retryAfterMs ?? 0);
    return Math.max(asked, Math.min(recovery.everyMs * recovery.factor ** recoveries, recovery.windowMs));
  };

  return {
    guards: {
      ...attempts.guards,
      recoveriesLeft(args: Args<JobSpent>): boolean {
        const { recovery } = policy;
        const { startedAt, recoveries } = args.context;
        if (!recovery || recoveries >= recovery.max) return false;
        const nextAt = turnTime(args) + recoveryDelayMs(recovery, args.event, recoveries);
        return nextAt - (startedAt ?? nextAt) <= recovery.windowMs;
      },
      pastDeadline: (args: Args<JobSpent>): boolean =>
        policy.deadlineMs > 0 && turnTime(args) >= args.context.dueAt + policy.deadlineMs,
      recoveryAsked: (): boolean => policy.recovery !== null,
    },
    delays: {
      ...attempts.delays,
      untilDeadline: (args: DelayArgs<JobSpent>): number =>
        policy.deadlineMs === 0 ? NEVER : Math.max(0, args.context.dueAt + policy.deadlineMs - turnTime(args)),
      recoveryDelay: ({ context, event }: DelayArgs<JobSpent>): number =>
        policy.recovery ? recoveryDelayMs(policy.recovery, event, context.recoveries - 1) : 0,
    },
  };
}

/** The curve is held below max by the width of the spread, so that delays at the cap are spread too. */
function backoffMs({ baseMs, factor, maxMs, jitter }: BackoffPolicy, retry: number, fraction: number): number {
  const curveMs = baseMs * Math.min(factor ** retry, Number.MAX_SAFE_INTEGER);
  return Math.round(Math.min(curveMs, maxMs / (1 + jitter)) * (1 + jitter * (2 * fraction - 1)));
}
