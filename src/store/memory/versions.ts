/**
 * Who has code for what. Living means not found dead by `reap()`: after an outage every heartbeat looks old, and a worker that
 * comes back would not register its definitions again.
 */
import type { DefinitionVersion, Orphan } from '../contract.ts';
import { makeDue, type Tables } from './database.ts';

export function versionsOf(tables: Tables, namespace: string, name: string): readonly DefinitionVersion[] {
  return [...tables.kinds]
    .filter(([, kind]) => kind.namespace === namespace && kind.name === name)
    .map(([def, { version }]) => ({ version, def }))
    .sort((a, b) => a.version - b.version);
}

/** Whether an actor of `older` may go on by one of these. */
function canInherit(tables: Tables, older: number, defs: readonly number[]): boolean {
  return defs.some((def) => isNewer(tables, def, older));
}

function isNewer(tables: Tables, def: number, older: number): boolean {
  const [mine, its] = [tables.kinds.get(def), tables.kinds.get(older)];
  if (mine === undefined || its === undefined) return false;
  return mine.namespace === its.namespace && mine.name === its.name && mine.version > its.version;
}

export function orphans(tables: Tables, queues: readonly number[], defs: readonly number[]): readonly Orphan[] {
  const now = tables.now();
  const workers = [...tables.workers.values()];
  return queues.flatMap((queue) => {
    if (tables.queues.get(queue)?.paused === true) return [];
    const due = tables.due.lanesOf(queue).flatMap((lane) => tables.due.lane(queue, lane));
    const strange = new Set(due.filter(({ at, def }) => at <= now && !defs.includes(def)).map(({ def }) => def));
    return [...strange]
      .filter((def) => canInherit(tables, def, defs))
      .filter((def) => !workers.some(({ entry }) => entry.defs.includes(def) && entry.queues.includes(queue)))
      .map((def) => ({ queue, def }));
  });
}

export function park(tables: Tables): { readonly processed: number; readonly errors: number } {
  const now = tables.now();
  const known = [...new Set([...tables.workers.values()].flatMap((worker) => worker.entry.defs))];
  let processed = 0;
  for (const row of tables.actors.values()) {
    if (row.worker !== null || row.quarantine !== null) continue;
    if (known.includes(row.def) || canInherit(tables, row.def, known)) continue;
    const taken = tables.due.takeDue(row.id, now);
    if (taken.length === 0) continue;
    if (row.ownDue !== null && taken.includes(row.ownDue)) row.ownDue = null;
    const older = known
      .filter((def) => isNewer(tables, row.def, def))
      .map((def) => tables.kinds.get(def)?.version ?? 0);
    row.parked =
      `No living worker has code for ${row.name} version ${row.version}.` +
      (older.length > 0 ? ` Version ${Math.max(...older)} is known, and no actor goes back to an older one.` : '');
    processed += 1;
  }
  return { processed, errors: 0 };
}

export function unpark(tables: Tables, defs: readonly number[]): void {
  for (const row of tables.actors.values()) {
    if (row.parked === null || !(defs.includes(row.def) || canInherit(tables, row.def, defs))) continue;
    row.parked = null;
    makeDue(tables, row);
  }
}
