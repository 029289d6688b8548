/**
 * No-op jobs scheduled in bulk and run by worker processes. The time is from just before the first of these processes is
 * started to the moment the store says that nothing waits or runs; and, without the start, from the first handler to there.
 */
import { sharedMs, sleep } from '../agent/clock.ts';
import type { Arena } from '../arena.ts';
import { count, type Figure, type Row } from './row.ts';
import { allRan, checkOnce, patienceMs } from './runs.ts';

interface Drained {
  readonly perSecond: number;
  readonly steadyPerSecond: number;
  readonly cpuPerJob: number;
  readonly rssMb: number;
}

/** A job that runs twice does so within this, unless its system takes a lost lease for that. */
const STRAGGLE_MS = 200;

export async function drain(arena: Arena, jobs: number, processes: number): Promise<Drained> {
  const startedMs = sharedMs();
  const workers = Array.from({ length: processes }, () => arena.startWorker('throughput', jobs));
  await allRan(workers, jobs, patienceMs(jobs));
  const endedMs = await arena.producer.ask('drained', patienceMs(jobs));
  await sleep(STRAGGLE_MS);
  const reports = await Promise.all(workers.map((worker) => worker.ask('report')));
  checkOnce(arena, reports, jobs);
  const failed = await arena.producer.ask('failed');
  if (failed > 0) arena.note(`${failed} of ${jobs} jobs ended as failures, though their handlers succeeded`);
  await Promise.all(workers.map((worker) => worker.stop()));
  const firstMs = Math.min(...reports.filter(({ runs }) => runs > 0).map((report) => report.firstMs));
  const cpuMs = reports.reduce((sum, report) => sum + report.cpuMs, 0);
  return {
    perSecond: (jobs / (endedMs - startedMs)) * 1_000,
    steadyPerSecond: (jobs / (endedMs - firstMs)) * 1_000,
    cpuPerJob: (cpuMs / jobs) * 1_000,
    rssMb: Math.max(...reports.map(({ rssBytes }) => rssBytes)) / 1e6,
  };
}

const byOne = (jobs: number): readonly Figure[] => [
  { key: 'bulk', title: `bulk schedule, ${count(jobs)}`, unit: 'per second', better: 'more' },
  { key: 'drain', title: `drain ${count(jobs)}, one worker process`, unit: 'per second', better: 'more' },
  {
    key: 'steady',
    title: `drain ${count(jobs)}, one worker process, without its start`,
    unit: 'per second',
    better: 'more',
  },
  { key: 'wal', title: 'write-ahead log a job, scheduled to settled', unit: 'bytes', better: 'less' },
  { key: 'drainWal', title: 'write-ahead log a job, of it while draining', unit: 'bytes', better: 'less' },
  { key: 'waiting', title: 'growth of the store a waiting job', unit: 'bytes', better: 'less' },
  { key: 'kept', title: 'growth of the store a job that ran, before a vacuum', unit: 'bytes', better: 'less' },
];

export const drainByOne: Row = {
  name: 'drain',
  againWithFuture: true,
  figures: ({ jobs }) => byOne(jobs),
  async run(arena) {
    const { jobs } = arena.sizes;
    const [walBefore, storedBefore] = [await arena.walBytes(), await arena.storedBytes()];
    const bulkMs = await arena.producer.ask('bulk', jobs);
    const waiting = await arena.storedBytes();
    await arena.checkpoint();
    const walScheduled = await arena.walBytes();
    const drained = await drain(arena, jobs, 1);
    const [walAfter, storedAfter] = [await arena.walBytes(), await arena.storedBytes()];
    return {
      bulk: (jobs / bulkMs) * 1_000,
      drain: drained.perSecond,
      steady: drained.steadyPerSecond,
      ...(arena.system.store === 'redis'
        ? {}
        : { wal: (walAfter - walBefore) / jobs, drainWal: (walAfter - walScheduled) / jobs }),
      waiting: (waiting - storedBefore) / jobs,
      kept: Math.max(0, storedAfter - storedBefore) / jobs,
    };
  },
};

export const drainByTwo: Row = {
  name: 'drain-two',
  againWithFuture: false,
  slow: true,
  figures: ({ jobs }) => [
    { key: 'drain', title: `drain ${count(jobs)}, two worker processes`, unit: 'per second', better: 'more' },
    {
      key: 'steady',
      title: `drain ${count(jobs)}, two worker processes, without their start`,
      unit: 'per second',
      better: 'more',
    },
  ],
  async run(arena) {
    const { jobs } = arena.sizes;
    await arena.producer.ask('bulk', jobs);
    await arena.checkpoint();
    const { perSecond, steadyPerSecond } = await drain(arena, jobs, 2);
    return { drain: perSecond, steady: steadyPerSecond };
  },
};

function drainMany(name: string, processes: number): Row {
  const who = processes === 1 ? 'one worker process' : 'two worker processes';
  return {
    name,
    againWithFuture: false,
    slow: true,
    figures: ({ manyJobs }) => [
      { key: 'drain', title: `drain ${count(manyJobs)}, ${who}`, unit: 'per second', better: 'more' },
      { key: 'steady', title: `drain ${count(manyJobs)}, ${who}, without start`, unit: 'per second', better: 'more' },
      { key: 'cpu', title: `worker processor time a job, ${who}`, unit: 'µs', better: 'less' },
      { key: 'rss', title: `worker memory after ${count(manyJobs)}, ${who}`, unit: 'MB', better: 'less' },
    ],
    expectedMs(reached, { manyJobs }) {
      const [bulk, drained] = [reached('drain.bulk'), reached('drain.drain')];
      return bulk && drained && (manyJobs / bulk + manyJobs / drained) * 1_000;
    },
    async run(arena) {
      const { manyJobs } = arena.sizes;
      await arena.producer.ask('bulk', manyJobs);
      await arena.checkpoint();
      const { perSecond, steadyPerSecond, cpuPerJob, rssMb } = await drain(arena, manyJobs, processes);
      return { drain: perSecond, steady: steadyPerSecond, cpu: cpuPerJob, rss: rssMb };
    },
  };
}

export const drainManyByOne = drainMany('drain-many', 1);
export const drainManyByTwo = drainMany('drain-many-two', 2);
