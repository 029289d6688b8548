/** Pasts taken again through their machine: what `carillon check` and a forensic look cost. Through the public API. */
import { createScheduler, defineJob } from '../../src/index.ts';
import { sharedMs } from '../agent/clock.ts';
import type { Job } from '../agent/contract.ts';
import { count, type Row } from './row.ts';
import { allRan, patienceMs } from './runs.ts';

const AT_ONCE = 10;
const BATCH = 1_000;

const noop = defineJob<Job>({ name: 'noop', queue: 'bench', run: () => undefined });

export const replay: Row = {
  name: 'replay',
  againWithFuture: false,
  once: true,
  slow: true,
  carillonOnly: 'no replay',
  figures: ({ replays }) => [
    { key: 'actors', title: `replay of ${count(replays)} settled jobs`, unit: 'per second', better: 'more' },
    { key: 'steps', title: `replay of ${count(replays)} settled jobs, events`, unit: 'per second', better: 'more' },
  ],
  async run(arena) {
    const { env, sizes, producer } = arena;
    const scheduler = await createScheduler({
      definitions: [noop],
      worker: false,
      logger: false,
      postgres: env['DATABASE_URL'] ?? '',
    });
    try {
      const ids: string[] = [];
      while (ids.length < sizes.replays) {
        const items = Array.from({ length: Math.min(BATCH, sizes.replays - ids.length) }, (_, n) => ({
          input: { i: ids.length + n },
        }));
        for (const { id } of await scheduler.scheduleMany(noop, items)) ids.push(id);
      }
      const worker = arena.startWorker('throughput', ids.length);
      await allRan([worker], ids.length, patienceMs(ids.length));
      await producer.ask('drained', patienceMs(ids.length));
      await worker.stop();
      let steps = 0;
      const startedMs = sharedMs();
      const waiting = ids.values();
      const reader = async (): Promise<void> => {
        for (const id of waiting) {
          const { steps: taken } = await scheduler.replay(id);
          steps += taken.length;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, reader));
      const tookMs = sharedMs() - startedMs;
      return { actors: (ids.length / tookMs) * 1_000, steps: (steps / tookMs) * 1_000 };
    } finally {
      await scheduler.stop();
    }
  },
};
