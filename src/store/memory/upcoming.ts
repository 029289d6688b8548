/** What is due next, per queue: for local timers (`nextDue`) and for alarms (`dueBuckets`). */
import type { Instant } from '../contract.ts';
import type { Tables } from './database.ts';

/** Paused queues have none: a worker that is told of work it may not claim would ask again at once, for ever. */
export function nextDue(
  tables: Tables,
  queues: readonly number[],
  defs: readonly number[],
): ReadonlyMap<number, Instant> {
  const known = new Set(defs);
  const due = new Map<number, Instant>();
  for (const queue of queues) {
    if (tables.queues.get(queue)?.paused === true) continue;
    for (const lane of tables.due.lanesOf(queue)) {
      const head = tables.due.lane(queue, lane).find((row) => known.has(row.def));
      if (head !== undefined) due.set(queue, Math.min(due.get(queue) ?? head.at, head.at));
    }
  }
  return due;
}

export function dueBuckets(
  tables: Tables,
  namespace: string,
  horizonMs: number,
  bucketMs: number,
  limit: number,
): readonly { readonly queue: number; readonly at: Instant }[] {
  const now = tables.now();
  const buckets: { readonly queue: number; readonly at: Instant }[] = [];
  for (const queue of tables.due.queues()) {
    if (tables.queues.get(queue)?.namespace !== namespace) continue;
    const rows = tables.due.lanesOf(queue).flatMap((lane) => tables.due.lane(queue, lane));
    const near = rows.filter((row) => row.at > now && row.at <= now + horizonMs);
    const starts = new Set(near.map((row) => Math.floor(row.at / bucketMs) * bucketMs));
    for (const at of starts) buckets.push({ queue, at });
  }
  return buckets.sort((a, b) => a.at - b.at || a.queue - b.queue).slice(0, limit);
}
