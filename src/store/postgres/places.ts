/**
 * Owns `places`: who counts under a limit. A turn takes or gives back its places in its own transaction, which holds the
 * locks of all its lines from the beginning, taken in one order: what is counted there cannot change before it commits.
 */
import type { TurnWrite } from '../contract.ts';
import type { Query, Statement } from './database.ts';
import type { SettledWrite } from './settled.ts';

/** Room is kept for whoever was admitted, for this long: a worker that is free claims it within milliseconds. */
export const KEPT_MS = 2_000;

/** Sorted in the subquery: two transactions with the same lines must not wait for each other. */
const LOCK: Statement = {
  name: 'lock_lines',
  text: `select pg_advisory_xact_lock(line.key)
  from (
    select distinct hashtextextended('carillon.line ' || id, 0) as key from unnest($1::text[]) as id order by 1
  ) line`,
};

/** A line may be waited for longer than a caller's open transaction. */
const PATIENT: Statement = { name: 'patient', text: `select set_config('lock_timeout', '10s', true)` };
const IMPATIENT: Statement = { name: 'impatient', text: `select set_config('lock_timeout', '100ms', true)` };

/**
 * Who of those that want to start may not: in a full line, or behind others that room is kept for. They are let go of as they
 * were before their claim, unless something came in between. One without a known count of pokes may have mail that nobody
 * else will look at, so it is due at once. Each is looked up by itself and written by its place, as in a turn.
 */
export const REFUSE_PLACES: Statement = {
  name: 'refuse_places',
  text: `with asking as materialized (
    select u.*, a.place, a.def, a.priority, least(coalesce(w.due_at, a.wake_at, carillon.now()), carillon.now()) as due_at,
      case when u.until_ms is not null then greatest(carillon.now(), to_timestamp(u.until_ms / 1000.0)) end as until_at
    from unnest($2::uuid[], $3::int8[], $4::int8[], $5::int4[], $6::float8[], $7::uuid[], $8::uuid[])
      as u(id, fence, seq, pokes, until_ms, place_line, rate_line) cross join lateral (
        select a.ctid as place, a.def, a.priority, a.wake_at from carillon.actors a
        where a.id = u.id and a.worker = $1 and a.fence = u.fence limit 1
      ) a
    left join carillon.waits w on w.actor = u.id
    limit cardinality($2::uuid[])
  ), wish as materialized (
    -- One that has its place already asks a second time because an answer was lost.
    select s.id, s.priority, s.due_at, l.line, l.rate, l.most
    from asking s join carillon.definitions d on d.id = s.def,
      lateral (values (s.place_line, false, d.concurrency), (s.rate_line, true, d.rate)) as l(line, rate, most)
    where l.line is not null and l.most is not null
      and not exists (select from carillon.places p where p.line = l.line and p.actor = s.id and p.fence = s.fence)
  ), taken as materialized (
    select p.line, count(*) as n from carillon.places p
    where p.line in (select line from wish) and (p.ends_at is null or p.ends_at > carillon.now()) group by p.line
  ), ranked as (
    select r.*, row_number() over (partition by r.line order by r.priority, r.due_at, r.id) as nth
    from (
      select w.id, w.line, w.rate, w.most, w.priority, w.due_at from wish w
      union all
      select o.actor, o.line, o.rate, null, o.priority, o.due_at from carillon.waits o
      where o.line in (select line from wish) and o.actor not in (select id from asking)
        and o.admitted_at > carillon.now() - $9::float8 * interval '1 millisecond'
    ) r
  ), refused as materialized (
    select distinct on (r.id) r.id, r.line, r.rate from ranked r left join taken t on t.line = r.line
    where coalesce(t.n, 0) + r.nth > r.most order by r.id, r.rate
  ), released as (
    update carillon.actors a set worker = null, claimed_at = null, strikes = greatest(0, a.strikes - 1)
    from asking s join refused r on r.id = s.id
    where a.ctid = s.place and a.id = s.id and a.worker = $1 and a.fence = s.fence and a.seq = s.seq
      and (s.pokes is null or a.pokes = s.pokes)
    returning a.id, a.queue, a.def, a.priority, case when a.strikes >= 2 then 10 else a.priority end as lane,
      s.due_at, s.until_at, s.pokes, r.line, r.rate
  ), waiting as (
    insert into carillon.waits (actor, line, rate, queue, def, priority, lane, due_at, until_at)
    select id, line, rate, queue, def, priority, lane, due_at, until_at from released
    on conflict (actor) do update set line = excluded.line, rate = excluded.rate, lane = excluded.lane,
      admitted_at = null, until_at = excluded.until_at
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select r.queue, r.lane, r.until_at, r.id, r.def from released r
    where r.until_at is not null
      and not exists (select from carillon.waits w where w.actor = r.id and w.until_at = r.until_at)
    union all
    select r.queue, r.lane, carillon.now(), r.id, r.def from released r where r.pokes is null
  )
  select r.id, l.id is not null as waiting from refused r left join released l on l.id = r.id`,
};

/**
 * Those that start get their places, those that leave give them back, and neither waits any more. Of their other due rows only
 * future ones go: one that has come may have been taken already, and mail that came at that instant has one like it.
 */
export const MOVE_PLACES: Statement = {
  name: 'move_places',
  text: `with moved as materialized (
    select u.* from unnest($1::uuid[], $2::int8[], $3::uuid[], $4::uuid[], $5::bool[])
      as u(id, fence, place_line, rate_line, starts)
  ), given as (
    insert into carillon.places (line, actor, fence, ends_at)
    select l.line, m.id, m.fence, case when l.rate then carillon.now() + d.rate_ms * interval '1 millisecond' end
    from moved m, lateral (select a.def from carillon.actors a where a.id = m.id limit 1) a
      join carillon.definitions d on d.id = a.def,
      lateral (values (m.place_line, false, d.concurrency), (m.rate_line, true, d.rate)) as l(line, rate, most)
    where m.starts and l.line is not null and l.most is not null
    on conflict do nothing
  ), returned as (
    delete from carillon.places p using moved m
    where not m.starts and p.line = m.place_line and p.actor = m.id and p.fence = m.fence
  ), arrived as (
    delete from carillon.waits w using moved m where w.actor = m.id
    returning w.actor, w.queue, w.lane, w.until_at, w.admitted_at
  )
  delete from carillon.due d using arrived w
  where d.queue = w.queue and d.priority = w.lane and d.due_at = any(array[w.until_at, w.admitted_at])
    and d.due_at > carillon.now() and d.actor = w.actor`,
};

type Limited = TurnWrite & { readonly place: NonNullable<TurnWrite['place']> };

/** Whether it takes a place or gives one back. */
export function movesPlace(write: TurnWrite): write is Limited {
  return write.place !== null && (write.place.start || leaves(write));
}

function leaves({ next }: TurnWrite | SettledWrite): boolean {
  return next.kind === 'settled' || !next.hold || next.quarantine !== null;
}

/** All lines of these, in the order in which they are locked. */
export function linesOf(writes: readonly TurnWrite[]): readonly string[] {
  const ids = writes.flatMap(({ place }) => [place?.keys.concurrency?.id, place?.keys.rate?.id]);
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/** `impatient`: on a connection of short patience, which is not for lines. */
export async function lockLines(query: Query, lines: readonly string[], impatient: boolean): Promise<void> {
  if (impatient) await query(PATIENT, []);
  await query(LOCK, [lines]);
  if (impatient) await query(IMPATIENT, []);
}

/** Those that may not start: true where it waits now, false where the actor was moved on meanwhile. */
export async function refusePlaces(
  query: Query,
  worker: string,
  writes: readonly TurnWrite[],
): Promise<ReadonlyMap<string, boolean>> {
  const starting = writes.filter(movesPlace).filter(({ place }) => place.start);
  if (starting.length === 0) return new Map();
  const rows = await query<{ id: string; waiting: boolean }>(REFUSE_PLACES, [
    worker,
    starting.map((w) => w.id),
    starting.map((w) => w.fence),
    starting.map((w) => w.seq),
    starting.map((w) => w.pokes),
    starting.map((w) => w.place.until),
    starting.map((w) => w.place.keys.concurrency?.id ?? null),
    starting.map((w) => w.place.keys.rate?.id ?? null),
    KEPT_MS,
  ]);
  return new Map(rows.map(({ id, waiting }) => [id, waiting]));
}

/** After these were written. */
export async function movePlaces(query: Query, writes: readonly TurnWrite[]): Promise<void> {
  const moved = writes.filter(movesPlace);
  if (moved.length === 0) return;
  await query(MOVE_PLACES, [
    moved.map((w) => w.id),
    moved.map((w) => w.fence),
    moved.map((w) => w.place.keys.concurrency?.id ?? null),
    moved.map((w) => w.place.keys.rate?.id ?? null),
    moved.map((w) => w.place.start),
  ]);
}
