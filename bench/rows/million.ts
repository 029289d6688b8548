/** One worker process through a million jobs: whether it keeps its pace, and what it remembers. */
import { drain } from './drain.ts';
import { count, type Row } from './row.ts';

export const million: Row = {
  name: 'million',
  againWithFuture: false,
  long: true,
  once: true,
  figures: ({ longDrain }) => [
    { key: 'drain', title: `drain ${count(longDrain)}, one worker process`, unit: 'per second', better: 'more' },
    { key: 'rss', title: `worker memory after ${count(longDrain)}`, unit: 'MB', better: 'less' },
    { key: 'cpu', title: `worker processor time a job over ${count(longDrain)}`, unit: 'µs', better: 'less' },
  ],
  expectedMs(reached, { longDrain }) {
    const [bulk, drained] = [reached('drain.bulk'), reached('drain.drain')];
    return bulk && drained && (longDrain / bulk + longDrain / drained) * 1_000;
  },
  async run(arena) {
    await arena.producer.ask('bulk', arena.sizes.longDrain);
    await arena.checkpoint();
    const { perSecond, rssMb, cpuPerJob } = await drain(arena, arena.sizes.longDrain, 1);
    return { drain: perSecond, rss: rssMb, cpu: cpuPerJob };
  },
};
