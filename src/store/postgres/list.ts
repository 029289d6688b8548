/** Pages over actors, alive and settled, newest first by id. Statuses decide which of the two tables are asked. */
import type { ListFilter, StoredActor } from '../contract.ts';
import type { Database, Statement } from './database.ts';

/**
 * Primary keys of actors and of each leaf of settled, from the cursor downwards; a filter by parent, key or label has an
 * index of its own. Planned with its values, so that an absent filter costs nothing, nor does the other table.
 */
export const LIST = listOf('carillon.actors', 'carillon.settled');

/** The same of the newest rows only: a filter that no index serves would read all of them to find a few. */
const LIST_WITHIN = listOf(newest('carillon.actors'), newest('carillon.settled'));

function newest(table: string): string {
  return `(select * from ${table} where $10::uuid is null or id < $10 order by id desc limit $12)`;
}

/** Where the look ended, in whichever of the two it ended first. */
const EDGE: Statement = {
  name: null,
  text: `select id from (
    (select id from carillon.actors where $3::bool and ($1::uuid is null or id < $1) order by id desc offset $2 limit 1)
    union all
    (select id from carillon.settled where $4::bool and ($1::uuid is null or id < $1) order by id desc offset $2 limit 1)
  ) ends order by id desc limit 1`,
};

function listOf(actors: string, settled: string): Statement {
  return {
    name: null,
    text: `with page as (
    (select a.id, a.def, a.queue, a.priority, a.labels,
      case when a.quarantine is null then 'active' else 'quarantined' end as status, a.state, a.input, a.snapshot,
      a.history, a.spilled, a.seq, a.fence, a.attempt, a.strikes, a.retried, a.worker,
      case when a.worker is not null then a.claimed_at end as claimed_at, case when a.in_due then a.wake_at end as wake_at,
      a.parent, a.role, a.key, coalesce(a.quarantine, a.parked) as reason, a.progress, null as record,
      (select count(*) from carillon.mailbox m where m.actor = a.id and m.event is not null)::int4 as mail,
      a.created_at, null::timestamptz as settled_at
    from ${actors} a
    where $3::text is null
      and a.queue in (select q.id from carillon.queues q where q.namespace = $1 and ($6::text is null or q.name = $6))
      and ($2::text is null or ($2 = 'active' and a.quarantine is null) or ($2 = 'quarantined' and a.quarantine is not null))
      and ($4::text is null or a.state = $4)
      and ($5::text is null or a.def in (select d.id from carillon.definitions d where d.namespace = $1 and d.name = $5))
      and ($7::text is null or a.labels @> array[$7] and a.labels <> '{}')
      and ($8::text is null or a.key = $8)
      and ($9::uuid is null or a.parent = $9)
      and ($10::uuid is null or a.id < $10)
    order by a.id desc limit $11)
    union all
    (select s.id, s.def, s.queue, s.priority, s.labels, s.status, s.state, s.input, s.snapshot, s.history, s.spilled,
      s.seq, s.fence, s.attempt, s.strikes, s.retried, null, null, null, s.parent, s.role, s.key, s.reason, s.progress, s.record,
      coalesce(cardinality(s.undelivered), 0), s.created_at, s.settled_at
    from ${settled} s
    where ($2::text is null or ($2 in ('done', 'dropped') and s.status = $2)) and ($3::text is null or s.outcome = $3)
      and s.queue in (select q.id from carillon.queues q where q.namespace = $1 and ($6::text is null or q.name = $6))
      and ($4::text is null or s.state = $4)
      and ($5::text is null or s.def in (select d.id from carillon.definitions d where d.namespace = $1 and d.name = $5))
      and ($7::text is null or s.labels @> array[$7] and s.labels <> '{}')
      and ($8::text is null or s.key = $8)
      and ($9::uuid is null or s.parent = $9)
      and ($10::uuid is null or s.id < $10)
    order by s.id desc limit $11)
    order by id desc limit $11
  )
  select p.id, d.name, d.version, q.name as queue, p.priority, coalesce(p.labels, '{}') as labels, p.status, p.state, p.input, p.snapshot,
    p.history, p.spilled, p.seq::float8 as seq, p.fence::float8 as fence, p.attempt, p.strikes, p.retried, p.worker,
    (extract(epoch from p.claimed_at) * 1000)::float8 as "claimedAt",
    (extract(epoch from p.wake_at) * 1000)::float8 as "wakeAt", p.parent, p.role, p.key, p.reason, p.progress, p.record, p.mail,
    (extract(epoch from p.created_at) * 1000)::float8 as "createdAt",
    (extract(epoch from p.settled_at) * 1000)::float8 as "settledAt"
  from page p join carillon.queues q on q.id = p.queue join carillon.definitions d on d.id = p.def
  order by p.id desc`,
  };
}

export async function list(
  db: Database,
  filter: ListFilter,
): Promise<{ readonly items: readonly StoredActor[]; readonly cursor?: string }> {
  const { status, outcome, state, name, queue, label, key, parentId, limit, within, cursor } = filter;
  // These have indexes of their own, and find what is rare at once.
  const rare = status === 'quarantined' || status === 'dropped';
  const indexed = rare || label !== undefined || key !== undefined || parentId !== undefined;
  const bound = indexed ? undefined : within;
  // One more than asked tells whether there is a next page.
  const rows = await db.query<StoredActor>(bound === undefined ? LIST : LIST_WITHIN, [
    db.namespace,
    status ?? null,
    outcome ?? null,
    state ?? null,
    name ?? null,
    queue ?? null,
    label ?? null,
    key ?? null,
    parentId ?? null,
    cursor ?? null,
    limit + 1,
    ...(bound === undefined ? [] : [bound]),
  ]);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  if (rows.length > limit && last !== undefined) return { items, cursor: last.id };
  if (bound === undefined) return { items };
  const [edge] = await db.query<{ id: string }>(EDGE, [
    cursor ?? null,
    bound - 1,
    outcome === undefined && status !== 'done' && status !== 'dropped',
    status !== 'active' && status !== 'quarantined',
  ]);
  // What the other table had beyond the edge comes with the next page.
  return edge ? { items: items.filter(({ id }) => id >= edge.id), cursor: edge.id } : { items };
}
