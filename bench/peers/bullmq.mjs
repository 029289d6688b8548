/** What BullMQ's two stores have in common. */
import { Queue, Worker } from 'bullmq';

const QUEUE = 'bench';
/** Failures stay, to be counted. */
const keepNoSuccess = { removeOnComplete: true };

function delayed(data) {
  const timestamp = Date.now();
  return { name: 'noop', data, opts: { timestamp, delay: Math.max(0, Math.round(data.dueMs - timestamp)) } };
}

/** `backend`: the factory of its Postgres store, or undefined for Redis. `remaining` is asked of the store by the caller. */
export async function openProducer(connection, backend, remaining) {
  const queue = new Queue(QUEUE, { connection, defaultJobOptions: keepNoSuccess }, backend);
  queue.on('error', (error) => console.error('bullmq:', error.message));
  await queue.waitUntilReady();
  return {
    add: (job) => queue.add('noop', job),
    addMany: (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'noop', data }))),
    addManyAt: (jobs) => queue.addBulk(jobs.map(delayed)),
    remaining: () => remaining(queue),
    failed: () => queue.getFailedCount(),
    close: () => queue.close(),
  };
}

export async function startWorker(connection, backend, concurrency, started) {
  const worker = new Worker(
    QUEUE,
    async (job) => started(job.data),
    { connection, concurrency, removeOnComplete: { count: 0 } },
    backend,
  );
  worker.on('error', (error) => console.error('bullmq:', error.message));
  await worker.waitUntilReady();
  return () => worker.close();
}
