/** A worker process of its own: serves the bench queue until it is told to stop. */
import { tuneHeap } from '../src/cli/tune-heap.ts';
import { createScheduler } from '../src/index.ts';
import { definitions } from './jobs.ts';

tuneHeap();
const scheduler = await createScheduler({
  definitions,
  logger: false,
  worker: { concurrency: Number(process.env['BENCH_CONCURRENCY'] ?? 500) },
});
let settled = 0;
scheduler.on('settled', () => settled++);
await scheduler.start();
process.send?.(settled);
setInterval(() => process.send?.(settled), 20);
process.on('message', () => void scheduler.stop({ timeout: '1s' }).then(() => process.exit(0)));
