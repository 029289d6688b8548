/** What views, waiters and the audit read. Nothing here changes anything. */
import type { AuditFinding, Instant, ListFilter, Progressed, StoredActor, StoreStats } from '../contract.ts';
import type { ActorRow, SettledRow } from './actor-row.ts';
import type { Tables } from './database.ts';

export function find(tables: Tables, id: string): StoredActor | null {
  const row = tables.actors.get(id);
  if (row !== undefined) return viewActive(tables, row);
  const settled = tables.settled.get(id);
  return settled === undefined ? null : viewSettled(tables, settled);
}

export function list(
  tables: Tables,
  namespace: string,
  filter: ListFilter,
): { readonly items: readonly StoredActor[]; readonly cursor?: string } {
  const rows = [...tables.actors.values(), ...[...tables.settled.values()].map((settled) => settled.row)]
    .filter((row) => tables.queues.get(row.queue)?.namespace === namespace)
    .sort(newestFirst);
  const after = filter.cursor === undefined ? -1 : rows.findIndex((row) => row.id === filter.cursor);
  const rare = filter.status === 'quarantined' || filter.status === 'dropped';
  const indexed = rare || filter.label !== undefined || filter.key !== undefined || filter.parentId !== undefined;
  const within = indexed ? undefined : filter.within;
  const seen = rows.slice(after + 1).slice(0, within);
  const fitting = seen.flatMap((row) => find(tables, row.id) ?? []).filter((actor) => fits(tables, actor, filter));
  const items = fitting.slice(0, filter.limit);
  const last = items.at(-1);
  if (fitting.length > items.length && last !== undefined) return { items, cursor: last.id };
  const edge = seen.length === within ? seen.at(-1) : undefined;
  return edge ? { items, cursor: edge.id } : { items };
}

function newestFirst(a: ActorRow, b: ActorRow): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : -1;
}

function fits(tables: Tables, actor: StoredActor, filter: ListFilter): boolean {
  return (
    (filter.status === undefined || actor.status === filter.status) &&
    (filter.outcome === undefined || tables.settled.get(actor.id)?.end.outcome === filter.outcome) &&
    (filter.state === undefined || actor.state === filter.state) &&
    (filter.name === undefined || actor.name === filter.name) &&
    (filter.queue === undefined || actor.queue === filter.queue) &&
    (filter.label === undefined || actor.labels.includes(filter.label)) &&
    (filter.key === undefined || actor.key === filter.key) &&
    (filter.parentId === undefined || actor.parent === filter.parentId)
  );
}

function viewActive(tables: Tables, row: ActorRow): StoredActor {
  return {
    ...viewRow(tables, row),
    status: row.quarantine === null ? 'active' : 'quarantined',
    worker: row.worker,
    claimedAt: row.worker === null ? null : row.claimedAt,
    wakeAt: row.ownDue?.at ?? null,
    reason: row.quarantine ?? row.parked,
    record: null,
    mail: tables.mailboxes.get(row.id)?.mail.length ?? 0,
    settledAt: null,
  };
}

function viewSettled(tables: Tables, { row, end, settledAt, undelivered }: SettledRow): StoredActor {
  return {
    ...viewRow(tables, row),
    status: end.status,
    worker: null,
    claimedAt: null,
    wakeAt: null,
    reason: end.reason,
    record: end.record,
    mail: undelivered,
    settledAt,
  };
}

type Shared = 'status' | 'worker' | 'claimedAt' | 'wakeAt' | 'reason' | 'record' | 'mail' | 'settledAt';

function viewRow(tables: Tables, row: ActorRow): Omit<StoredActor, Shared> {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    queue: tables.queues.get(row.queue)?.name ?? String(row.queue),
    priority: row.priority,
    labels: row.labels,
    state: row.state,
    input: row.input,
    snapshot: row.snapshot,
    history: row.history,
    spilled: row.spilled,
    seq: row.seq,
    fence: row.fence,
    attempt: row.attempt,
    strikes: row.strikes,
    retried: row.retried,
    parent: row.parent,
    role: row.role,
    key: row.key,
    progress: row.progress,
    createdAt: row.createdAt,
  };
}

export function progressed(tables: Tables, ids: readonly string[]): readonly Progressed[] {
  return ids.flatMap((id) => {
    const actor = find(tables, id);
    if (actor === null) return [];
    const { seq, worker, state, status, record } = actor;
    return [{ id, seq, held: worker !== null, state, status, record }];
  });
}

export function stats(tables: Tables, namespace: string): StoreStats {
  const now = tables.now();
  const queues = [...tables.queues.values()].filter((queue) => queue.namespace === namespace);
  const mine = new Set(queues.map((queue) => queue.id));
  const rows = [...tables.actors.values()].filter((row) => mine.has(row.queue));
  const heldBy = (worker: string): number => rows.filter((row) => row.worker === worker).length;
  return {
    queues: queues.map((queue) => ({ queue: queue.name, paused: queue.paused, ...countDue(tables, queue.id, now) })),
    active: rows.filter((row) => row.quarantine === null).length,
    quarantined: rows.filter((row) => row.quarantine !== null).length,
    parked: rows.filter((row) => row.parked !== null).length,
    mail: rows.reduce((sum, { id }) => sum + (tables.mailboxes.get(id)?.mail.length ?? 0), 0),
    workers: [...tables.workers.values()]
      .filter((worker) => worker.namespace === namespace)
      .map(({ entry, joinedAt, beatAt, duties }) => ({
        ...entry,
        joinedAt,
        beatAt,
        alive: beatAt + entry.leaseMs > now,
        held: heldBy(entry.id),
        duties,
      })),
    setAside: [],
  };
}

function countDue(
  tables: Tables,
  queue: number,
  now: Instant,
): { readonly due: number; readonly later: number; readonly oldestDueAt: Instant | null } {
  const rows = tables.due.lanesOf(queue).flatMap((lane) => tables.due.lane(queue, lane));
  const due = rows.filter((row) => row.at <= now);
  const oldest = due.reduce<Instant | null>((best, row) => Math.min(best ?? row.at, row.at), null);
  return { due: due.length, later: rows.length - due.length, oldestDueAt: oldest };
}

export function audit(tables: Tables, limit: number): readonly AuditFinding[] {
  const findings: AuditFinding[] = [];
  for (const row of tables.actors.values()) {
    if (findings.length >= limit) break;
    const problem = problemOf(tables, row);
    if (problem !== null) findings.push({ actor: row.id, problem });
  }
  return findings;
}

function problemOf(tables: Tables, row: ActorRow): string | null {
  if (row.quarantine !== null || row.parked !== null) return null;
  if (row.worker !== null) {
    if (!tables.workers.has(row.worker)) return `held by ${row.worker}, which is not alive`;
    const listed = [...(tables.leases.get(row.worker)?.values() ?? [])].some((ids) => ids.includes(row.id));
    return listed ? null : `held by ${row.worker}, but in none of its leases`;
  }
  const wait = tables.waits.get(row.id);
  if (tables.due.has(row.id) || wait?.admittedAt === null) return null;
  if (wait !== undefined) return 'admitted to its place without a due row';
  if (row.wakeAt !== null) return 'its wake time has no due row';
  if ((tables.mailboxes.get(row.id)?.mail.length ?? 0) > 0) return 'mail waits without a due row';
  return null;
}
