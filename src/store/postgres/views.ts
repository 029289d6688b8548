/** What views and waiters read of single actors, alive or settled. Nothing here locks or changes anything. */
import type { Progressed, StoredActor } from '../contract.ts';
import type { Operator } from '../operating.ts';
import type { Database, Statement } from './database.ts';
import { isUuid } from './uuid.ts';

const FIND: Statement = {
  name: 'find',
  text: `select a.id, d.name, d.version, q.name as queue, a.priority, coalesce(a.labels, '{}') as labels,
    case when a.quarantine is null then 'active' else 'quarantined' end as status, a.state, a.input, a.snapshot,
    a.history, a.spilled, a.seq::float8 as seq, a.fence::float8 as fence, a.attempt, a.strikes, a.retried, a.worker,
    case when a.worker is not null then (extract(epoch from a.claimed_at) * 1000)::float8 end as "claimedAt",
    case when a.in_due then (extract(epoch from a.wake_at) * 1000)::float8 end as "wakeAt",
    a.parent, a.role, a.key, coalesce(a.quarantine, a.parked) as reason, a.progress, null as record,
    (select count(*) from carillon.mailbox m where m.actor = a.id and m.event is not null)::int4 as mail,
    (extract(epoch from a.created_at) * 1000)::float8 as "createdAt", null::float8 as "settledAt"
  from carillon.actors a
  join carillon.queues q on q.id = a.queue and q.namespace = $2
  join carillon.definitions d on d.id = a.def
  where a.id = $1
  union all
  select s.id, d.name, d.version, q.name, s.priority, coalesce(s.labels, '{}'), s.status, s.state, s.input, s.snapshot, s.history,
    s.spilled, s.seq::float8, s.fence::float8, s.attempt, s.strikes, s.retried, null, null, null, s.parent, s.role, s.key, s.reason,
    s.progress, s.record, coalesce(cardinality(s.undelivered), 0), (extract(epoch from s.created_at) * 1000)::float8,
    (extract(epoch from s.settled_at) * 1000)::float8
  from carillon.settled s
  join carillon.queues q on q.id = s.queue and q.namespace = $2
  join carillon.definitions d on d.id = s.def
  where s.id = $1`,
};

/** One question for all waiters of a process. */
const PROGRESSED: Statement = {
  name: 'progressed',
  text: `select a.id, a.seq::float8 as seq, a.worker is not null as held, a.state,
    case when a.quarantine is null then 'active' else 'quarantined' end as status, null as record
  from carillon.actors a join carillon.queues q on q.id = a.queue and q.namespace = $2 where a.id = any($1::uuid[])
  union all
  select s.id, s.seq::float8, false, s.state, s.status, s.record
  from carillon.settled s join carillon.queues q on q.id = s.queue and q.namespace = $2 where s.id = any($1::uuid[])`,
};

const PROGRESS: Statement = {
  name: 'progress',
  text: `update carillon.actors set progress = $4 where id = $2 and worker = $1 and fence = $3 returning id`,
};

/** A first turn that was quarantined keeps the instant at which it was due. */
const RELEASE: Statement = {
  name: 'release',
  text: `with mine as materialized (
    select a.id, a.quarantine from carillon.actors a join carillon.queues q on q.id = a.queue and q.namespace = $2
    where a.id = $1 and a.quarantine is not null for update of a
  ), freed as (
    update carillon.actors a set quarantine = null, in_due = true,
      wake_at = case when a.in_due then a.wake_at else carillon.now() end
    from mine m where a.id = m.id
    returning a.id, a.queue, a.def, a.wake_at, case when a.strikes >= 2 then 10 else a.priority end as lane
  ), noted as (
    insert into carillon.audit (id, at, namespace, who, action, target, reason, before)
    select $3, carillon.now(), $2, $4, 'release', m.id, $5, jsonb_build_object('quarantine', m.quarantine)
    from mine m where $3::uuid is not null
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, lane, least(wake_at, carillon.now()), id, def from freed
  )
  select id from freed`,
};

export async function find(db: Database, id: string): Promise<StoredActor | null> {
  if (!isUuid(id)) return null;
  const [actor] = await db.query<StoredActor>(FIND, [id, db.namespace]);
  return actor ?? null;
}

export async function progressed(db: Database, ids: readonly string[]): Promise<readonly Progressed[]> {
  const known = ids.filter(isUuid);
  return known.length === 0 ? [] : db.query<Progressed>(PROGRESSED, [known, db.namespace]);
}

export async function progress(
  db: Database,
  worker: string,
  id: string,
  fence: number,
  value: string,
): Promise<boolean> {
  const rows = await db.repeated(() => db.query(PROGRESS, [worker, id, fence, value]));
  return rows.length > 0;
}

export async function release(db: Database, id: string, by: Operator | undefined): Promise<boolean> {
  if (!isUuid(id)) return false;
  const noted = [by ? db.env.uuid() : null, by?.who ?? null, by?.reason ?? null];
  const rows = await db.resolved(
    () => db.query<{ id: string }>(RELEASE, [id, db.namespace, ...noted]),
    async () => {
      const actor = await find(db, id);
      return actor === null || actor.status === 'quarantined' ? undefined : [{ id }];
    },
  );
  return rows.length > 0;
}
