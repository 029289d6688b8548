import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cycleIn } from '../../src/flows/cycle.ts';
import { resolveFlowOptions } from '../../src/flows/flow-options.ts';

const job = 'step';

describe('the options of a flow', () => {
  test('give each child the positions of those it comes after', () => {
    const children = [
      { key: 'ship', job, after: ['charge', 'reserve'] },
      { key: 'charge', job, input: 7 },
      { key: 'reserve', job },
    ];
    expect(resolveFlowOptions({ name: 'order', children })).toEqual({
      name: 'order',
      onDrop: 'cancelRest',
      children: [
        { key: 'ship', job, input: undefined, after: [1, 2] },
        { key: 'charge', job, input: 7, after: [] },
        { key: 'reserve', job, input: undefined, after: [] },
      ],
    });
  });

  test.each<[string, object, string]>([
    ['no name', { name: undefined }, "Option 'name' is missing"],
    ['no children', { children: undefined }, "Option 'children' is missing"],
    ['an empty list', { children: [] }, "Option 'children' must be a list of 1 to 10000, got a list of 0"],
    ['too many', { children: Array.from({ length: 10_001 }, (_, n) => ({ key: `k${n}`, job })) }, 'at most 10000'],
    ['a key that is none', { children: [{ key: '1', job }] }, "Option 'children[0].key' must start with a letter"],
    [
      'the same key twice',
      {
        children: [
          { key: 'a', job },
          { key: 'b', job },
          { key: 'a', job },
        ],
      },
      "Option 'children[2].key' is 'a', as children[0].key is.",
    ],
    ['no job', { children: [{ key: 'a' }] }, "Option 'children[0].job' is missing"],
    [
      'an unknown predecessor',
      { children: [{ key: 'a', job, after: ['b'] }] },
      "Option 'children[0].after[0]' names 'b', which is no child of this flow.",
    ],
    [
      'a predecessor named twice',
      {
        children: [
          { key: 'a', job },
          { key: 'b', job, after: ['a', 'a'] },
        ],
      },
      "Option 'children[1].after' names a child twice.",
    ],
    ['itself as predecessor', { children: [{ key: 'a', job, after: ['a'] }] }, "none could start: 'a' → 'a'."],
    [
      'a cycle',
      {
        children: [
          { key: 'x', job },
          { key: 'a', job, after: ['x', 'c'] },
          { key: 'b', job, after: ['a'] },
          { key: 'c', job, after: ['b', 'x'] },
        ],
      },
      "none could start: 'a' → 'b' → 'c' → 'a'.",
    ],
    ['an unknown way to go on', { onDrop: 'retry' }, "Option 'onDrop' must be 'cancelRest' or 'continue'"],
    ['an unknown option', { parallel: 3 }, "Option 'parallel' is unknown. Known here: delay, "],
    ['an option of the wrong kind', { delay: 'soon' }, "Option 'delay' must be a duration"],
  ])('%s is refused', (_, over, message) => {
    expect(() => resolveFlowOptions({ name: 'order', children: [{ key: 'a', job }], ...over })).toThrow(message);
  });
});

describe('a cycle', () => {
  test('is found in any graph that has one, is one, and in no other', () => {
    const graph = fc.array(fc.uniqueArray(fc.nat(11), { maxLength: 3 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(graph, (after) => {
        const cycle = cycleIn(after);
        expect(cycle === null).toBe(startable(after));
        if (!cycle) return;
        expect(cycle.length).toBeGreaterThan(1);
        expect(cycle.at(-1)).toBe(cycle[0]);
        for (const [place, node] of cycle.slice(1).entries()) expect(after[node]).toContain(cycle[place]);
      }),
      { numRuns: 2000 },
    );
  });

  test('is looked for in a chain of ten thousand without running out of stack', () => {
    const chain = Array.from({ length: 10_000 }, (_, n) => (n === 9999 ? [] : [n + 1]));
    expect(cycleIn(chain)).toBeNull();
  });
});

/** Whether all of them can be taken one after the other. */
function startable(after: readonly (readonly number[])[]): boolean {
  const taken = new Set<number>();
  for (let before = -1; before < taken.size; ) {
    before = taken.size;
    for (const [node, earlier] of after.entries()) if (earlier.every((each) => taken.has(each))) taken.add(node);
  }
  return taken.size === after.length;
}
