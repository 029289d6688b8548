/** What dashboards ask. Everything is in reach here, so that nothing needs a bound. */
import type { DefinitionRecord, Population, SettledLately } from '../surveying.ts';
import type { Tables } from './database.ts';

export function definitions(tables: Tables, namespace: string): readonly DefinitionRecord[] {
  return [...tables.kinds]
    .filter(([, row]) => row.namespace === namespace)
    .map(([id, { kind, name, version, chart, registeredAt }]) => ({ id, kind, name, version, chart, registeredAt }))
    .sort((a, b) => (a.name === b.name ? a.version - b.version : a.name < b.name ? -1 : 1));
}

export function population(tables: Tables, namespace: string): Population {
  const rows = [...tables.actors.values()].filter((row) => tables.queues.get(row.queue)?.namespace === namespace);
  const counts = grouped(rows, ({ def, state, quarantine, worker }) => ({
    def,
    state,
    quarantined: quarantine !== null,
    held: worker !== null,
  }));
  return { counts, exact: true };
}

export function settledLately(tables: Tables, namespace: string, windowMs: number): SettledLately {
  const since = tables.now() - windowMs;
  const rows = [...tables.settled.values()].filter(
    ({ row, settledAt }) => settledAt > since && tables.queues.get(row.queue)?.namespace === namespace,
  );
  const counts = grouped(rows, ({ row, end, settledAt }) => ({
    def: row.def,
    status: end.status,
    state: row.state,
    minute: settledAt - (settledAt % 60_000),
  }));
  return { counts, since };
}

export function mark(tables: Tables): string {
  const moved = [...tables.actors.values()].reduce((sum, { seq, fence, pokes }) => sum + seq + fence + pokes, 0);
  const paused = [...tables.queues.values()].filter((queue) => queue.paused).length;
  return [tables.actors.size, tables.settled.size, tables.nextMailId, tables.audit.length, moved, paused].join(':');
}

function grouped<T, K extends object>(rows: readonly T[], keyOf: (row: T) => K): readonly (K & { count: number })[] {
  const groups = new Map<string, { readonly key: K; count: number }>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(JSON.stringify(key)) ?? { key, count: 0 };
    group.count += 1;
    groups.set(JSON.stringify(key), group);
  }
  return [...groups.values()].map(({ key, count }) => ({ ...key, count }));
}
