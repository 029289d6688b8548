import { validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { orderedUuids } from '../../src/env/ordered-uuid.ts';

function made(count: number, wallMs: () => number): readonly string[] {
  const next = orderedUuids(wallMs);
  return Array.from({ length: count }, next);
}

test('ids are of version 7, begin with the time, and none comes twice', () => {
  const ids = made(20_000, () => 0x01a22f3db44d);
  expect(ids.every((id) => validate(id) && version(id) === 7 && id.startsWith('01a22f3d-b44d-7'))).toBe(true);
  expect(new Set(ids).size).toBe(20_000);
});

test('they sort as they were made, also while the clock stands still or goes back', () => {
  let nowMs = 1_796_088_903_793;
  const ids = made(20_000, () => (nowMs += [0, 1, -3, 0][nowMs % 4] ?? 0));
  expect([...ids].sort()).toEqual(ids);
});

test('two makers at the same instant make different ids', () => {
  const [one, other] = [made(1_000, () => 5), made(1_000, () => 5)];
  expect(new Set([...one, ...other]).size).toBe(2_000);
});
