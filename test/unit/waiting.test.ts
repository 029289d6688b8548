import { describe, expect, test } from 'vitest';
import { inState } from '../../src/waiting.ts';

describe('a state path', () => {
  test.each([
    ['"done"', 'done', true],
    ['"done"', 'do', false],
    ['"done"', 'done.more', false],
    ['{"math":"added"}', 'math', true],
    ['{"math":"added"}', 'math.added', true],
    ['{"math":"added"}', 'math.other', false],
    ['{"math":"added"}', 'added', false],
    ['{"a":{"b":"c"},"x":"y"}', 'a.b.c', true],
    ['{"a":{"b":"c"},"x":"y"}', 'x.y', true],
    ['{"a":{"b":"c"},"x":"y"}', 'a.y', false],
    ['{"a":"b"}', 'constructor', false],
  ])('in %s, %s is %s', (state, path, expected) => {
    expect(inState(state, path)).toBe(expected);
  });
});
