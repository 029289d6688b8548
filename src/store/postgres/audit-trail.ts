/** Owns `audit`: what operators did. Written by whoever carries it out, in the same transaction. */
import type { AuditEntry, AuditFilter, Operator } from '../operating.ts';
import type { Database, Statement } from './database.ts';
import { isUuid } from './uuid.ts';

/** For actions of several statements; those of one write their entry themselves. */
export const NOTE: Statement = {
  name: 'note',
  text: `insert into carillon.audit (id, at, namespace, who, action, target, reason, before, after)
  values ($1, carillon.now(), $2, $3, $4, $5, $6, $7, $8)`,
};

/** Index audit_in_order, downwards. */
const READ: Statement = {
  name: null,
  text: `select a.id, (extract(epoch from a.at) * 1000)::float8 as at, a.who, a.action, a.target, a.reason, a.before, a.after
  from carillon.audit a
  where a.namespace = $1
    and ($2::text is null or a.who = $2) and ($3::text is null or a.action = $3)
    and ($4::text is null or a.target = $4 or (a.action = 'retryFailed' and a.before ? $4))
    and ($5::float8 is null or a.at >= to_timestamp($5 / 1000.0))
    and ($6::float8 is null or a.at < to_timestamp($6 / 1000.0))
    and ($7::uuid is null or (a.at, a.id) < (select b.at, b.id from carillon.audit b where b.id = $7))
  order by a.at desc, a.id desc limit $8`,
};

interface Deed {
  readonly action: string;
  readonly target: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export function noteValues(
  db: Database,
  { who, reason }: Operator,
  { action, target, before, after }: Deed,
): unknown[] {
  const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
  return [db.env.uuid(), db.namespace, who, action, target, reason ?? null, json(before), json(after)];
}

export async function auditTrail(
  db: Database,
  { who, action, target, since, until, limit, cursor }: AuditFilter,
): Promise<{ readonly items: readonly AuditEntry[]; readonly cursor?: string }> {
  const from = cursor !== null && isUuid(cursor) ? cursor : null;
  // One more than asked tells whether there is a next page.
  const rows = await db.query<AuditEntry>(READ, [db.namespace, who, action, target, since, until, from, limit + 1]);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, cursor: last.id } : { items };
}
