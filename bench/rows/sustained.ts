/**
 * A thousand jobs a second for minutes, while another session holds a snapshot of the database for two of five: nothing that
 * was deleted meanwhile can be cleaned away, which is what a long report or a dump does to every queue in Postgres.
 */
import { sleep } from '../agent/clock.ts';
import type { Arena } from '../arena.ts';
import type { BenchProcess } from '../bench-process.ts';
import { spreadOf } from '../figures.ts';
import type { Figure, Row } from './row.ts';
import { allRan, checkOnce } from './runs.ts';

const PER_SECOND = 1_000;
const WARM_UP = 50;
const PARTS = ['free', 'free', 'pinned', 'pinned', 'after'] as const;
type Part = (typeof PARTS)[number];
const TITLES: Readonly<Record<Part, string>> = {
  free: 'before',
  pinned: 'under a snapshot that another session holds',
  after: 'afterwards',
};

async function onePart(arena: Arena, worker: BenchProcess, jobs: number): Promise<readonly number[]> {
  await worker.ask('expect', jobs);
  await arena.producer.ask('paced', jobs, PER_SECOND);
  await allRan([worker], jobs, 60_000);
  const report = await worker.ask('report');
  checkOnce(arena, [report], jobs);
  return report.lateness;
}

export const sustained: Row = {
  name: 'sustained',
  againWithFuture: false,
  long: true,
  once: true,
  figures: () =>
    (Object.keys(TITLES) as Part[]).flatMap((part): Figure[] => [
      { key: `${part}P50`, title: `${PER_SECOND}/s to start, ${TITLES[part]}, p50`, unit: 'ms', better: 'less' },
      { key: `${part}P99`, title: `${PER_SECOND}/s to start, ${TITLES[part]}, p99`, unit: 'ms', better: 'less' },
    ]),
  async run(arena) {
    const jobs = Math.round((arena.sizes.sustainedMinutes * 60 * PER_SECOND) / PARTS.length);
    const worker = arena.startWorker('latency', 0);
    await worker.ready;
    await sleep(500);
    await arena.producer.ask('warmUp', WARM_UP);
    const lateness: Record<Part, number[]> = { free: [], pinned: [], after: [] };
    let release: (() => Promise<void>) | null = null;
    try {
      for (const part of PARTS) {
        if (part === 'pinned' && arena.system.store !== 'redis') release ??= await arena.holdSnapshot();
        if (part === 'after') {
          await release?.();
          release = null;
        }
        lateness[part] = lateness[part].concat(await onePart(arena, worker, jobs));
      }
    } finally {
      await release?.();
    }
    return Object.fromEntries(
      (Object.keys(TITLES) as Part[]).flatMap((part) => {
        const { p50, p99 } = spreadOf(lateness[part]);
        return [
          [`${part}P50`, p50],
          [`${part}P99`, p99],
        ];
      }),
    );
  },
};
