/** What the doctor reads off the store: who works, what waits too long, and what is set aside. */

import { formatDuration } from '../../duration.ts';
import type { AuditFinding, Store, StoreStats } from '../../store/contract.ts';
import { workerDuties } from '../../sweep/upkeep.ts';
import { type Finding, found, ok } from './finding.ts';

/** Due for longer than this, work is late: the sweep looks every second. */
const LATE_MS = 15_000;
const AUDIT_LIMIT = 1_000;
/** After that long a duty has to have completed its first pass, and later passes may be late by it. */
const DUTY_GRACE_MS = 60_000;

export async function examineWork(store: Store, stats: StoreStats): Promise<readonly Finding[]> {
  const now = await store.now();
  return [
    workers(stats),
    overdue(stats, now),
    heldByTheDead(stats),
    duties(stats, now),
    notRecovered(stats, now),
    paused(stats),
    counted('quarantine', stats.quarantined, 'quarantined: see `carillon quarantine ls`'),
    counted('parked', stats.parked, 'wait for a worker that knows their definition: deploy it, or cancel them'),
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

/** Also a duty that was never begun: nobody else would notice. */
function duties({ workers: all }: StoreStats, now: number): Finding {
  const alive = all.filter((worker) => worker.alive);
  const overdue = alive.flatMap(({ id, joinedAt, duties: reported }) => {
    if (now - joinedAt < DUTY_GRACE_MS) return [];
    return workerDuties.flatMap((name) => {
      const state = reported.find((duty) => duty.name === name);
      if (!state || state.lastPassAt === null) return [`'${name}' of worker ${id} has never completed a pass`];
      const ageMs = now - state.lastPassAt;
      if (ageMs < 3 * state.everyMs + DUTY_GRACE_MS) return [];
      return [`'${name}' of worker ${id} completed its last pass ${formatDuration(ageMs)} ago`];
    });
  });
  const [first] = overdue;
  if (first === undefined) return ok('duties', `every duty of ${count(alive.length, 'worker', 'workers')} is kept up`);
  const more = overdue.length > 1 ? `, and ${overdue.length - 1} more` : '';
  return found('duties', `${first}${more}. Read that worker's log, and start it again.`);
}

function notRecovered({ setAside: rows }: StoreStats, now: number): Finding {
  const [first] = rows;
  if (!first) return ok('set aside', 'none');
  const next = first.nextAt > now ? `in ${formatDuration(first.nextAt - now)}` : 'with the next pass';
  return found(
    'set aside',
    `${count(rows.length, 'row', 'rows')} could not be recovered. '${first.duty}' failed ${first.failures} times on ${first.target}: ${first.error} It is tried again ${next}.`,
  );
}

function paused({ queues }: StoreStats): Finding {
  const stopped = queues
    .filter((queue) => queue.paused && queue.due + queue.later > 0)
    .map(({ queue }) => `'${queue}'`);
  if (stopped.length === 0) return ok('paused', 'no paused queue has work');
  return found('paused', `Work waits in paused queues: ${stopped.join(', ')}. Resume: carillon queue resume <queue>`);
}

function counted(check: string, number: number, what: string): Finding {
  return number === 0 ? ok(check, 'none') : found(check, `${count(number, 'actor', 'actors')} ${what}`);
}

function audit(broken: readonly AuditFinding[]): Finding {
  const [first] = broken;
  if (!first) return ok('audit', 'every active actor is held, due, waiting for mail or set aside');
  return found('audit', `${count(broken.length, 'actor', 'actors')}; the first is ${first.actor}: ${first.problem}`);
}
