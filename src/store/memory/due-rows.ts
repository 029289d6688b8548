/**
 * Owns the `due` table of the in-memory store: the pending work, kept in claim order (due instant, then actor) per queue
 * and lane. Several rows of one actor may exist, also rows of actors that have settled: only a claim removes those.
 */
import type { Instant } from '../contract.ts';

export interface DueRow {
  readonly queue: number;
  /** The actor's priority, or the lane of suspects. */
  readonly lane: number;
  readonly at: Instant;
  readonly actor: string;
  readonly def: number;
}

export interface DueRows {
  add(row: DueRow): void;
  /** Removes this very row, not its equals. */
  remove(row: DueRow): void;
  has(actor: string): boolean;
  hasDue(actor: string, now: Instant): boolean;
  /** Removes what is due of one actor and returns it. */
  takeDue(actor: string, now: Instant): readonly DueRow[];
  /** Removes one row of an actor for each of these instants that is still ahead. */
  takeAhead(actor: string, instants: readonly (Instant | null)[], now: Instant): void;
  /** All rows of one lane, in claim order. The array is live. */
  lane(queue: number, lane: number): readonly DueRow[];
  /** Lanes in which this queue ever had a row, ascending. */
  lanesOf(queue: number): readonly number[];
  queues(): readonly number[];
}

/** Code units, not locale: the order must not depend on the machine. */
function before(a: DueRow, b: DueRow): boolean {
  return a.at === b.at ? a.actor < b.actor : a.at < b.at;
}

/** The first index whose row does not come before `row`. */
function placeOf(rows: readonly DueRow[], row: DueRow): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = rows[middle];
    if (other !== undefined && before(other, row)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function createDueRows(): DueRows {
  const lanes = new Map<number, Map<number, DueRow[]>>();
  const byActor = new Map<string, Set<DueRow>>();

  const rowsOf = (queue: number, lane: number): DueRow[] => lanes.get(queue)?.get(lane) ?? [];

  const remove = (row: DueRow): void => {
    const mine = byActor.get(row.actor);
    if (!mine?.delete(row)) return;
    if (mine.size === 0) byActor.delete(row.actor);
    const rows = rowsOf(row.queue, row.lane);
    rows.splice(rows.indexOf(row, placeOf(rows, row)), 1);
  };

  return {
    add(row) {
      const queue = lanes.get(row.queue) ?? new Map<number, DueRow[]>();
      lanes.set(row.queue, queue);
      const rows = queue.get(row.lane) ?? [];
      queue.set(row.lane, rows);
      rows.splice(placeOf(rows, row), 0, row);
      const mine = byActor.get(row.actor) ?? new Set();
      byActor.set(row.actor, mine);
      mine.add(row);
    },
    remove,
    has: (actor) => byActor.has(actor),
    hasDue: (actor, now) => [...(byActor.get(actor) ?? [])].some((row) => row.at <= now),
    takeDue(actor, now) {
      const taken = [...(byActor.get(actor) ?? [])].filter((row) => row.at <= now);
      for (const row of taken) remove(row);
      return taken;
    },
    takeAhead(actor, instants, now) {
      for (const at of instants) {
        const found = [...(byActor.get(actor) ?? [])].find((row) => row.at === at && row.at > now);
        if (found !== undefined) remove(found);
      }
    },
    lane: rowsOf,
    lanesOf: (queue) => [...(lanes.get(queue)?.keys() ?? [])].sort((a, b) => a - b),
    queues: () => [...lanes.keys()].sort((a, b) => a - b),
  };
}
