import { describe, expect, test } from 'vitest';
import { clip, plain, relative, short, stateText, statusText } from '../../../src/cli/wording.ts';
import type { Recovering } from '../../../src/reading/recovery-words.ts';
import type { ActorView } from '../../../src/reading/views.ts';

describe('text from the database', () => {
  test('loses what would move the cursor, recolour or retitle the terminal', () => {
    expect(plain('\u001b[31mred\u001b[0m')).toBe('red');
    expect(plain('\u001b]0;title\u0007text')).toBe('text');
    expect(plain('\u009b2Jgone')).toBe('gone');
    expect(plain('a\u001b[2K\u001b[1Ab')).toBe('ab');
  });

  test('loses control characters and marks that turn the direction of text', () => {
    expect(plain('a\u0000b\u0008c\u007fd\u0085e')).toBe('abcde');
    expect(plain('abc\u202edef\u2066ghi\u200f')).toBe('abcdefghi');
  });

  test('stays on one line', () => {
    expect(plain('first\r\n  second\tthird')).toBe('first second third');
  });

  test('keeps letters of every script, and emoji', () => {
    expect(plain('Žluťoučký 鐘 🔔 ّ')).toBe('Žluťoučký 鐘 🔔 ّ');
  });

  test('is never left with an escape character, whatever it was', () => {
    for (const text of ['\u001b', '\u001b[', '\u001b]8;;http://x', '\u001b\u001b[31m[31m', '\u009d0;x']) {
      expect(plain(text)).not.toMatch(/\p{Cc}/u);
    }
  });
});

test('a cut is visible', () => {
  expect(clip('abcdef', 4)).toBe('abc…');
  expect(clip('abcd', 4)).toBe('abcd');
  expect(short({ a: 'b'.repeat(50) }, 10)).toBe('{"a":"bbb…');
});

test('states read as dotted paths', () => {
  expect(stateText(null)).toBe('not begun');
  expect(stateText('waiting')).toBe('waiting');
  expect(stateText({ math: { added: 'twice' } })).toBe('math.added.twice');
  expect(stateText({ left: 'a', right: { b: {} } })).toBe('left.a right.b');
});

test('instants read as distances from now', () => {
  expect(relative(new Date(10_000), 10_000)).toBe('now');
  expect(relative(new Date(13_000), 10_000)).toBe('in 3s');
  expect(relative(new Date(10_000), 190_000)).toBe('3m ago');
});

test('a job that recovers reads as failed, with what comes next and when', () => {
  const view = (recovering: Recovering): ActorView =>
    ({ status: 'active', state: 'recovering', recovering }) as ActorView;
  const text = (afterMs: number, of: number | undefined = 5): string =>
    statusText(view({ attempt: 2, ...(of > 0 && { of }), nextAt: new Date(10_000 + afterMs) }), 10_000);
  expect(text(28_000)).toBe('Failed (recovering, 2 of 5, next in 28 s)');
  expect(text(27_001)).toBe('Failed (recovering, 2 of 5, next in 28 s)');
  expect(text(600_000)).toBe('Failed (recovering, 2 of 5, next in 10 m)');
  expect(text(-1)).toBe('Failed (recovering, 2 of 5, next now)');
  expect(text(28_000, 0)).toBe('Failed (recovering, 2, next in 28 s)');
});
