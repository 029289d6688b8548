/**
 * What a call hands in to be scheduled, and what it is told once the store has answered: where that run is, or an error when the
 * store kept nothing.
 */
import { decode } from '../codec.ts';
import { IdempotencyConflictError, InvalidInputError } from '../errors.ts';
import type { ResolvedSchedule, ScheduleOptions } from '../options.ts';
import { type RunRecord, reviveRecord, type StoredRecord } from '../run-record.ts';
import type { Scheduled } from '../store/contract.ts';

export interface Submitted {
  readonly id: string;
  readonly outcome: 'scheduled' | 'replaced' | 'skipped_in_flight' | 'skipped_idempotent';
  readonly record?: RunRecord;
  /** Whose place it took. */
  readonly replaced?: string;
}

export interface Submission {
  readonly input: unknown;
  readonly options?: ScheduleOptions | undefined;
  /** What was checked before by rules of its own, instead of `options`. */
  readonly resolved?: ResolvedSchedule;
  /** Label of those it takes the place of. */
  readonly replaces?: string | null;
}

/** What a definition of our own adds to what its caller gave. */
export interface OwnSubmission extends Submission {
  readonly extra?: {
    /** Besides the caller's. */
    readonly labels?: readonly string[];
    /** What a second call with the same idempotency key has to agree with. The stored input unless given. */
    readonly fingerprint?: string;
    /** Of the input; `maxPayload` unless given. */
    readonly maxBytes?: number;
  };
}

/** @throws IdempotencyConflictError @throws InvalidInputError */
export function told(scheduled: Scheduled, { options, resolved }: Submission): Submitted {
  const { id, outcome } = scheduled;
  if (outcome === 'conflict') throw new IdempotencyConflictError((resolved ?? options)?.idempotencyKey ?? '', id);
  if (outcome === 'refused') throw new InvalidInputError('input', `the store refuses it: ${scheduled.error.message}`);
  if (outcome !== 'skipped_idempotent' || scheduled.record === null) return { id, outcome };
  return { id, outcome, record: reviveRecord(decode(scheduled.record) as StoredRecord) };
}
