/** What goes from the in-memory store in time: history past its day, expired keys, and the old audit. */
import type { DutyReply, Operator, PrunedCount, PruneReply } from '../operating.ts';
import type { SettledRow } from './actor-row.ts';
import { note, type Place } from './audit-trail.ts';
import type { Tables } from './database.ts';

const DAY_MS = 86_400_000;
const AUDIT_DAYS = 90;

export function prune(place: Place, by: Operator | null): PruneReply {
  const { tables } = place;
  const today = dayOf(tables.now());
  const past = [...tables.settled.values()].filter((settled) => lastDayOf(settled) < today);
  const carried = past.filter(({ row }) => isFlowChild(tables, row.parent));
  const gone = past.filter(({ row }) => !isFlowChild(tables, row.parent));
  for (const settled of gone) {
    count(place, settled);
    keepRecord(tables, settled);
    tables.settled.delete(settled.row.id);
    tables.segments.delete(settled.row.id);
  }
  const done = gone.filter(({ end }) => end.status === 'done').length;
  const result = { done, dropped: gone.length - done, carried: carried.length };
  if (past.length > 0) note(place, by, { action: 'prune', target: 'settled', before: null, after: result });
  return { ...result, blocked: 0, errors: 0, processed: gone.length };
}

function dayOf(instant: number): number {
  return Math.floor(instant / DAY_MS);
}

/** The day until whose end it has to be kept. */
function lastDayOf({ settledAt, end }: SettledRow): number {
  return dayOf(settledAt) + Math.ceil(end.keepMs / DAY_MS);
}

function isFlowChild(tables: Tables, parent: string | null): boolean {
  const row = parent === null ? undefined : tables.actors.get(parent);
  return row !== undefined && tables.kinds.get(row.def)?.kind === 'flow';
}

function keepRecord(tables: Tables, { row, end }: SettledRow): void {
  const claim = row.keyDigest === null ? undefined : tables.claims.get(row.keyDigest);
  if (claim?.actor === row.id && claim.settled) claim.settled = { ...claim.settled, record: end.record };
}

function count({ tables }: Place, { row, end }: SettledRow): void {
  const code = end.status === 'dropped' ? (/"code":"((?:[^"\\]|\\.)*)"/.exec(end.record)?.[1] ?? null) : null;
  const queue = tables.queues.get(row.queue)?.name ?? '';
  const { outcome, reason } = end;
  const key = JSON.stringify([row.def, row.queue, outcome, reason, code]);
  const before = tables.pruned.get(key)?.count ?? 0;
  tables.pruned.set(key, { name: row.name, queue, outcome, reason, code, count: before + 1 });
}

export function prunedCounts({ tables, namespace }: Place): readonly PrunedCount[] {
  const mine = [...tables.pruned].filter(([key]) => {
    const [, queue] = JSON.parse(key) as [number, number];
    return tables.queues.get(queue)?.namespace === namespace;
  });
  const inOrder = mine.map(([, counted]) => [JSON.stringify(Object.values(counted)), counted] as const);
  return inOrder.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted);
}

export function forget(tables: Tables): DutyReply {
  const now = tables.now();
  let processed = 0;
  for (const [digest, { settled }] of tables.claims) {
    if (!settled || settled.expiresAt > now) continue;
    tables.claims.delete(digest);
    processed += 1;
  }
  const kept = tables.audit.filter(({ at }) => at >= now - AUDIT_DAYS * DAY_MS);
  processed += tables.audit.length - kept.length;
  tables.audit.splice(0, tables.audit.length, ...kept);
  return { processed, errors: 0 };
}

export function releaseKey(place: Place, digest: Buffer, key: string, by: Operator): boolean {
  const hex = digest.toString('hex');
  const claim = place.tables.claims.get(hex);
  if (claim === undefined) return false;
  const until = claim.settled === null ? null : new Date(claim.settled.expiresAt).toISOString();
  note(place, by, { action: 'releaseKey', target: key, before: { actor: claim.actor, until }, after: null });
  return place.tables.claims.delete(hex);
}
