/** What the doctor reads off the store: who works, what waits too long, and what is set aside. */

import { formatDuration } from '../../duration.ts';
import type { AuditFinding, Store, StoreStats } from '../../store/contract.ts';
import { type Finding, found, ok } from './finding.ts';

/** Due for longer than this, work is late: the sweep looks every second. */
const LATE_MS = 15_000;
const AUDIT_LIMIT = 1_000;

export async function examineWork(store: Store, stats: StoreStats): Promise<readonly Finding[]> {
  const now = await store.now();
  return [
    workers(stats),
    overdue(stats, now),
    heldByTheDead(stats),
    paused(stats),
    setAside('quarantine', stats.quarantined, 'quarantined: see `carillon quarantine ls`'),
    setAside('parked', stats.parked, 'wait for a worker that knows their definition: deploy it, or cancel them'),
    audit(await store.audit(AUDIT_LIMIT)),
  ];
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function workers({ workers: all, active }: StoreStats): Finding {
  const alive = all.filter((worker) => worker.alive);
  if (alive.length > 0) return ok('workers', `${count(alive.length, 'worker', 'workers')} alive`);
  if (active === 0) return ok('workers', 'none alive, and nothing to do');
  return found(
    'workers',
    `None is alive, and ${count(active, 'actor waits', 'actors wait')}. Start one: carillon worker`,
  );
}

/** Late although it is not paused: no worker serves the queue, all slots are taken, or wake-ups and sweep both fail. */
function overdue({ queues }: StoreStats, now: number): Finding {
  const late = queues.filter(
    (queue) => !queue.paused && queue.oldestDueAt !== null && now - queue.oldestDueAt > LATE_MS,
  );
  if (late.length === 0) return ok('overdue', 'nothing waits longer than it should');
  const each = late.map(
    ({ queue, due, oldestDueAt }) =>
      `'${queue}': ${due} due, the oldest for ${formatDuration(now - (oldestDueAt ?? now))}`,
  );
  return found('overdue', `${each.join('; ')}. Is there a worker for it, with slots to spare?`);
}

function heldByTheDead({ workers: all }: StoreStats): Finding {
  const dead = all.filter((worker) => !worker.alive && worker.held > 0);
  if (dead.length === 0) return ok('recovery', 'no dead worker holds anything');
  const held = dead.reduce((sum, worker) => sum + worker.held, 0);
  return found(
    'recovery',
    `${count(dead.length, 'dead worker holds', 'dead workers hold')} ${count(held, 'actor', 'actors')}. A living worker frees them within seconds: start one, or look again.`,
  );
}

function paused({ queues }: StoreStats): Finding {
  const stopped = queues
    .filter((queue) => queue.paused && queue.due + queue.later > 0)
    .map(({ queue }) => `'${queue}'`);
  if (stopped.length === 0) return ok('paused', 'no paused queue has work');
  return found('paused', `Work waits in paused queues: ${stopped.join(', ')}. Resume: carillon queue resume <queue>`);
}

function setAside(check: string, number: number, what: string): Finding {
  return number === 0 ? ok(check, 'none') : found(check, `${count(number, 'actor', 'actors')} ${what}`);
}

function audit(broken: readonly AuditFinding[]): Finding {
  const [first] = broken;
  if (!first) return ok('audit', 'every active actor is held, due, waiting for mail or set aside');
  return found('audit', `${count(broken.length, 'actor', 'actors')}; the first is ${first.actor}: ${first.problem}`);
}
