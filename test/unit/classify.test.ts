import { describe, expect, test } from 'vitest';
import { classify, DropError, isRetryable, RetryableError } from '../../src/classify.ts';
import {
  IdempotencyConflictError,
  InvalidInputError,
  ThreadNotFoundError,
  ThreadStoppedError,
  UnknownDefinitionError,
} from '../../src/errors.ts';

const DAY_MS = 86_400_000;

function wrapped(cause: unknown, depth = 1): Error {
  const error = new Error(`layer ${depth}`, { cause });
  return depth === 1 ? error : wrapped(error, depth - 1);
}

function coded(code: unknown, message = 'm'): Error {
  return Object.assign(new Error(message), { code });
}

class CardDeclined extends DropError {}

const drop = (reason: string) => ({ verdict: 'drop', reason });
const retry = { verdict: 'retry', reason: undefined, retryAfterMs: undefined };

const verdicts: [string, unknown, object][] = [
  ['a plain error', new Error('boom'), retry],
  ['a drop', new DropError('no'), drop('non_retryable')],
  ['a drop with a reason', new DropError('no', { reason: 'card_declined' }), drop('card_declined')],
  ['a drop with an empty reason', new DropError('no', { reason: '' }), drop('non_retryable')],
  ["a drop of one's own class", new CardDeclined('no', { reason: 'card' }), drop('card')],
  ['a drop deep in the cause chain', wrapped(new DropError('no', { reason: 'deep' }), 40), drop('deep')],
  ['a drop beyond 50 causes', wrapped(new DropError('no'), 60), retry],
  ['a retry around a drop: the outer marker decides', new RetryableError('x', { cause: new DropError('no') }), retry],
  [
    'a drop around a retry: the outer marker decides',
    new DropError('x', { cause: new RetryableError('y') }),
    drop('non_retryable'),
  ],
  [
    'a drop from another copy of this package',
    Object.assign(new Error('no'), { [Symbol.for('carillon.verdict')]: 'drop', reason: 'far' }),
    drop('far'),
  ],
  [
    'an explicit retry around a code that drops',
    new RetryableError('x', { cause: new ThreadNotFoundError('t') }),
    retry,
  ],
  ['a retry after text', new RetryableError('x', { retryAfter: '30s' }), { ...retry, retryAfterMs: 30_000 }],
  ['a retry after a number', new RetryableError('x', { retryAfter: 1500.2 }), { ...retry, retryAfterMs: 1501 }],
  ['a retry after too long', new RetryableError('x', { retryAfter: '30d' }), { ...retry, retryAfterMs: 7 * DAY_MS }],
  ['a retry after for ever', new RetryableError('x', { retryAfter: Infinity }), { ...retry, retryAfterMs: 7 * DAY_MS }],
  ['a retry after less than nothing', new RetryableError('x', { retryAfter: -5 }), { ...retry, retryAfterMs: 0 }],
  ['a retry after nonsense', new RetryableError('x', { retryAfter: 'soon' as never }), retry],
  [
    'retryAfter on any error in the chain',
    wrapped(Object.assign(new Error('429'), { retryAfter: '2m' })),
    { ...retry, retryAfterMs: 120_000 },
  ],
  ['a thread that is gone', wrapped(new ThreadNotFoundError('t'), 3), drop('thread_not_found')],
  ['a thread that was stopped', new ThreadStoppedError('t'), drop('thread_stopped')],
  ['an input that is refused', new InvalidInputError('input.a', 'is wrong'), drop('non_retryable')],
  ['a key with another input', new IdempotencyConflictError('k', 'id'), drop('non_retryable')],
  ['a definition another deploy may bring', new UnknownDefinitionError('x', []), retry],
  ["somebody else's error with a code of ours", coded('INVALID_INPUT'), retry],
  ['an aborted call', new DOMException('aborted', 'AbortError'), retry],
  ['undefined', undefined, retry],
  ['null', null, retry],
  ['text', 'boom', retry],
];

test.each(verdicts)('verdict on %s', (_, thrown, expected) => {
  const { verdict, reason, retryAfterMs } = classify(thrown);
  expect({ verdict, reason, retryAfterMs }).toEqual({ retryAfterMs: undefined, ...expected });
  expect(isRetryable(thrown)).toBe(verdict === 'retry');
});

describe('what is stored of an error', () => {
  const infos: [string, unknown, object][] = [
    ['an error', new TypeError('not a function'), { name: 'TypeError', message: 'not a function' }],
    ['an error with a code', coded('ECONNRESET'), { name: 'Error', message: 'm', code: 'ECONNRESET' }],
    [
      'the first code of the chain',
      wrapped(coded('ECONNREFUSED')),
      { name: 'Error', message: 'layer 1', code: 'ECONNREFUSED' },
    ],
    ['a number as code', coded(429), { name: 'Error', message: 'm', code: '429' }],
    ['an aborted call', new DOMException('stop', 'AbortError'), { name: 'AbortError', message: 'stop' }],
    ["a class of one's own", new CardDeclined('no'), { name: 'CardDeclined', message: 'no' }],
    [
      'errors without a message of their own',
      new AggregateError([new Error('a'), new Error('b')]),
      { name: 'AggregateError', message: 'a; b' },
    ],
    ['text', 'boom', { name: 'Error', message: 'boom' }],
    ['nothing', undefined, { name: 'Error', message: 'The handler threw undefined.' }],
    ['a symbol', Symbol('s'), { name: 'Error', message: 'The handler threw Symbol(s).' }],
    ['a function', () => 1, { name: 'Error', message: 'The handler threw a function.' }],
    ['an object', { status: 500 }, { name: 'Error', message: '{"status":500}' }],
    ['NUL and half a character', new Error('a\0b\uD800c'), { name: 'Error', message: 'a\uFFFDb\uFFFDc' }],
  ];

  test.each(infos)('%s', (_, thrown, expected) => {
    expect(classify(thrown).error).toEqual(expected);
  });

  test('a message of any size is cut to 8 KiB of whole characters', () => {
    for (const text of ['x', 'ä', '𝄞'].map((character) => character.repeat(100_000))) {
      const { message } = classify(new Error(text)).error;
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8192);
      expect(Buffer.byteLength(message)).toBeGreaterThan(8180);
      expect(message).toMatch(/^(x+|ä+|𝄞+)…$/u);
    }
    expect(classify(new Error('x'.repeat(8192))).error.message).toHaveLength(8192);
  });

  test('errors in a circle, and errors that cannot be looked at, are still answered', () => {
    const a = new Error('a');
    a.cause = new Error('b', { cause: a });
    const circle = new AggregateError([]);
    circle.errors.push(circle, circle);
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('hands off');
      },
    });
    const self: Record<string, unknown> = {};
    self['self'] = self;
    expect([a, circle].map((error) => classify(error).verdict)).toEqual(['retry', 'retry']);
    expect([hostile, self].map((error) => classify(error).error.message)).toEqual(
      Array(2).fill('The handler threw something that cannot be read.'),
    );
  });
});
