/**
 * From just before a job is added to the start of its handler, at a steady hundred a second: in processes that ran next to nothing
 * before, and again once they have run some thousand jobs and nothing is compiled any more.
 */
import { sleep } from '../agent/clock.ts';
import type { Arena } from '../arena.ts';
import type { BenchProcess } from '../bench-process.ts';
import { type Spread, spreadOf } from '../figures.ts';
import type { Row } from './row.ts';
import { allRan, checkOnce, patienceMs } from './runs.ts';

const PER_SECOND = 100;
const SETTLE_MS = 300;
/** Without connections and plans nothing starts at all. */
const FRESH = 50;

/** After so many that are not counted. */
async function measure(arena: Arena, worker: BenchProcess, warmUp: number, count: number): Promise<Spread> {
  await sleep(SETTLE_MS);
  await arena.producer.ask('warmUp', warmUp);
  await sleep(SETTLE_MS);
  await worker.ask('expect', count);
  await arena.producer.ask('paced', count, PER_SECOND);
  await allRan([worker], count, 30_000);
  const report = await worker.ask('report');
  checkOnce(arena, [report], count);
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
    { key: 'freshOtherP50', title: 'the same in fresh processes: another, p50', unit: 'ms', better: 'less' },
    { key: 'freshOtherP99', title: 'in fresh processes: another, p99', unit: 'ms', better: 'less' },
    { key: 'freshSameP50', title: 'in fresh processes: the same, p50', unit: 'ms', better: 'less' },
    { key: 'freshSameP99', title: 'in fresh processes: the same, p99', unit: 'ms', better: 'less' },
  ],
  async run(arena) {
    const { freshLatencies, latencies, latencyWarmUp, singles } = arena.sizes;
    const worker = arena.startWorker('latency', 0);
    await worker.ready;
    // What another row has left in a store that is kept.
    await arena.producer.ask('drained', patienceMs(singles));
    const freshOther = await measure(arena, worker, FRESH, freshLatencies);
    const other = await measure(arena, worker, latencyWarmUp, latencies);
    await worker.stop();
    await arena.producer.ask('work', 'latency', 0);
    const freshSame = await measure(arena, arena.producer, FRESH, freshLatencies);
    const same = await measure(arena, arena.producer, latencyWarmUp, latencies);
    return {
      otherP50: other.p50,
      otherP99: other.p99,
      sameP50: same.p50,
      sameP99: same.p99,
      freshOtherP50: freshOther.p50,
      freshOtherP99: freshOther.p99,
      freshSameP50: freshSame.p50,
      freshSameP99: freshSame.p99,
    };
  },
};
