/**
 * How often a failed attempt is made again, and when: the quick retries and the slow ones after them. What a rule leaves out comes
 * from the one above it, and no curve begins above its own end.
 */

import {
  type AttemptPolicy,
  defaultJobPolicy,
  defaultRecoveryPolicy,
  type RecoveryPolicy,
  type RetryPolicy,
} from '../../machines/job-policy.ts';
import { type Duration, formatDuration } from '../duration.ts';
import { InvalidOptionError } from '../errors.ts';
import { duration, integer, number, object, optional, record } from '../option-checks.ts';

/** The waiting time before retry n: base · factor^n, at most max, spread by ± jitter. */
export interface Backoff {
  /** @defaultValue 200 ms */
  readonly base?: Duration;
  /** 1 to 100. @defaultValue 2 */
  readonly factor?: number;
  /** @defaultValue '1h' */
  readonly max?: Duration;
  /** 0 to 1. @defaultValue 0.1 */
  readonly jitter?: number;
}

/** A budget of quick retries: attempts are one more. */
export interface RetryRule {
  /** 0 to 1000. @defaultValue 3 */
  readonly maxRetries?: number;
  readonly backoff?: Backoff;
}

/** Slow attempts once the quick retries are spent. */
export interface Recovery {
  /** @defaultValue '30s' */
  readonly every?: Duration;
  /** Each wait is this many times the one before; 1 to 100. @defaultValue 1 */
  readonly factor?: number;
  /** 1 to 1000. @defaultValue 5 */
  readonly max?: number;
  /** No recovery starts later than this after the first attempt. @defaultValue '24h' */
  readonly window?: Duration;
}

const backoff = object({
  base: optional(duration(0), undefined),
  factor: optional(number(1, 100), undefined),
  max: optional(duration(0), undefined),
  jitter: optional(number(0, 1), undefined),
});

const ruleChecks = { maxRetries: optional(integer(0, 1000), undefined), backoff };
const rule = object(ruleChecks);
const retryChecks = object({ ...ruleChecks, byCode: optional(record(rule), {}) });

/** `retry` of a job or of a follow-up: the general budget, and those of single error codes. */
export function retryRules(value: unknown, option: string): Pick<AttemptPolicy, 'retry' | 'byCode'> {
  const given = retryChecks(value, option);
  const general = ruleOver(given, defaultJobPolicy.retry, option);
  const byCode = Object.entries(given.byCode).map(([code, own]) => [
    code,
    ruleOver(own, general, `${option}.byCode.${code}`),
  ]);
  return { retry: general, byCode: Object.fromEntries(byCode) };
}

const recovery = object({
  every: optional(duration(1), defaultRecoveryPolicy.everyMs),
  factor: optional(number(1, 100), defaultRecoveryPolicy.factor),
  max: optional(integer(1, 1000), defaultRecoveryPolicy.max),
  window: optional(duration(1), defaultRecoveryPolicy.windowMs),
});

/** A yes or no, or what to change in a yes. */
export function recoveryPolicy(value: unknown, option: string): RecoveryPolicy | null {
  if (value === undefined || value === false) return null;
  if (value === true) return defaultRecoveryPolicy;
  const { every, factor, max, window } = recovery(value, option);
  return { everyMs: every, factor, max, windowMs: window };
}

function ruleOver(given: ReturnType<typeof rule>, over: RetryPolicy, option: string): RetryPolicy {
  const { base, factor, max, jitter } = given.backoff;
  const backoff = {
    baseMs: base ?? over.backoff.baseMs,
    factor: factor ?? over.backoff.factor,
    maxMs: max ?? over.backoff.maxMs,
    jitter: jitter ?? over.backoff.jitter,
  };
  if (backoff.baseMs > backoff.maxMs) {
    const range = `${formatDuration(backoff.baseMs)} is more than 'max', ${formatDuration(backoff.maxMs)}`;
    throw new InvalidOptionError(`${option}.backoff.base`, `must be at most 'max': ${range}.`);
  }
  return { maxRetries: given.maxRetries ?? over.maxRetries, backoff };
}
