/**
 * What dashboards ask. Nothing here reads more rows than its bound: a page that is open must not cost what it shows.
 */
import type { DefinitionRecord, Population, PopulationCount, SettledCount, SettledLately } from '../surveying.ts';
import type { Database, Statement } from './database.ts';

const DEFINITIONS: Statement = {
  name: 'all_defs',
  text: `select id, kind, name, version, chart, (extract(epoch from registered_at) * 1000)::float8 as "registeredAt"
  from carillon.definitions where namespace = $1 order by name, version`,
};

const POPULATION: Statement = {
  name: 'population',
  text: `select a.def, a.state, a.quarantine is not null as quarantined, a.worker is not null as held, count(*)::float8 as count
  from (select def, state, quarantine, worker, queue from carillon.actors limit $2) a
  where a.queue in (select id from carillon.queues where namespace = $1)
  group by 1, 2, 3, 4`,
};

const SIZE: Statement = {
  name: 'actor_rows',
  text: `select
    (select count(*) from (select from carillon.actors limit $1) bounded)::float8 as counted,
    (select reltuples::float8 from pg_class where oid = 'carillon.actors'::regclass) as estimate`,
};

/** Whole pages chosen by chance: what is rare may be missed, and what is frequent is right. */
const SAMPLE: Statement = {
  name: null,
  text: `with sample as materialized (
    select def, state, quarantine, worker, queue from carillon.actors tablesample system ($2)
  ), taken as (select count(*) as n from sample)
  select s.def, s.state, s.quarantine is not null as quarantined, s.worker is not null as held,
    round(count(*) * $3::float8 / greatest((select n from taken), 1))::float8 as count
  from sample s where s.queue in (select id from carillon.queues where namespace = $1)
  group by 1, 2, 3, 4`,
};

/** Newest first by the index on settled_at, leaf by leaf. */
const SETTLED: Statement = {
  name: 'settled_lately',
  text: `with lately as materialized (
    select s.def, s.status, s.state, s.queue, s.settled_at from carillon.settled s
    where s.settled_at > carillon.now() - $2::float8 * interval '1 millisecond'
    order by s.settled_at desc limit $3
  )
  select l.def, l.status, l.state, (extract(epoch from date_trunc('minute', l.settled_at)) * 1000)::float8 as minute,
    count(*)::float8 as count,
    (extract(epoch from carillon.now()) * 1000)::float8 as now,
    (select count(*) from lately)::float8 as total,
    (select (extract(epoch from min(settled_at)) * 1000)::float8 from lately) as oldest
  from lately l where l.queue in (select id from carillon.queues where namespace = $1)
  group by 1, 2, 3, 4`,
};

/** Which transactions are visible: it moves when one that wrote something ends, in step with what a next query sees. */
const MARK: Statement = { name: 'mark', text: 'select pg_current_snapshot()::text as mark' };

export function definitions(db: Database): Promise<readonly DefinitionRecord[]> {
  return db.query<DefinitionRecord>(DEFINITIONS, [db.namespace]);
}

export async function population(db: Database, bound: number): Promise<Population> {
  const [size] = await db.query<{ counted: number; estimate: number }>(SIZE, [bound + 1]);
  const { counted = 0, estimate = 0 } = size ?? {};
  if (counted <= bound)
    return { counts: await db.query<PopulationCount>(POPULATION, [db.namespace, bound]), exact: true };
  // Never analyzed: then all that is known is that there are more.
  const whole = Math.max(estimate, counted);
  const percent = Math.min(100, (100 * bound) / whole);
  return { counts: await db.query<PopulationCount>(SAMPLE, [db.namespace, percent, whole]), exact: false };
}

export async function settledLately(db: Database, windowMs: number, bound: number): Promise<SettledLately> {
  const rows = await db.query<SettledCount & { now: number; total: number; oldest: number }>(SETTLED, [
    db.namespace,
    windowMs,
    bound,
  ]);
  const [first] = rows;
  const since = first && first.total >= bound ? first.oldest : first ? first.now - windowMs : null;
  return {
    counts: rows.map(({ def, status, state, minute, count }) => ({ def, status, state, minute, count })),
    since: since ?? 0,
  };
}

export async function mark(db: Database): Promise<string> {
  const [row] = await db.query<{ mark: string }>(MARK);
  return row?.mark ?? '';
}
