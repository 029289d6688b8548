/** From just before a job is added to the start of its handler, at a steady hundred a second. */
import { sleep } from '../agent/clock.ts';
import type { Arena } from '../arena.ts';
import type { BenchProcess } from '../bench-process.ts';
import { spreadOf } from '../figures.ts';
import type { Row } from './row.ts';
import { allRan, checkOnce } from './runs.ts';

const PER_SECOND = 100;
const SETTLE_MS = 300;

/** Warmed up by jobs that are not counted. */
async function measure(arena: Arena, worker: BenchProcess): Promise<{ readonly p50: number; readonly p99: number }> {
  const { latencies } = arena.sizes;
  await sleep(SETTLE_MS);
  await arena.producer.ask('warmUp');
  await sleep(SETTLE_MS);
  await worker.ask('expect', latencies);
  await arena.producer.ask('paced', latencies, PER_SECOND);
  await allRan([worker], latencies, 30_000);
  const report = await worker.ask('report');
  checkOnce(arena, [report], latencies);
  return spreadOf(report.lateness);
}

export const latency: Row = {
  name: 'latency',
  againWithFuture: true,
  fixedTime: true,
  figures: () => [
    { key: 'otherP50', title: 'schedule to start, another process, p50', unit: 'ms', better: 'less' },
    { key: 'otherP99', title: 'schedule to start, another process, p99', unit: 'ms', better: 'less' },
    { key: 'sameP50', title: 'schedule to start, same process, p50', unit: 'ms', better: 'less' },
    { key: 'sameP99', title: 'schedule to start, same process, p99', unit: 'ms', better: 'less' },
  ],
  async run(arena) {
    const worker = arena.startWorker('latency', 0);
    await worker.ready;
    const other = await measure(arena, worker);
    await worker.stop();
    await arena.producer.ask('work', 'latency', 0);
    const same = await measure(arena, arena.producer);
    return { otherP50: other.p50, otherP99: other.p99, sameP50: same.p50, sameP99: same.p99 };
  },
};
