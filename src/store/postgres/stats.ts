/** Counts for people, bounded: beyond the bound an estimate of the planner, so that a look never costs what it counts. */
import type { StoreStats } from '../contract.ts';
import type { Database, Statement } from './database.ts';
import { readSetAside } from './set-aside.ts';

/** What is read at most for one number. */
const BOUND = 10_000;

const QUEUES: Statement = {
  name: 'queue_stats',
  text: `select q.name as queue, q.paused,
    (select count(*) from (select from carillon.due d
      where d.queue = q.id and d.due_at <= carillon.now() limit $2) bounded)::int4 as due,
    (select count(*) from (select from carillon.due d
      where d.queue = q.id and d.due_at > carillon.now() limit $2) bounded)::int4 as later,
    (select (extract(epoch from min(head.due_at)) * 1000)::float8
      from generate_series(0, 10) as level(priority), lateral (
        select d.due_at from carillon.due d
        where d.queue = q.id and d.priority = level.priority and d.due_at <= carillon.now() order by d.due_at limit 1
      ) head) as "oldestDueAt"
  from carillon.queues q where q.namespace = $1 order by q.name`,
};

const ACTORS: Statement = {
  name: 'actor_stats',
  text: `with mine as (select id from carillon.queues where namespace = $1)
  select
    case when bounded.n < $2 then bounded.n else greatest(bounded.n, estimate.n) end::float8 as active,
    (select count(*) from (select from carillon.actors
      where quarantine is not null and queue in (select id from mine) limit $2) q)::int4 as quarantined,
    (select count(*) from (select from carillon.actors
      where parked is not null and queue in (select id from mine) limit $2) p)::int4 as parked
  from (select count(*) as n from (select from carillon.actors
      where quarantine is null and queue in (select id from mine) limit $2) a) bounded,
    (select reltuples::int8 as n from pg_class where oid = 'carillon.actors'::regclass) estimate`,
};

const WORKERS: Statement = {
  name: 'worker_stats',
  text: `select w.id, w.host, w.pid, w.defs, w.queues, w.lease_ms as "leaseMs", w.concurrency,
    (extract(epoch from w.joined_at) * 1000)::float8 as "joinedAt", (extract(epoch from w.beat_at) * 1000)::float8 as "beatAt",
    w.duties,
    w.beat_at + w.lease_ms * interval '1 millisecond' > carillon.now() as alive,
    (select count(*) from carillon.leases l, unnest(l.actors) as listed(id) join carillon.actors a on a.id = listed.id
      where l.worker = w.id and a.worker = w.id)::int4 as held
  from carillon.workers w where w.namespace = $1 order by w.joined_at, w.id`,
};

const MAIL: Statement = {
  name: 'mail_stats',
  text: `select count(*)::int4 as mail from (
    select from carillon.mailbox m join carillon.actors a on a.id = m.actor
    where m.event is not null and a.queue in (select id from carillon.queues where namespace = $1) limit $2
  ) bounded`,
};

export async function stats(db: Database): Promise<StoreStats> {
  const [queues, [actors], workers, setAside, [mail]] = await Promise.all([
    db.query<StoreStats['queues'][number]>(QUEUES, [db.namespace, BOUND]),
    db.query<Pick<StoreStats, 'active' | 'quarantined' | 'parked'>>(ACTORS, [db.namespace, BOUND]),
    db.query<StoreStats['workers'][number]>(WORKERS, [db.namespace]),
    readSetAside(db),
    db.query<Pick<StoreStats, 'mail'>>(MAIL, [db.namespace, BOUND]),
  ]);
  return { active: 0, quarantined: 0, parked: 0, mail: 0, ...actors, ...mail, queues, workers, setAside };
}
