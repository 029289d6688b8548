import { describe, expect, test } from 'vitest';
import { Leases } from '../../src/worker/leases.ts';

describe('lease rows', () => {
  test('a row is deleted by the commit after its last actor was released, once', () => {
    const leases = new Leases();
    const lease = leases.number();
    leases.opened(lease, ['a', 'b']);
    leases.closed(lease, 'a');
    expect(leases.changes()).toEqual({ emptied: [], rewritten: [] });
    leases.closed(lease, 'b');
    expect(leases.pending).toBe(true);
    expect(leases.changes()).toEqual({ emptied: [lease], rewritten: [] });
    expect(leases.changes()).toEqual({ emptied: [], rewritten: [] });
  });

  test('a row whose last holders linger is written smaller', () => {
    const leases = new Leases();
    const lease = leases.number();
    const actors = Array.from({ length: 100 }, (_, index) => `actor-${index}`);
    leases.opened(lease, actors);
    for (const actor of actors.slice(0, 98)) leases.closed(lease, actor);
    expect(leases.changes().rewritten).toEqual([{ lease, actors: ['actor-98', 'actor-99'] }]);
    expect(leases.changes().rewritten).toEqual([]);
  });

  test('an actor that was never in a row changes nothing', () => {
    const leases = new Leases();
    leases.opened(leases.number(), ['a']);
    leases.closed(1, 'x');
    leases.closed(7, 'a');
    expect(leases.pending).toBe(false);
  });

  test('numbers are never used twice, and an empty claim leaves no row', () => {
    const leases = new Leases();
    const [first, second] = [leases.number(), leases.number()];
    expect(second).toBeGreaterThan(first);
    leases.opened(second, []);
    expect(leases.pending).toBe(false);
  });
});
