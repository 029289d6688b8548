import { expect, test } from 'vitest';
import { recordOf, reviveRecord } from '../../src/run-record.ts';
import { JobLife } from './machines/job-life.ts';

const times = { startedAt: 1000, settledAt: 5000, attempts: 1 };
const job = { standard: true };
const custom = { standard: false };

/** As it is stored and read again. */
function stored<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

test('a job counts its attempts itself, and its output is in the record', () => {
  const output = new JobLife(70).advance(70).fail().advance(500).succeed({ paid: 5 }).record;
  const settled = recordOf(job, { status: 'done', output, dropped: false }, { ...times, startedAt: null });
  expect(settled).toEqual({
    status: 'done',
    outcome: 'success',
    reason: null,
    record: { status: 'success', attempts: 2, startedAt: 70, settledAt: 5000, output: { paid: 5 } },
  });
  expect(reviveRecord(stored(settled.record))).toEqual({
    status: 'success',
    attempts: 2,
    startedAt: new Date(70),
    settledAt: new Date(5000),
    output: { paid: 5 },
  });
});

test('a dropped job says why, with the last error', () => {
  const error = { name: 'CardError', message: 'stolen', code: 'STOLEN' };
  const output = new JobLife(70).advance(70).fail({ error, verdict: 'drop', reason: 'card' }).record;
  const settled = recordOf(job, { status: 'done', output, dropped: false }, times);
  expect([settled.status, settled.outcome, settled.reason]).toEqual(['dropped', 'failed_dropped', 'card']);
  expect(reviveRecord(stored(settled.record))).toEqual({
    status: 'failed_dropped',
    reason: 'card',
    error,
    attempts: 1,
    startedAt: new Date(70),
    settledAt: new Date(5000),
  });
});

test('a job cancelled before it ran has no start', () => {
  const output = new JobLife(70).send({ type: 'job.cancel' }).record;
  const { record, status } = recordOf(job, { status: 'done', output, dropped: false }, times);
  expect([status, record.status, record.attempts, reviveRecord(stored(record)).startedAt]).toEqual([
    'dropped',
    'cancelled',
    0,
    null,
  ]);
});

test('a custom machine that ends is a success with its output', () => {
  expect(recordOf(custom, { status: 'done', output: [1], dropped: false }, times)).toEqual({
    status: 'done',
    outcome: 'success',
    reason: null,
    record: { ...times, status: 'success', output: [1] },
  });
  const nothing = recordOf(custom, { status: 'done', output: undefined, dropped: false }, times).record;
  expect(reviveRecord(stored(nothing))).toMatchObject({ status: 'success', output: undefined });
});

test('a custom machine that ends in a state tagged dropped is dropped, and its output may say why', () => {
  const end = (output: unknown) => recordOf(custom, { status: 'done', output, dropped: true }, times);
  expect(end({ reason: 'too_late', error: new TypeError('x') })).toEqual({
    status: 'dropped',
    outcome: 'failed_dropped',
    reason: 'too_late',
    record: { ...times, status: 'failed_dropped', reason: 'too_late', error: { name: 'TypeError', message: 'x' } },
  });
  expect([undefined, null, 'text', { reason: 5 }].map((output) => end(output).reason)).toEqual(
    Array(4).fill('non_retryable'),
  );
});

test('an unhandled error of a child drops a custom machine, with the error', () => {
  const error = Object.assign(new Error('interrupted'), { code: 'INTERRUPTED' });
  expect(recordOf(custom, { status: 'error', error, dropped: false }, times)).toMatchObject({
    status: 'dropped',
    outcome: 'failed_dropped',
    record: { error: { name: 'Error', message: 'interrupted', code: 'INTERRUPTED' } },
  });
});

test('a machine stopped from outside is cancelled; a reason that text cannot hold is mended', () => {
  expect(recordOf(custom, { status: 'stopped', reason: 'a\0b' }, times)).toEqual({
    status: 'dropped',
    outcome: 'cancelled',
    reason: 'a\uFFFDb',
    record: { ...times, status: 'cancelled', reason: 'a\uFFFDb' },
  });
});
