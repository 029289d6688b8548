import { describe, expect, test } from 'vitest';
import { followupDefinition } from '../../src/followups/definition.ts';
import { resolveFollowup, resolveOwnedFollowup } from '../../src/followups/options.ts';

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const limits = { now: NOW, maxBytes: 2048 };
const basic = { threadId: 't-1', message: { text: 'check' } };
const resolve = (options: object) => resolveFollowup({ ...basic, delay: '10m', ...options }, limits);
const at = (aheadMs: number) => resolve({ delay: undefined, at: new Date(NOW + aheadMs) });

test('what is left out has its default, and the labels say whose it is', () => {
  expect(resolve({})).toEqual({
    input: { threadId: 't-1', message: { text: 'check' } },
    schedule: {
      when: { afterMs: 600_000 },
      idempotencyKey: null,
      priority: 5,
      queue: 'followups',
      labels: ['thread:t-1'],
      client: null,
    },
    replaces: null,
  });
  const full = resolve({ key: 'build', idempotencyKey: 'once', labels: ['a', 'keyed:x'], deleteAfterRun: false });
  expect(full.schedule).toMatchObject({
    idempotencyKey: 'once',
    labels: ['thread:t-1', 'key:build', 'kept', 'a', 'keyed:x'],
  });
  expect(full.replaces).toBe('key:build');
});

test('a retry of its own is stored in full, and begins with it', () => {
  const { input } = resolve({ retry: { maxRetries: 1, byCode: { E: { backoff: { base: '1s' } } } } });
  const backoff = { baseMs: 200, factor: 2, maxMs: 3_600_000, jitter: 0.1 };
  const retry = { maxRetries: 1, backoff };
  const byCode = { E: { maxRetries: 1, backoff: { ...backoff, baseMs: 1000 } } };
  expect(input.retry).toEqual({ retry, byCode });
  expect(followupDefinition.begin?.(input, 5, 0)).toMatchObject({ dueAt: 5, policy: { retry, byCode } });
});

describe('when it is due', () => {
  test('is 1 second to 366 days ahead, to the millisecond', () => {
    expect(at(1_000).schedule.when).toEqual({ at: NOW + 1_000 });
    expect(at(366 * DAY_MS).schedule.when).toEqual({ at: NOW + 366 * DAY_MS });
    expect(resolve({ delay: '366d' }).schedule.when).toEqual({ afterMs: 366 * DAY_MS });
    expect(resolve({ delay: 1_000 }).schedule.when).toEqual({ afterMs: 1_000 });
  });

  test.each([-DAY_MS, -1, 0, 999, 366 * DAY_MS + 1])('%d ms ahead is refused and not clamped', (aheadMs) => {
    expect(() => at(aheadMs)).toThrow(
      /Option 'at' must lie 1s to 366d ahead of the database's clock, 2023-11-14T22:13:20/,
    );
  });

  test.each([
    0,
    999,
    '999ms',
    '367d',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.MAX_SAFE_INTEGER,
    '100y',
    '',
    null,
  ])('a delay of %s is refused and not clamped', (delay) => {
    expect(() => resolve({ delay })).toThrow(/Option 'delay' must be a duration from 1s to 366d/);
  });

  test('has to be said, and only once', () => {
    expect(() => resolve({ delay: undefined })).toThrow(/Option 'delay' is missing: give 'delay' or 'at', 1s to 366d/);
    expect(() => resolve({ at: new Date(NOW + 5_000) })).toThrow(/Option 'at' excludes 'delay'/);
  });
});

test.each<[object, string | RegExp]>([
  [{ threadId: undefined }, /Option 'threadId' is missing/],
  [{ threadId: '' }, /'threadId' must be text of 1 to 512 bytes/],
  [{ threadId: 'ä'.repeat(257) }, /'threadId' must be text of 1 to 512 bytes/],
  [{ threadId: 5 }, /'threadId' must be text/],
  [{ threadId: 'a\0' }, /'threadId' must be text without NUL/],
  [{ message: undefined }, /Option 'message' is missing/],
  [{ message: { deep: [() => 1] } }, /^message\.deep\[0\]: a function cannot be stored/],
  [{ message: 'x'.repeat(2048) }, /^message: takes 2051 bytes; the limit is 2048/],
  [{ key: '' }, /'key' must be text of 1 to 512 bytes/],
  [{ key: 'x'.repeat(513) }, /'key' must be text/],
  [{ idempotencyKey: 'x'.repeat(513) }, /'idempotencyKey' must be text/],
  [{ labels: ['x'.repeat(65)] }, /'labels\[0\]' must be text of 1 to 64/],
  [{ labels: ['ok', 'thread:t-2'] }, /'labels\[1\]' must not be 'kept' nor begin with 'thread:' or 'key:'/],
  [{ labels: ['key:build'] }, /'labels\[0\]' must not be/],
  [{ labels: ['kept'] }, /'labels\[0\]' must not be/],
  [{ labels: Array(21).fill('a') }, /'labels' must be a list of at most 20/],
  [{ retry: { maxRetries: 1001 } }, /'retry.maxRetries' must be a whole number from 0 to 1000/],
  [{ retry: { byCode: { E: { backoff: { base: '2h' } } } } }, /'retry.byCode.E.backoff.base' must be at most 'max'/],
  [{ deleteAfterRun: 'no' }, /'deleteAfterRun' must be true or false/],
  [{ priority: 3 }, /Option 'priority' is unknown. Known here: threadId, message, delay/],
])('refusal %# names the option and what it takes', (options, message) => {
  expect(() => resolve(options)).toThrow(message);
});

describe('one that a machine invokes', () => {
  const owned = (input: object) => resolveOwnedFollowup({ ...basic, delay: '10m', ...input }, limits);

  test.each([undefined, null, ''])('may name no thread (%s), which its own end tells', (threadId) => {
    expect(owned({ threadId })).toMatchObject({ input: { threadId: null }, schedule: { labels: [] } });
  });

  test('is refused like any other where it makes no sense', () => {
    expect(() => owned({ threadId: 5 })).toThrow(/'threadId' must be text/);
    expect(() => owned({ delay: 1 })).toThrow(/'delay' must be a duration from 1s/);
    expect(() => owned({ idempotencyKey: 'k' })).toThrow(/'idempotencyKey' is unknown/);
    expect(() => resolveOwnedFollowup(undefined, limits)).toThrow(/is missing/);
  });
});
