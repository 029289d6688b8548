/**
 * What a failed attempt means: an explicit marker anywhere in the cause chain decides, then a typed code, and whatever is
 * unknown may be retried within the budget. What comes out is bounded and storable, whatever a handler throws.
 */

import { clampRetryAfterMs, type ErrorInfo, type Failure } from '../machines/job-policy.ts';
import { type Duration, readDuration } from './duration.ts';
import { CarillonError } from './errors.ts';

/** Longer cause chains are cut: nobody reads them, and a getter could make them endless. */
const MAX_CAUSES = 50;
const MAX_MESSAGE_BYTES = 8192;
const MAX_NAME_BYTES = 256;

/** Shared by every copy of this package in a process, where `instanceof` would tell two copies apart. */
const VERDICT = Symbol.for('carillon.verdict');

/** Thrown by a handler: do not try again. The run is dropped at once. */
export class DropError extends Error {
  readonly [VERDICT] = 'drop';
  /** Told in the run record. `non_retryable` unless given. */
  readonly reason: string | undefined;
  constructor(message: string, options?: { reason?: string; cause?: unknown }) {
    super(message, options && 'cause' in options ? { cause: options.cause } : undefined);
    this.reason = options?.reason;
  }
  override get name(): string {
    return this.constructor.name;
  }
}

/** Thrown by a handler: try again within the budget, whatever caused it, and not before `retryAfter` if that is given. */
export class RetryableError extends Error {
  readonly [VERDICT] = 'retry';
  readonly retryAfter: Duration | undefined;
  /** Chooses the budget of `retry.byCode`. */
  readonly code: string | undefined;
  constructor(message: string, options?: { retryAfter?: Duration; code?: string; cause?: unknown }) {
    super(message, options && 'cause' in options ? { cause: options.cause } : undefined);
    this.retryAfter = options?.retryAfter;
    this.code = options?.code;
  }
  override get name(): string {
    return this.constructor.name;
  }
}

/** Carillon's own errors that another attempt with the same input would meet again, and the reason they are dropped with. */
const DROPPED_CODES: ReadonlyMap<string, string> = new Map([
  ['THREAD_NOT_FOUND', 'thread_not_found'],
  ['THREAD_STOPPED', 'thread_stopped'],
  ['INVALID_INPUT', 'non_retryable'],
  ['INVALID_OPTION', 'non_retryable'],
  ['IDEMPOTENCY_CONFLICT', 'non_retryable'],
]);

/** Whether another attempt is worth making after this error. Walks the cause chain. */
export function isRetryable(error: unknown): boolean {
  return classify(error).verdict === 'retry';
}

/** The verdict on whatever a handler threw, with the part of it that is stored. Never throws. */
export function classify(thrown: unknown): Failure {
  try {
    const chain = causesOf(thrown);
    return { error: infoOf(thrown, chain), ...verdictOf(chain) };
  } catch {
    // A getter or proxy that throws when looked at.
    return { error: { name: 'Error', message: 'The handler threw something that cannot be read.' }, verdict: 'retry' };
  }
}

/** Loosely read: anyone's error, of any class and any copy of this package. */
interface Thrown {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly reason?: unknown;
  readonly retryAfter?: unknown;
  readonly [VERDICT]?: unknown;
}

function causesOf(thrown: unknown): Thrown[] {
  const chain = new Set<Thrown>();
  let next = thrown;
  while (typeof next === 'object' && next !== null && !chain.has(next) && chain.size < MAX_CAUSES) {
    chain.add(next);
    next = (next as Thrown).cause;
  }
  return [...chain];
}

function verdictOf(chain: readonly Thrown[]): Omit<Failure, 'error'> {
  for (const link of chain) {
    if (link[VERDICT] === 'drop') return { verdict: 'drop', reason: reasonOf(link.reason) };
    const retryAfterMs = retryAfterOf(link);
    if (retryAfterMs !== null) return { verdict: 'retry', retryAfterMs };
    if (link[VERDICT] === 'retry') return { verdict: 'retry' };
  }
  for (const link of chain) {
    const reason = link instanceof CarillonError ? DROPPED_CODES.get(link.code) : undefined;
    if (reason !== undefined) return { verdict: 'drop', reason };
  }
  return { verdict: 'retry' };
}

function retryAfterOf({ retryAfter }: Thrown): number | null {
  const askedMs = typeof retryAfter === 'number' ? retryAfter : readDuration(retryAfter);
  return askedMs === null || Number.isNaN(askedMs) ? null : clampRetryAfterMs(Math.ceil(askedMs));
}

function reasonOf(reason: unknown): string {
  return typeof reason === 'string' && reason !== '' ? storableText(reason, MAX_NAME_BYTES) : 'non_retryable';
}

function infoOf(thrown: unknown, chain: readonly Thrown[]): ErrorInfo {
  const [outer] = chain;
  const code = chain.map(codeOf).find((found) => found !== undefined);
  return {
    name: storableText(typeof outer?.name === 'string' ? outer.name : 'Error', MAX_NAME_BYTES),
    message: storableText(outer ? messageOf(outer) : primitiveText(thrown), MAX_MESSAGE_BYTES),
    ...(code !== undefined && { code: storableText(code, MAX_NAME_BYTES) }),
  };
}

function primitiveText(thrown: unknown): string {
  return typeof thrown === 'string'
    ? thrown
    : `The handler threw ${typeof thrown === 'function' ? 'a function' : String(thrown)}.`;
}

/** An AggregateError often has no message of its own: those of its errors stand in. */
function messageOf(link: Thrown): string {
  if (typeof link.message === 'string' && (link.message !== '' || !Array.isArray(link.errors))) return link.message;
  if (Array.isArray(link.errors))
    return link.errors.map((error) => (error instanceof Error ? error.message : typeof error)).join('; ');
  return JSON.stringify(link);
}

function codeOf(link: Thrown): string | undefined {
  if (typeof link.code === 'string' && link.code !== '') return link.code;
  // The number of a DOMException says less than its name.
  const counts = typeof link.code === 'number' && Number.isFinite(link.code) && !(link instanceof DOMException);
  return counts ? String(link.code) : undefined;
}

/** Bounded text that a text column takes: NUL and lone surrogates become U+FFFD. */
export function storableText(text: string, maxBytes: number): string {
  const clean = text.slice(0, maxBytes + 1).replaceAll(/\0|\p{Surrogate}/gu, '\uFFFD');
  if (Buffer.byteLength(clean) <= maxBytes) return clean;
  return `${Buffer.from(clean)
    .subarray(0, maxBytes - 6)
    .toString('utf8')
    .replace(/\uFFFD$/u, '')}…`;
}
