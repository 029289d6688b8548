/**
 * Who is alive and what each holds: join, beat, leave, and the reaping of the dead. An incarnation found dead is erased,
 * and every operation asks for the worker's row first, so that it never claims or writes again.
 */
import type { Env } from '../../env.ts';
import type { Heartbeat, Instant, WorkerEntry } from '../contract.ts';
import type { ActorRow } from './actor-row.ts';
import { makeDue, type Tables, type WorkerRow } from './database.ts';
import { unpark } from './versions.ts';

/** A longer difference between the store's clock and the monotonic one is a jump, and makes all heartbeats look old. */
const JUMP_MS = 2_000;

export function join(tables: Tables, env: Env, namespace: string, entry: WorkerEntry): Heartbeat {
  const now = tables.now();
  const worker: WorkerRow = { entry, namespace, joinedAt: now, beatAt: now, duties: [] };
  tables.workers.set(entry.id, worker);
  unpark(tables, entry.defs);

  const intervalMs = entry.leaseMs / 3;
  let tickedMs = env.monotonicMs();
  let beatMs = tickedMs;
  const beat = (): void => {
    if (tables.workers.get(entry.id) !== worker) return;
    const startMs = env.monotonicMs();
    if (startMs - tickedMs <= intervalMs) {
      worker.beatAt = tables.now();
      beatMs = startMs;
    }
    timer = env.setTimer(intervalMs, beat);
  };
  let timer = env.setTimer(intervalMs, beat);
  return {
    tick: () => {
      tickedMs = env.monotonicMs();
    },
    lastBeatMs: () => beatMs,
    stop: async () => timer.clear(),
  };
}

export function leave(tables: Tables, worker: string): void {
  giveBack(tables, worker, heldBy(tables, worker));
  tables.workers.delete(worker);
  tables.leases.delete(worker);
}

export function giveBack(
  tables: Tables,
  worker: string,
  held: readonly { readonly id: string; readonly fence: number }[],
): number {
  let freed = 0;
  for (const { id, fence } of held) {
    const row = tables.actors.get(id);
    if (row?.worker !== worker || row.fence !== fence) continue;
    row.strikes = Math.max(0, row.strikes - 1);
    row.claimedAt = null;
    free(tables, row);
    freed += 1;
  }
  return freed;
}

export function heldBy(
  tables: Tables,
  worker: string,
): readonly { readonly id: string; readonly fence: number; readonly lease: number }[] {
  // By its lease rows, as in Postgres: what none of them lists is found by nobody.
  const held = new Map<string, { readonly id: string; readonly fence: number; readonly lease: number }>();
  for (const [lease, ids] of tables.leases.get(worker) ?? []) {
    for (const id of ids) {
      const row = tables.actors.get(id);
      if (row?.worker === worker && lease >= (held.get(id)?.lease ?? 0)) held.set(id, { id, fence: row.fence, lease });
    }
  }
  return [...held.values()];
}

export interface Reaper {
  /** From then on the dead write nothing, and what they hold is anybody's to free. */
  bury(): void;
  reap(): { readonly processed: number; readonly errors: number; readonly queues: readonly number[] };
}

export function createReaper(tables: Tables, env: Env): Reaper {
  let seenAt = tables.now();
  let seenMs = env.monotonicMs();
  let jumpedAt = Number.NEGATIVE_INFINITY;

  const isDead = ({ beatAt, entry }: WorkerRow, now: Instant): boolean =>
    Math.max(beatAt, jumpedAt) + entry.leaseMs <= now;

  const bury = (): void => {
    const now = tables.now();
    const monotonicMs = env.monotonicMs();
    if (Math.abs(now - seenAt - (monotonicMs - seenMs)) > JUMP_MS) jumpedAt = now;
    seenAt = now;
    seenMs = monotonicMs;

    for (const worker of tables.workers.values()) if (isDead(worker, now)) tables.workers.delete(worker.entry.id);
  };

  return {
    bury,
    reap() {
      bury();
      let processed = 0;
      const queues = new Set<number>();
      for (const [worker, leases] of tables.leases) {
        if (tables.workers.has(worker)) continue;
        // Lease by lease, not by `worker`: an actor missing from its lease row stays lost here as it would in Postgres.
        for (const ids of leases.values()) {
          for (const id of ids) {
            const row = tables.actors.get(id);
            if (row?.worker !== worker) continue;
            free(tables, row);
            queues.add(row.queue);
            processed += 1;
          }
        }
        tables.leases.delete(worker);
      }
      return { processed, errors: 0, queues: [...queues] };
    },
  };
}

/** The raised fence makes everything its last holder still writes miss. */
export function free(tables: Tables, row: ActorRow): void {
  row.worker = null;
  row.fence += 1;
  makeDue(tables, row);
}
