/** The options of a follow-up: each with its default, its unit and its check; and the labels it is found by. */
import { encode } from '../codec.ts';
import type { JobOptions } from '../definitions/definition-options.ts';
import { retryRules } from '../definitions/retry-options.ts';
import { formatDuration } from '../duration.ts';
import { InvalidOptionError } from '../errors.ts';
import { type Check, duration, kind, list, object, oneOf, optional, refuse, text } from '../option-checks.ts';
import { isDate, type ResolvedSchedule, type When } from '../options.ts';
import type { Instant } from '../store/contract.ts';
import { FOLLOWUP_QUEUE, followupDefinition, type StoredFollowup } from './definition.ts';

const SOONEST_MS = 1_000;
const LATEST_MS = 366 * 86_400_000;
const RANGE = `${formatDuration(SOONEST_MS)} to ${formatDuration(LATEST_MS)}`;

/** One message to one thread, later: `delay` or `at`, one of the two, 1 second to 366 days ahead. */
export type FollowupInput = When & {
  /** 1 to 512 bytes. What it means is up to the gateway. */
  readonly threadId: string;
  /** Any data that can be stored, up to `maxPayload`; the gateway gets it as it was given. */
  readonly message: unknown;
  /** At most 512 bytes. One follow-up with it is pending: a new one takes its place, and says so. */
  readonly key?: string;
  /** As in a job. @defaultValue 3 retries, 200 ms doubling */
  readonly retry?: JobOptions['retry'];
  /** At most 20 of at most 64 bytes. Not `kept`, and not beginning with `thread:` or `key:`: those are its own. */
  readonly labels?: readonly string[];
  /** `false`: it stays in `listFollowups()` once it has settled. Its run record is kept either way. @defaultValue true */
  readonly deleteAfterRun?: boolean;
};

/** What `scheduleFollowup` takes. */
export type FollowupOptions = FollowupInput & {
  /** At most 512 bytes: as long as its record is kept, the same key schedules nothing a second time. */
  readonly idempotencyKey?: string;
};

/** It stays in the list once it has settled. */
export const KEPT = 'kept';
export const threadLabel = (threadId: string): string => `thread:${threadId}`;
export const keyLabel = (key: string): string => `key:${key}`;

const name = text(512);

const freeLabel: Check<string> = (value, option) => {
  const label = text(64)(value, option);
  if (label === KEPT || /^(thread|key):/.test(label)) {
    refuse(option, "must not be 'kept' nor begin with 'thread:' or 'key:', which are labels of its own", value);
  }
  return label;
};

const inputChecks = {
  threadId: name as Check<string | null>,
  message: kind<unknown>('data', (value) => value !== undefined),
  delay: optional(duration(SOONEST_MS, LATEST_MS), undefined),
  at: optional(kind<Date>('a valid Date', isDate), undefined),
  key: optional(name, null),
  retry: optional(retryRules, undefined),
  labels: optional(list(20, freeLabel), []),
  deleteAfterRun: optional(oneOf(true, false), true),
};

const optionChecks = object({ ...inputChecks, idempotencyKey: optional(name, null) });

/** Known only once it runs, and then it is the follow-up that is dropped, not its owner that fails. */
const threadIfAny: Check<string | null> = (value, option) =>
  value === undefined || value === null || value === '' ? null : name(value, option);

const ownedChecks = object({ ...inputChecks, threadId: threadIfAny });

export interface ResolvedFollowup {
  readonly input: StoredFollowup;
  readonly schedule: ResolvedSchedule;
  /** Label of those it takes the place of. */
  readonly replaces: string | null;
}

interface Limits {
  /** The store's clock. */
  readonly now: Instant;
  readonly maxBytes: number;
}

/** @throws InvalidOptionError @throws InvalidInputError */
export function resolveFollowup(options: unknown, limits: Limits): ResolvedFollowup {
  const { idempotencyKey, ...given } = optionChecks(options, '');
  return resolved(given, idempotencyKey, limits);
}

/** Of one that a machine invokes. @throws InvalidOptionError @throws InvalidInputError */
export function resolveOwnedFollowup(input: unknown, limits: Limits): ResolvedFollowup {
  return resolved(ownedChecks(input, ''), null, limits);
}

function resolved(
  given: ReturnType<typeof ownedChecks>,
  idempotencyKey: string | null,
  { now, maxBytes }: Limits,
): ResolvedFollowup {
  const { threadId, message, delay, at, key, retry, labels, deleteAfterRun } = given;
  // Checked by itself, so that an error names a path in what the caller gave.
  encode(message, { path: 'message', maxBytes });
  const own = [
    ...(threadId === null ? [] : [threadLabel(threadId)]),
    ...(key === null ? [] : [keyLabel(key)]),
    ...(deleteAfterRun ? [] : [KEPT]),
  ];
  return {
    input: { threadId, message, ...(retry && { retry }) },
    schedule: {
      when: whenOf(delay, at, now),
      idempotencyKey,
      priority: followupDefinition.priority,
      queue: FOLLOWUP_QUEUE,
      labels: [...own, ...labels],
      client: null,
    },
    replaces: key === null ? null : keyLabel(key),
  };
}

function whenOf(delayMs: number | undefined, at: Date | undefined, now: Instant): ResolvedSchedule['when'] {
  if (at && delayMs !== undefined) throw new InvalidOptionError('at', "excludes 'delay': give one of the two.");
  if (delayMs !== undefined) return { afterMs: delayMs };
  if (!at) throw new InvalidOptionError('delay', `is missing: give 'delay' or 'at', ${RANGE} ahead.`);
  const aheadMs = at.getTime() - now;
  if (aheadMs < SOONEST_MS || aheadMs > LATEST_MS) {
    refuse('at', `must lie ${RANGE} ahead of the database's clock, ${new Date(now).toISOString()}`, at);
  }
  return { at: at.getTime() };
}
