/**
 * Sets aside what no worker has code for: such rows would be read over by every claim. Living is who was not found dead:
 * after an outage all heartbeats look old, and nobody would register again. Who knows a newer version takes an older one over.
 */
import type { Orphan } from '../contract.ts';
import type { Database, Statement } from './database.ts';

/** Only what stands at the head of its lane is in the way. With no worker at all, nothing is: that is a restart. */
const PARK: Statement = {
  name: 'park',
  text: `with running as materialized (
    select distinct d.name, d.version
    from carillon.workers w, unnest(w.defs) def join carillon.definitions d on d.id = def where w.namespace = $1
  ), known as materialized (
    select coalesce(array_agg(o.id), '{}') as defs from carillon.definitions o
    where o.namespace = $1 and exists (select from running r where r.name = o.name and r.version >= o.version)
  ), head as materialized (
    select d.* from carillon.queues q, generate_series(0, 10) as level(priority), lateral (
      select o.ctid as place, o.actor, o.def, o.due_at from (
        select d.ctid, d.actor, d.def, d.due_at from carillon.due d
        where d.queue = q.id and d.priority = level.priority and d.due_at <= carillon.now()
        order by d.due_at, d.actor limit 1000
      ) o where o.def <> all((select defs from known)::int4[])
    ) d
    where q.namespace = $1
  ), locked as materialized (
    select a.id, a.wake_at, a.in_due from carillon.actors a
    where a.id = any(array(select actor from head)) and a.worker is null and a.quarantine is null
    order by a.id for no key update skip locked
  ), parked as (
    update carillon.actors a set
      parked = 'No living worker has code for ' || d.name || ' version ' || d.version || '.' || coalesce(
        ' Version ' || (select max(r.version) from running r where r.name = d.name)
          || ' is known, and no actor goes back to an older one.', ''),
      in_due = a.in_due and not exists (select from head h where h.actor = a.id and h.due_at = a.wake_at)
    from locked l, carillon.definitions d where a.id = l.id and d.id = a.def
    returning a.id
  ), removed as (
    delete from carillon.due d using head h join locked l on l.id = h.actor
    where d.ctid = h.place and d.actor = h.actor and d.due_at = h.due_at
  )
  select id from parked`,
};

/** What some living worker knows again: also one that joined while another process was parking. */
const UNPARK: Statement = {
  name: 'unpark',
  text: `with locked as materialized (
    select a.id from carillon.actors a
    where a.parked is not null and a.def in (
      select o.id from carillon.definitions n
      join carillon.definitions o on o.namespace = n.namespace and o.name = n.name and o.version <= n.version
      where n.id = any($1::int4[])
    )
    order by a.id limit 10000 for no key update skip locked
  ), back as (
    update carillon.actors a set parked = null, in_due = true,
      wake_at = case when a.in_due then a.wake_at else least(coalesce(a.wake_at, carillon.now()), carillon.now()) end
    from locked l where a.id = l.id
    returning a.id, a.queue, a.def, a.wake_at, case when a.strikes >= 2 then 10 else a.priority end as lane
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, lane, least(wake_at, carillon.now()), id, def from back
  )
  select id from back`,
};

const KNOWN: Statement = {
  name: 'known_defs',
  text: `select distinct d as def from carillon.workers w, unnest(w.defs) d where w.namespace = $1`,
};

/**
 * Index due_in_order: what nobody claims stands at the heads of the lanes. A queue that only newer workers serve is theirs,
 * whoever knows the older version elsewhere.
 */
const ORPHANS: Statement = {
  name: 'orphans',
  text: `with head as materialized (
    select distinct q.id as queue, o.def
    from unnest($1::int4[]) as asked(id) join carillon.queues q on q.id = asked.id and not q.paused,
      generate_series(0, 10) as level(priority), lateral (
        select d.def from carillon.due d
        where d.queue = q.id and d.priority = level.priority and d.due_at <= carillon.now()
        order by d.due_at, d.actor limit 1000
      ) o
    where o.def <> all($2::int4[])
  )
  select h.queue, h.def from head h join carillon.definitions o on o.id = h.def
  where exists (
    select from carillon.definitions n
    where n.namespace = o.namespace and n.name = o.name and n.version > o.version and n.id = any($2::int4[])
  ) and not exists (
    select from carillon.workers w where h.def = any(w.defs) and h.queue = any(w.queues)
  )`,
};

export async function orphans(
  db: Database,
  queues: readonly number[],
  defs: readonly number[],
): Promise<readonly Orphan[]> {
  return db.query<Orphan>(ORPHANS, [queues, defs]);
}

export async function park(db: Database): Promise<{ readonly processed: number; readonly errors: number }> {
  const known = await db.query<{ def: number }>(KNOWN, [db.namespace]);
  await unpark(
    db,
    known.map(({ def }) => def),
  );
  const parked = await db.repeated(() => db.query<{ id: string }>(PARK, [db.namespace]));
  if (parked.length > 0) db.logger.warn({ count: parked.length }, 'parked what no living worker has code for');
  return { processed: parked.length, errors: 0 };
}

export async function unpark(db: Database, defs: readonly number[]): Promise<void> {
  if (defs.length === 0) return;
  await db.repeated(() => db.query(UNPARK, [defs]));
}
