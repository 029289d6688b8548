/**
 * How long what a worker ran stands still when it is killed: from SIGKILL to the start of the handlers in another process, which was
 * there already. Leases and looks for the dead at the defaults of each system.
 */
import { sharedMs } from '../agent/clock.ts';
import type { Row } from './row.ts';
import { allRan, checkOnce } from './runs.ts';

const PATIENCE_MS = 150_000;

export const takeover: Row = {
  name: 'takeover',
  againWithFuture: false,
  once: true,
  slow: true,
  fixedTime: true,
  unmeasured: {
    'graphile-worker': 'locked for 4 hours',
    'pg-boss': 'expires after 15 minutes',
    dbos: 'waits for its own executor',
  },
  figures: ({ held }) => [
    { key: 'first', title: `SIGKILL of a worker to start in another, first of ${held}`, unit: 'ms', better: 'less' },
    { key: 'last', title: `SIGKILL of a worker to start in another, last of ${held}`, unit: 'ms', better: 'less' },
  ],
  async run(arena) {
    const { held } = arena.sizes;
    const holder = arena.startWorker('latency', held);
    await holder.ready;
    await arena.producer.ask('hold', held);
    await allRan([holder], held, 30_000);
    const heir = arena.startWorker('latency', held);
    await heir.ready;
    const killedMs = sharedMs();
    holder.kill();
    await allRan([heir], held, PATIENCE_MS);
    const report = await heir.ask('report');
    checkOnce(arena, [report], held);
    return { first: report.firstMs - killedMs, last: report.lastMs - killedMs };
  },
};
