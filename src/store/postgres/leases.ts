/**
 * Owns `leases` and the freeing of what they list. Whoever frees takes locks without waiting, so that it can never stand
 * in a circle with a commit; what it could not lock stays listed.
 */
import type { LeaseChanges } from '../contract.ts';
import { ids, numbers } from './columns.ts';
import type { Database, Statement } from './database.ts';
import { textArray } from './groups.ts';

/**
 * What is `stuck`, and locked, becomes free and due, fence raised. A clean return, as that parameter says, also takes back the
 * strike of the claim; the death of the worker leaves it. A due instant that has passed is kept: a first turn taken again must
 * know when the run was due.
 */
function freeing(clean: string): string {
  return `freed as (
    update carillon.actors a set worker = null, fence = a.fence + 1, in_due = true,
      strikes = greatest(0, a.strikes - case when ${clean} then 1 else 0 end),
      claimed_at = case when ${clean} then null else a.claimed_at end,
      wake_at = case when a.in_due then a.wake_at else least(coalesce(a.wake_at, carillon.now()), carillon.now()) end
    from stuck where a.id = stuck.id
    returning a.id, a.queue, a.def, a.wake_at, case when a.strikes >= 2 then 10 else a.priority end as lane
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, lane, least(wake_at, carillon.now()), id, def from freed
  )`;
}

/** One lease row: those of its actors that are still this worker's. */
const FREE_LEASE: Statement = {
  name: 'free_lease',
  text: `with lease as materialized (
    select l.worker, l.n, l.actors from carillon.leases l where l.worker = $1 and l.n = $2 for update skip locked
  ), listed as materialized (
    select a.id from lease, unnest(lease.actors) as listed(id) join carillon.actors a on a.id = listed.id
    where a.worker = $1
  ), stuck as materialized (
    select a.id from carillon.actors a where a.id = any(array(select id from listed)) and a.worker = $1
    order by a.id for no key update skip locked
  ), ${freeing('$3')}, kept as (
    update carillon.leases l set actors = rest.actors
    from (
      select array_agg(listed.id) as actors from listed where not exists (select from freed where freed.id = listed.id)
    ) rest
    where l.worker = $1 and l.n = $2 and rest.actors is not null and exists (select from lease)
  ), dropped as (
    delete from carillon.leases l
    where l.worker = $1 and l.n = $2 and exists (select from lease)
      and not exists (select from listed where not exists (select from freed where freed.id = listed.id))
  )
  select id, queue from freed`,
};

/** As a lease, but for these alone. A fence that is null fits any. */
const FREE_SOME: Statement = {
  name: 'free_some',
  text: `with stuck as materialized (
    select a.id from carillon.actors a join unnest($2::uuid[], $3::int8[]) as held(id, fence) on held.id = a.id
    where a.worker = $1 and a.fence = coalesce(held.fence, a.fence)
    order by a.id for no key update of a skip locked
  ), ${freeing('$4')}
  select id, queue from freed`,
};

const LEASES_OF: Statement = {
  name: 'leases_of',
  text: `select n::float8 as lease from carillon.leases where worker = $1`,
};

/** A lease row may list what is through; the actor's own row decides. */
const HELD_BY: Statement = {
  name: 'held_by',
  text: `select a.id, a.fence::float8 as fence, max(l.n)::float8 as lease
  from carillon.leases l, unnest(l.actors) as listed(id) join carillon.actors a on a.id = listed.id
  where l.worker = $1 and a.worker = $1 group by a.id, a.fence`,
};

const CHANGE: Statement = {
  name: 'change_leases',
  text: `with emptied as (
    delete from carillon.leases where worker = $1 and n = any($2::int8[])
  )
  update carillon.leases l set actors = changed.actors::uuid[]
  from unnest($3::int8[], $4::text[]) as changed(n, actors) where l.worker = $1 and l.n = changed.n`,
};

export interface Freed {
  readonly id: string;
  readonly queue: number;
}

/** Frees one lease. `dead`: its worker died, and the strike stays; otherwise it is a clean return. */
export async function freeLease(db: Database, worker: string, lease: number, dead = false): Promise<readonly Freed[]> {
  return db.repeated(() => db.query<Freed>(FREE_LEASE, [worker, lease, !dead]));
}

export async function giveBack(
  db: Database,
  worker: string,
  held: readonly { readonly id: string; readonly fence: number }[],
): Promise<number> {
  const values = [worker, ids(held.map((one) => one.id)), numbers(held.map((one) => one.fence)), true];
  const freed = await db.repeated(() => db.query<Freed>(FREE_SOME, values));
  return freed.length;
}

/** One actor of a dead worker, by itself. */
export async function freeOne(db: Database, worker: string, id: string): Promise<readonly Freed[]> {
  return db.repeated(() => db.query<Freed>(FREE_SOME, [worker, [id], [null], false]));
}

export async function leasesOf(db: Database, worker: string): Promise<readonly number[]> {
  const rows = await db.query<{ lease: number }>(LEASES_OF, [worker]);
  return rows.map((row) => row.lease);
}

export async function heldBy(
  db: Database,
  worker: string,
): Promise<readonly { readonly id: string; readonly fence: number; readonly lease: number }[]> {
  return db.query(HELD_BY, [worker]);
}

/** Bookkeeping of what the worker has already seen finished. */
export async function changeLeases(db: Database, worker: string, { emptied, rewritten }: LeaseChanges): Promise<void> {
  if (emptied.length === 0 && rewritten.length === 0) return;
  const values = [
    worker,
    numbers(emptied),
    rewritten.map((one) => one.lease),
    rewritten.map((one) => textArray(one.actors)),
  ];
  await db.repeated(() => db.query(CHANGE, values));
}
