/**
 * The one answer a run leaves behind: how it ended, why, and with what. Every settling is described here, of standard and
 * custom machines alike, so that no way out can skip a part.
 */

import type { JobOutput } from '../machines/job.ts';
import type { ErrorInfo } from '../machines/job-policy.ts';
import { classify, storableText } from './classify.ts';
import type { Instant } from './store/contract.ts';

const MAX_REASON_BYTES = 1024;

/** How a run ended. `status` tells success from the three ways of being dropped; `reason` says why it was dropped. */
export type RunRecord<O = unknown> = {
  readonly attempts: number;
  readonly startedAt: Date | null;
  readonly settledAt: Date;
  readonly error?: ErrorInfo;
} & (
  | { readonly status: 'success'; readonly output: O; readonly reason?: undefined }
  | {
      readonly status: 'failed_dropped' | 'cancelled' | 'expired';
      readonly reason: string;
      readonly output?: undefined;
    }
);

/** A run record as it is stored: instants are milliseconds. */
export interface StoredRecord {
  readonly status: RunRecord['status'];
  readonly reason?: string;
  readonly error?: ErrorInfo;
  readonly attempts: number;
  readonly startedAt: Instant | null;
  readonly settledAt: Instant;
  readonly output?: unknown;
}

/** What settling writes. */
export interface Settlement {
  readonly record: StoredRecord;
  readonly status: 'done' | 'dropped';
  readonly outcome: RunRecord['status'];
  readonly reason: string | null;
}

/** How a machine came to its end. `dropped`: its final state has that tag. `stopped`: ended from outside, unasked. */
export type Ending =
  | {
      readonly status: 'done' | 'error';
      readonly output?: unknown;
      readonly error?: unknown;
      readonly dropped: boolean;
    }
  | { readonly status: 'stopped'; readonly reason: string };

/** `startedAt` and `attempts` are for machines that do not count themselves. */
export interface RunTimes {
  readonly startedAt: Instant | null;
  readonly settledAt: Instant;
  readonly attempts: number;
}

/** The settlement of a run that ended so. A standard machine's output is the record but for the time of settling. */
export function recordOf(definition: { readonly standard: boolean }, ending: Ending, times: RunTimes): Settlement {
  const own = definition.standard && ending.status === 'done' ? (ending.output as JobOutput) : null;
  const ended: Outcome = own ?? customOutcome(ending);
  // Anyone may have given the reason, and it is stored in a column of its own.
  const reason = ended.reason === undefined ? null : storableText(ended.reason, MAX_REASON_BYTES);
  const { status } = ended;
  const { attempts, startedAt } = own ?? times;
  const record: { -readonly [K in keyof StoredRecord]: StoredRecord[K] } = {
    status,
    attempts,
    startedAt,
    settledAt: times.settledAt,
  };
  if (reason !== null) record.reason = reason;
  if (ended.error !== undefined) record.error = ended.error;
  if (ended.output !== undefined) record.output = ended.output;
  return { record, status: status === 'success' ? 'done' : 'dropped', outcome: status, reason };
}

/** The output of a machine that ended well, as its record tells it. */
export function outputOf(definition: { readonly standard: boolean }, record: StoredRecord): unknown {
  const { settledAt: _settledAt, ...own } = record;
  return definition.standard ? own : own.output;
}

type Outcome = Pick<StoredRecord, 'status' | 'reason' | 'error' | 'output'>;

function customOutcome(ending: Ending): Outcome {
  if (ending.status === 'stopped') return { status: 'cancelled', reason: ending.reason };
  if (ending.status === 'error') {
    const { error, reason = 'non_retryable' } = classify(ending.error);
    return { status: 'failed_dropped', reason, error };
  }
  if (!ending.dropped) return { status: 'success', output: ending.output };
  return { status: 'failed_dropped', ...droppedBecause(ending.output) };
}

/** A machine that ends in a state tagged `dropped` may say why in its output: `reason`, `error`, or both. */
function droppedBecause(output: unknown): { reason: string; error?: ErrorInfo } {
  const { reason, error } = (output ?? {}) as { readonly reason?: unknown; readonly error?: unknown };
  return {
    reason: typeof reason === 'string' && reason !== '' ? reason : 'non_retryable',
    ...(error !== undefined && error !== null && { error: classify(error).error }),
  };
}

/** The record as callers see it. */
export function reviveRecord(stored: StoredRecord): RunRecord {
  const { status, reason, error, attempts, startedAt, settledAt, output } = stored;
  const times = {
    attempts,
    startedAt: startedAt === null ? null : new Date(startedAt),
    settledAt: new Date(settledAt),
    ...(error && { error }),
  };
  return status === 'success' ? { ...times, status, output } : { ...times, status, reason: reason ?? 'non_retryable' };
}
