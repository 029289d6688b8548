/** What of a machine's state counts against maxPayload: each thing by itself, and all of it four times. */
import { expect, test } from 'vitest';
import { excessOf } from '../../src/turn/state-limit.ts';

const LIMIT = 1024;
const limited = { standard: false, maxPayload: LIMIT };
const large = 'x'.repeat(LIMIT - 2);
const text = (state: object): string => `1${JSON.stringify({ m: { v: 'on' }, ...state })}`;

test.each([
  ['its context', { m: { c: `${large}x` } }],
  ['its output', { m: { o: `${large}x` } }],
  ['its error', { m: { x: `${large}x` } }],
  ["its context of child 'kid'", { r: [{ i: 'kid', c: `${large}x` }] }],
  ["its input of 'call'", { e: [{ n: 'call', p: `${large}x` }] }],
  ['its delayed event', { t: [{ i: '1', e: { type: large } }] }],
])('%s is named when it is larger', (name, state) => {
  expect(excessOf(text(state), limited)).toMatch(
    new RegExp(`^${name} of \\d+ bytes is larger than 'maxPayload' allows, 1024\\.$`),
  );
});

test('each of them may be as large as the limit, beside the others', () => {
  expect(excessOf(text({ m: { c: large, o: large }, e: [{ n: 'call', p: large }] }), limited)).toBeNull();
});

test('bytes count, and not characters', () => {
  expect(excessOf(text({ m: { c: 'ä'.repeat(LIMIT / 2) } }), limited)).toMatch(/^its context of 1026 bytes/);
});

test('many that are small enough are too large together from four times the limit on', () => {
  const children = (count: number): object => ({ r: Array.from({ length: count }, (_, i) => ({ i, c: large })) });
  expect(excessOf(text(children(3)), limited)).toBeNull();
  expect(excessOf(text(children(5)), limited)).toMatch(
    /^its snapshot of \d+ bytes is larger than 4 times 'maxPayload', 4096\.$/,
  );
});

test('what machines of ours keep does not count', () => {
  expect(excessOf(text({ m: { c: 'x'.repeat(9 * LIMIT) } }), { ...limited, standard: true })).toBeNull();
});
