import { expect, test } from 'vitest';
import { defineJob } from '../../src/definitions.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

test('jobs that fail together do not retry together', () => {
  const retry = { maxRetries: 1, backoff: { base: 10_000, jitter: 0.5 } };
  const job = loaded(defineJob({ name: 'job', retry, run: () => 1 }));
  const failure = { error: { name: 'Error', message: 'no' }, verdict: 'retry' };
  const retryAt = (id: string): number | null => {
    const turn = new Turn({ ...newborn(job), id });
    turn.begin(T0);
    turn.fireDue(T0, T0);
    turn.takeResult(turn.starts[0]?.ref ?? '', { ok: false, error: failure }, T0);
    expect(turn.value).toBe('retrying');
    return turn.nextDueAt;
  };
  const times = Array.from({ length: 20 }, (_, index) => retryAt(`actor-${index}`));
  expect(new Set(times).size).toBeGreaterThan(15);
  expect(retryAt('actor-0')).toBe(times[0]);
});
