import { expect, test } from 'vitest';
import { uuidV7 } from '../../src/uuid-v7.ts';

const NOW = Date.UTC(2200, 0, 1);

test('an id is a UUID of version 7 that says when it was made', () => {
  const id = uuidV7(NOW);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(NOW);
});

test('ids go up within a millisecond, and where the clock goes back', () => {
  const ids = Array.from({ length: 100_000 }, (_, index) => uuidV7(NOW + Math.floor(index / 40_000) - (index % 7)));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the random part is another one each time', () => {
  const parts = Array.from({ length: 5_000 }, () => uuidV7(NOW).slice(24));
  expect(new Set(parts).size).toBe(parts.length);
});
