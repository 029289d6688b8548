import { beforeEach, describe, expect, test } from 'vitest';
import { ClaimChoice, LEVELS } from '../../src/store/postgres/claim-choice.ts';

let choice: ClaimChoice;
beforeEach(() => {
  choice = new ClaimChoice();
});

/** How many thorough claims follow, if the plain ones between them pass something over or do not. */
function followed(passed: boolean): number {
  choice.plainly(passed);
  let count = 0;
  for (; choice.thorough; count += 1) choice.thoroughly();
  return count;
}

describe('the plain claim comes first', () => {
  test('as long as it passes nothing over', () => {
    expect([followed(false), followed(false)]).toEqual([0, 0]);
  });

  test('less and less often while it does, up to once in seventeen', () => {
    expect([1, 2, 3, 4, 5, 6].map(() => followed(true))).toEqual([1, 2, 4, 8, 16, 16]);
  });

  test('again as often as at first, once it did not', () => {
    for (let count = 0; count < 6; count += 1) followed(true);
    followed(false);
    expect(followed(true)).toBe(1);
  });
});

describe('a claim looks', () => {
  const take = (count: number, priority = 5): void => {
    for (let n = 0; n < count; n += 1) choice.took([{ priority }], false);
  };

  test('on all levels before a hundred were made', () => {
    take(99);
    expect(choice.levels).toEqual(LEVELS);
  });

  test('after that on those of what was ever taken', () => {
    take(98);
    take(2, 3);
    expect(choice.levels).toEqual([3, 5]);
  });

  test('on all levels while there is a backlog', () => {
    take(100);
    choice.took([], true);
    expect(choice.levels).toEqual(LEVELS);
    choice.took([], false);
    expect(choice.levels).toEqual([5]);
  });

  test('also where something waits, which is news only once', () => {
    take(100);
    expect(choice.learn(new Set([7]))).toBe(true);
    expect(choice.learn(new Set([7, 5]))).toBe(false);
    expect(choice.levels).toEqual([5, 7]);
  });
});
