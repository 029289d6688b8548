import { beforeEach, describe, expect, test } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import { LowWater, type Reach } from '../../src/store/postgres/low-water.ts';

const FROM_START = ['{}', '{}'];
const asked = { queues: [7], defs: [1, 2], inherits: [] };
const ROW = '01a22e6e-0000-7000-8000-000000000001';

let nowMs: number;
let low: LowWater;
beforeEach(() => {
  nowMs = 5_000;
  low = new LowWater({ ...systemEnv, monotonicMs: () => nowMs });
});

function claimed(count: number, reach: Partial<Reach> = {}, tookMs = 1): void {
  const marks = low.marksFor(asked);
  low.reached(marks, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], tookMs, count, { now: 90_000, end: null, emptied: [7], ...reach });
}

/** The mark of each level, of the queues that are asked for. */
function marks(queues: readonly number[] = [7]): readonly string[] {
  const [ats, actors] = low.marksFor({ ...asked, queues });
  if (ats === '{}') return [];
  const [listed, named] = [ats, actors].map((column) => column.slice(1, -1).split(','));
  return (listed ?? []).map((at, level) => `${at} ${named?.[level]}`);
}

describe('a claim begins', () => {
  test('at the start, before two thousand were taken', () => {
    claimed(1_999);
    expect(low.marksFor(asked)).toEqual(FROM_START);
  });

  test('a second before the last one that left nothing, on every level but that of suspects', () => {
    claimed(2_000);
    expect(marks()).toEqual([...Array<string>(10).fill('89000 null'), 'null null']);
  });

  test('at the very row that the last one had no room for, and on other levels where it began before', () => {
    claimed(2_000);
    claimed(1, { end: { queue: 7, priority: 5, at: 89_500, actor: ROW } });
    expect(marks()[5]).toBe(`89500 ${ROW}`);
    expect(marks()[4]).toBe('89000 null');
  });

  test('at the start of a queue that nobody has emptied, whatever the place it is asked for at', () => {
    claimed(2_000);
    const both = marks([8, 7]);
    expect(both.slice(0, 11)).toEqual(Array(11).fill('null null'));
    expect(both[11]).toBe('89000 null');
  });

  test('where it began before, when the last one left rows behind', () => {
    claimed(2_000, { emptied: [] });
    expect(marks()).toEqual(Array(11).fill('null null'));
  });

  test('at the start once a second', () => {
    claimed(2_000);
    nowMs += 999;
    expect(low.marksFor(asked)).not.toEqual(FROM_START);
    nowMs += 1;
    expect(low.marksFor(asked)).toEqual(FROM_START);
  });

  test('at the start as seldom as a twentieth of the time allows', () => {
    claimed(2_000, {}, 200);
    nowMs += 3_999;
    expect(low.marksFor(asked)).not.toEqual(FROM_START);
    nowMs += 1;
    expect(low.marksFor(asked)).toEqual(FROM_START);
  });

  test('at the start for who has code for other definitions, or takes over other ones', () => {
    claimed(2_000);
    low.marksFor({ ...asked, defs: [1] });
    expect(marks()).toEqual(Array(11).fill('null null'));
    claimed(1);
    low.marksFor({ ...asked, inherits: [{ queue: 7, def: 3 }] });
    expect(marks()).toEqual(Array(11).fill('null null'));
  });

  test('at the start of one queue, or of all, when something there may have been due for long', () => {
    claimed(2_000, { emptied: [7, 8] });
    low.forget(7);
    expect(marks([7, 8]).filter((mark) => mark === '89000 null')).toHaveLength(10);
    low.forget();
    expect(marks([7, 8]).filter((mark) => mark === '89000 null')).toEqual([]);
  });
});

describe('who finds nothing more is told to look again', () => {
  test('never, when it has looked from the start', () => {
    claimed(2_000);
    expect(low.againAt(90_000)).toBeNull();
  });

  test('when the next look from the start is due', () => {
    claimed(2_000);
    nowMs += 400.5;
    claimed(1);
    expect(low.againAt(90_000)).toBe(90_600);
    nowMs += 600;
    claimed(1);
    expect(low.againAt(90_000)).toBeNull();
  });
});

describe('who asks what is due next looks', () => {
  test('from the start after a claim that did: what was locked is not behind its mark', () => {
    claimed(2_000);
    expect(low.marksOf(asked.queues, asked.defs)).toEqual(FROM_START);
  });

  test('from the mark after a claim by marks, unless it asks for other definitions', () => {
    claimed(2_000);
    claimed(1);
    expect(low.marksOf(asked.queues, asked.defs)).not.toEqual(FROM_START);
    expect(low.marksOf(asked.queues, [1])).toEqual(FROM_START);
  });
});
