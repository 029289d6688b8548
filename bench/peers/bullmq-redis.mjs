/** BullMQ on Redis, which it was made for. */
import { openProducer, startWorker } from './bullmq.mjs';

const CONCURRENCY = 100;
const { hostname, port, pathname, username, password } = new URL(process.env.REDIS_URL);
const connection = {
  host: hostname,
  port: Number(port || 6379),
  db: Number(pathname.slice(1) || 0),
  ...(username && { username }),
  ...(password && { password }),
  maxRetriesPerRequest: null,
};

export default {
  settings: {
    worker: `concurrency ${CONCURRENCY}, removeOnComplete`,
    producer: 'add, 50 in flight on one connection; addBulk 1,000',
  },
  prepare: async () => undefined,
  connect: () =>
    openProducer(connection, undefined, async (queue) => {
      const { wait, active, prioritized, paused } = await queue.getJobCounts('wait', 'active', 'prioritized', 'paused');
      // Those of a herd or of timers are delayed until their instant; the ones of the far future are not counted.
      const soon = await queue.getDelayed(0, 0);
      const due = soon.some(({ timestamp, delay }) => timestamp + delay < Date.now() + 86_400_000) ? 1 : 0;
      return wait + active + (prioritized ?? 0) + (paused ?? 0) + due;
    }),
  work: (_purpose, started) => startWorker(connection, undefined, CONCURRENCY, started),
};
