import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRedactPath, redacted } from '../../src/telemetry/redact.ts';

describe('what a path hides', () => {
  test.each([
    ['a key at the top', 'card', { card: 1, name: 'a' }, { card: '[Redacted]', name: 'a' }],
    [
      'a key at any depth',
      'password',
      { a: { b: [{ password: 'x', c: 1 }] } },
      { a: { b: [{ password: '[Redacted]', c: 1 }] } },
    ],
    [
      'a key under another',
      'card.number',
      { card: { number: 1 }, number: 2 },
      { card: { number: '[Redacted]' }, number: 2 },
    ],
    ['items of an array, named', 'cards[*].number', { cards: [{ number: 1 }] }, { cards: [{ number: '[Redacted]' }] }],
    ['items of an array, not named', 'cards.number', { cards: [{ number: 1 }] }, { cards: [{ number: '[Redacted]' }] }],
    ['one item', 'cards[1]', { cards: [1, 2] }, { cards: [1, '[Redacted]'] }],
    ['every member', 'secrets.*', { secrets: { a: 1, b: [2] } }, { secrets: { a: '[Redacted]', b: '[Redacted]' } }],
    ['every item', 'secrets.*', { secrets: ['a', 'b'] }, { secrets: ['[Redacted]', '[Redacted]'] }],
    [
      'a key with a hyphen',
      'headers["set-cookie"]',
      { headers: { 'set-cookie': 1 } },
      { headers: { 'set-cookie': '[Redacted]' } },
    ],
    ['a whole branch', 'card', { card: { number: 1, name: 'x' } }, { card: '[Redacted]' }],
    ['what is null', 'card', { card: null }, { card: '[Redacted]' }],
  ])('%s', (_title, path, value, shown) => {
    const before = JSON.stringify(value);
    expect(redacted(value, [path])).toEqual(shown);
    expect(JSON.stringify(value)).toBe(before);
  });

  test('an error keeps being one, without the words that are hidden', () => {
    const error = Object.assign(new Error('card 4111'), { config: { token: 'x' }, code: 'E' });
    const shown = redacted({ error }, ['error.message', 'token']) as { error: typeof error };
    expect(shown.error).toBeInstanceOf(Error);
    expect(shown.error).toMatchObject({ message: '[Redacted]', config: { token: '[Redacted]' }, code: 'E' });
    expect(error.message).toBe('card 4111');
  });

  test('what contains itself is not walked for ever, nor shown unhidden inside itself', () => {
    const knot: Record<string, unknown> = { password: 'x' };
    knot['self'] = knot;
    expect(redacted(knot, ['password'])).toEqual({ password: '[Redacted]', self: '[Circular]' });
  });

  test('what holds nothing to hide is the same object', () => {
    const value = { a: { at: new Date(0), b: [1] }, password: 1 };
    const shown = redacted(value, ['password']) as typeof value;
    expect(shown.a).toBe(value.a);
    expect(redacted(value, ['other'])).toBe(value);
    expect(redacted('password', ['password'])).toBe('password');
  });

  test('nothing named is left anywhere, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.jsonValue(), (around, secret) => {
        const value = { around, list: [{ deep: { token: { secret, mark: 'must not show' } } }] };
        expect(JSON.stringify(redacted(value, ['token']))).not.toContain('must not show');
      }),
    );
  });
});

test.each([
  ['card.number', ['card', 'number']],
  ['cards[0].number', ['cards', '0', 'number']],
  ["a['b.c'][*]", ['a', 'b.c', '*']],
  ['*.a', ['*', 'a']],
  ['', null],
  ['.a', null],
  ['a..b', null],
  ['a.', null],
  ['a[', null],
  ['a[b]', null],
  ['[0]a', null],
])('%s is read as %j', (path, keys) => {
  expect(readRedactPath(path)).toEqual(keys);
});
