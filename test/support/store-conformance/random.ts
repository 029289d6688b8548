import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomRun } from './random-run.ts';
import type { StoreUnderTest } from './stage.ts';

/** One move of the world. Numbers pick among what there is, so that every sequence of moves makes sense. */
export type Move =
  | {
      kind: 'schedule';
      delayMs: number;
      priority: number;
      key: number | null;
      starter: number | null;
      limited: boolean;
    }
  | { kind: 'send'; to: number; dedup: number | null }
  | { kind: 'claim'; worker: number; slots: number; suspect: boolean; oldestFirst: boolean }
  | { kind: 'turn'; worker: number; pick: number; end: Ending; sendTo: number | null; spawn: boolean }
  | { kind: 'advance'; ms: number }
  | { kind: 'reap' }
  | { kind: 'admit' }
  | { kind: 'kill' }
  | { kind: 'leave'; worker: number }
  | { kind: 'pause'; paused: boolean }
  | { kind: 'release'; pick: number };

export type Ending = 'let go' | 'now' | 'later' | 'hold' | 'settle' | 'settle, free key' | 'quarantine';

const some = fc.nat({ max: 1_000 });
const worker = fc.nat({ max: 2 });
const endings: readonly Ending[] = ['let go', 'now', 'later', 'hold', 'settle', 'settle, free key', 'quarantine'];

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('schedule' as const),
      delayMs: fc.constantFrom(0, 0, 400, 2_500),
      priority: fc.nat({ max: 9 }),
      key: fc.option(fc.nat({ max: 2 }), { freq: 2 }),
      starter: fc.option(worker),
      limited: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      to: some,
      dedup: fc.option(fc.nat({ max: 2 })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      worker,
      slots: fc.integer({ min: 1, max: 4 }),
      suspect: fc.boolean(),
      oldestFirst: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('turn' as const),
      worker,
      pick: some,
      end: fc.constantFrom(...endings),
      sendTo: fc.option(some, { freq: 3 }),
      spawn: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 399, 1_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reap' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('admit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), worker }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), paused: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: some }) },
);

/** The promises that hold whatever happens, in whatever order. */
export function randomFacts(under: () => StoreUnderTest, runs: number): void {
  describe('whatever happens', () => {
    test('no actor is lost, none settles twice or starts early or beyond its limit, no mail is lost or read twice', async () => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(move, { minLength: 10, maxLength: 80, size: 'max' }), async (moves) => {
          count += 1;
          const run = await RandomRun.begin(under(), `run ${count}`);
          for (const [index, one] of moves.entries()) {
            await run.play(one);
            if (index % 4 === 0) expect(await under().store.audit(10)).toEqual([]);
          }
          await run.finish();
        }),
        { numRuns: runs },
      );
    }, 180_000);
  });
}
