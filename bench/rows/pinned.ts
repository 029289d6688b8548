/**
 * The drain once more, while another session holds a snapshot since before a hundred thousand jobs ran: none of what they left
 * behind can be cleaned away. A queue that steps over it pays for every job that ever ran under that snapshot.
 */
import { drain } from './drain.ts';
import { count, type Row } from './row.ts';

export const pinned: Row = {
  name: 'pinned',
  againWithFuture: false,
  slow: true,
  figures: ({ jobs, manyJobs }) => [
    {
      key: 'steady',
      title: `drain ${count(jobs)} under a snapshot held since before ${count(manyJobs)} jobs ran, without start`,
      unit: 'per second',
      better: 'more',
    },
  ],
  expectedMs(reached, { jobs, manyJobs }) {
    const [bulk, drained] = [reached('drain.bulk'), reached('drain.drain')];
    return bulk && drained && (jobs + manyJobs) * (1 / bulk + 1 / drained) * 1_000;
  },
  async run(arena) {
    const { jobs, manyJobs } = arena.sizes;
    const release = arena.system.store === 'redis' ? async () => undefined : await arena.holdSnapshot();
    try {
      await arena.producer.ask('bulk', manyJobs);
      await drain(arena, manyJobs, 1);
      await arena.producer.ask('bulk', jobs);
      await arena.checkpoint();
      const { steadyPerSecond } = await drain(arena, jobs, 1);
      return { steady: steadyPerSecond };
    } finally {
      await release();
    }
  },
};
