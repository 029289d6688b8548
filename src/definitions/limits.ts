/**
 * The limits of a definition: how many runs of one key at once, and how many starts of one key in a stretch of time. A key is
 * computed once, when the run is scheduled; how many it allows is the definition's, and may change with a deploy.
 */
import { v5 } from 'uuid';
import type { Duration } from '../duration.ts';
import { InvalidInputError, InvalidOptionError } from '../errors.ts';
import { duration, integer, isFunction, kind, object, optional, text } from '../option-checks.ts';
import type { DefinitionLimits, LimitKey, LimitKeys } from '../store/limits.ts';

/** How many runs may go on at once, over all worker processes. */
export interface Concurrency {
  /**
   * Runs with the same key share the limit. Gets the parsed input, when the run is scheduled; text of 1 to 256 bytes.
   * One key for the whole definition unless given.
   */
  key?(input: unknown): string;
  /** 1 to 10000. A run that waits for its next attempt has no place. */
  readonly limit: number;
}

/** How many attempts may start in any stretch of time of that length, over all worker processes. */
export interface RateLimit {
  /** As in {@link Concurrency}. */
  key?(input: unknown): string;
  /** 1 to 10000. Each attempt counts, retries too. */
  readonly limit: number;
  readonly per: Duration;
}

type KeyFunction = (input: unknown) => unknown;

/** The limits of a definition in their inner form. */
export interface Limits {
  readonly concurrency: { readonly key: KeyFunction; readonly limit: number } | null;
  readonly rate: { readonly key: KeyFunction; readonly limit: number; readonly perMs: number } | null;
}

/** Runs of one key; the log of a rate has a row for each start that still counts. */
const MAX_LIMIT = 10_000;
/** The key of those that need none. */
const WHOLE_DEFINITION = '*';
/** Any UUID: what names are made ids in. */
const LIMITS = '5f0d6a7e-3f86-4d0b-9a57-6f2b6c1f8f10';

const limitChecks = {
  key: optional(kind<KeyFunction>('a function', isFunction), () => WHOLE_DEFINITION),
  limit: integer(1, MAX_LIMIT),
};

export const concurrencyCheck = optional(object(limitChecks), null);
export const rateLimitCheck = optional(object({ ...limitChecks, per: duration(1) }), null);

/** What the store has to know of them. */
export function storedLimits({ concurrency, rate }: Limits): DefinitionLimits {
  return {
    concurrency: concurrency?.limit ?? null,
    rate: rate && { limit: rate.limit, perMs: rate.perMs },
  };
}

/** The keys a new run is counted under. Null: no limit. @throws InvalidInputError */
export function limitKeys(
  { name, limits }: { readonly name: string; readonly limits?: Limits },
  namespace: string,
  input: unknown,
): LimitKeys | null {
  if (!limits?.concurrency && !limits?.rate) return null;
  const keyOf = (option: 'concurrency' | 'rateLimit', limit: { readonly key: KeyFunction } | null): LimitKey | null => {
    if (!limit) return null;
    const key = checkedKey(`${option}.key`, name, limit.key, input);
    return { id: v5(JSON.stringify([namespace, name, option, key]), LIMITS), key };
  };
  return { concurrency: keyOf('concurrency', limits.concurrency), rate: keyOf('rateLimit', limits.rate) };
}

const keyCheck = text(256);

function checkedKey(option: string, name: string, key: KeyFunction, input: unknown): string {
  try {
    return keyCheck(key(input), option);
  } catch (error) {
    const problem = error instanceof InvalidOptionError ? error.message : `'${option}' threw: ${describe(error)}`;
    throw new InvalidInputError('input', `it gives no key for a limit of '${name}'. ${problem}`);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
