/** How late handlers start that are due at instants of their own, and how a herd fares that is due at one. */
import { sleep } from '../agent/clock.ts';
import type { Report } from '../agent/ledger.ts';
import type { Arena } from '../arena.ts';
import { spreadOf } from '../figures.ts';
import { count, type Row } from './row.ts';
import { allRan, checkOnce, patienceMs } from './runs.ts';

/** Until they all are due, for systems that need long to store them. */
const SECOND_LEAD_MS = 20_000;
/** Before the first is due, with everything stored: less would measure the storing. */
const SPARE_MS = 500;
/** Clocks of two processes may differ by a little. */
const EARLY_MS = -2;

async function fire(arena: Arena, timers: number, spreadMs: number): Promise<Report> {
  const worker = arena.startWorker('timers', timers);
  await worker.ready;
  await sleep(SPARE_MS);
  for (const leadMs of [arena.sizes.timersLeadMs, SECOND_LEAD_MS]) {
    const spareMs = await arena.producer.ask('timers', timers, { leadMs, spreadMs });
    await allRan([worker], timers, leadMs + spreadMs + patienceMs(timers));
    await arena.producer.ask('drained', patienceMs(timers));
    const report = await worker.ask('report');
    if (spareMs >= SPARE_MS) {
      checkOnce(arena, [report], timers);
      const early = report.lateness.filter((ms) => ms < EARLY_MS).length;
      if (early > 0) arena.note(`${early} of ${timers} timers fired early`);
      return report;
    }
    await worker.ask('expect', timers);
  }
  throw new Error(`needed more than ${SECOND_LEAD_MS} ms to store ${count(timers)} timers`);
}

export const timers: Row = {
  name: 'timers',
  againWithFuture: true,
  fixedTime: true,
  figures: ({ timers, timersOverMs }) => {
    const what = `timer lateness, ${count(timers)} over ${timersOverMs / 1_000} s`;
    return [
      { key: 'p50', title: `${what}, p50`, unit: 'ms', better: 'less' },
      { key: 'p99', title: `${what}, p99`, unit: 'ms', better: 'less' },
      { key: 'max', title: `${what}, max`, unit: 'ms', better: 'less' },
    ];
  },
  async run(arena) {
    const { lateness } = await fire(arena, arena.sizes.timers, arena.sizes.timersOverMs);
    return { ...spreadOf(lateness) };
  },
};

export const herd: Row = {
  name: 'herd',
  againWithFuture: true,
  slow: true,
  figures: ({ herd }) => [
    { key: 'first', title: `herd of ${count(herd)} due at once, first start`, unit: 'ms', better: 'less' },
    { key: 'p50', title: `herd of ${count(herd)}, p50`, unit: 'ms', better: 'less' },
    { key: 'last', title: `herd of ${count(herd)}, last start`, unit: 'ms', better: 'less' },
  ],
  expectedMs(reached, { herd }) {
    const [bulk, drained] = [reached('drain.bulk'), reached('drain.drain')];
    return bulk && drained && (herd / bulk + herd / drained) * 1_000;
  },
  async run(arena) {
    const { lateness } = await fire(arena, arena.sizes.herd, 0);
    const { p50, max } = spreadOf(lateness);
    return { first: lateness.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY), p50, last: max };
  },
};
