/**
 * Owns `due`, the pending work, and the claim that takes from it. A due row goes only when its actor was locked and
 * answered (taken, poked, or set aside) or is gone: what could not be locked is in somebody's hands, and stays due.
 */
import type { ClaimReply, ClaimRequest, Instant } from '../contract.ts';
import { type ClaimRow, claimIn } from './claim-rows.ts';
import type { Database, Statement } from './database.ts';
import { freeLease } from './leases.ts';
import { type LowWater, type Marks, markIn } from './low-water.ts';
import type { Registry } from './registry.ts';

/**
 * What is due on one level of one lane, in order, with its actor as it is locked. Index due_in_order: one exact range, read no
 * further than the limit, each row with its actor; waits for nobody. `limit 1` keeps the look for the actor from becoming a join.
 */
const dueOn = (level: string, from: string, limit: string): string => `
        select d.ctid as row, d.queue as lane_queue, d.priority as lane, d.due_at, a.*
        from carillon.due d, lateral (
          select a.ctid as place, age(a.xmin) > (select horizon.age from horizon) as old, a.id, a.worker, a.worker is null and a.quarantine is null as free,
            a.strikes, a.claimed_at, a.wake_at, a.in_due, a.queue, a.priority, a.def
          from carillon.actors a where a.id = d.actor limit 1 for no key update skip locked
        ) a
        where d.queue = lane.queue and d.priority = ${level} and d.due_at <= carillon.now() ${from} and d.def = any(lane.defs)
        order by d.due_at, d.actor limit ${limit}`;

/**
 * Locks actors, one by one as their due rows come, and no due row: whoever takes one away has its actor locked. Mail visible here
 * belongs to due rows visible here, so taking both is one decision.
 *
 * No part may begin at a whole table, because the plan may have been made while that was empty: hence `limit`, `any` and laterals
 * where a join would say the same. Parts are compared by `in`, which is hashed: joined, tiny estimates make them nested loops,
 * quadratic in the slots.
 */
export const CLAIM: Statement = {
  name: 'claim',
  text: `with horizon as materialized (
    select age(pg_snapshot_xmin(pg_current_snapshot())::xid) as age
  ), lane as materialized (
    select q.id as queue, asked.position::int4 as position,
      $4::int4[] || array(select i.def from unnest($8::int4[], $9::int4[]) as i(queue, def) where i.queue = q.id) as defs
    from unnest($3::int4[]) with ordinality as asked(id, position)
    join carillon.queues q on q.id = asked.id and not q.paused
    where exists (select from carillon.workers w where w.id = $1)
  ), suspect as materialized (
    select d.* from lane, lateral (${dueOn('10', '', '1')}
    ) d
    where $6::bool
    limit 1
  ), found as materialized (
    select d.* from unnest($7::int2[]) as level(priority), lateral (
      select d.* from lane, lateral (${dueOn('level.priority', `and (d.due_at, d.actor) >= (${markIn('$10', '$11')})`, '$5::int4 + 1')}
      ) d
      limit $5::int4 + 1
    ) d
    limit $5::int4 + 1
  ), picked as not materialized (
    select * from suspect union all select * from found limit $5::int4
  ), twice as materialized (
    select count(*) > (select count(*) from (select from picked p group by p.id) each) as any from picked
  ), locked as materialized (
    -- What changed since this statement began is for the next claim: it may look free while its mail is still seen as it was, or
    -- be held by who has just taken this very due row.
    select d.*, d.def = any($4::int4[]) or exists (
        select from lane where lane.queue = d.queue and d.def = any(lane.defs)) as known,
      -- With mail an actor may have several rows here.
      d.due_at = d.wake_at or ((select twice.any from twice) and (d.id, d.wake_at) in (
        select p.id, p.due_at from picked p)) as own_picked
    from picked d where d.old or d.place = (select s.ctid from carillon.actors s where s.id = d.id)
  ), mailed as materialized (
    -- One look for all: most claims find no mail at all.
    select exists (
      select from carillon.mailbox m where m.actor = any(array(select l.id from locked l)) and m.event is not null) as any
  ), taken as materialized (
    select l.* from locked l
    where l.free and l.known and (l.strikes < 2 or l.id in (select s.id from suspect s))
  ), mail as materialized (
    select t.id as actor, t.queue, t.priority, t.def, m.*
    from (select id, queue, priority, def from taken group by id, queue, priority, def) t, lateral (
      select m.id, m.event, m.at, row_number() over (order by m.id) as nth from carillon.mailbox m
      where m.actor = t.id and m.event is not null order by m.id limit 1001
    ) m
    where (select mailed.any from mailed)
  ), answered as materialized (
    -- Further due rows of what was taken: its own if that has come, and those of the mail it gets.
    select d.* from (
      select t.id, t.queue, t.priority, t.wake_at as due_at from taken t
      where t.in_due and t.wake_at <= carillon.now() and not t.own_picked
      union all
      select m.actor, m.queue, m.priority, m.at from mail m where m.nth <= 1000
    ) k, lateral (
      -- Not a join, which a plan made while this table was empty would begin at its other end.
      select d.ctid as row, d.due_at, d.actor from carillon.due d
      where d.queue = k.queue and d.priority = any(array[k.priority, 10::int2]) and d.due_at = k.due_at and d.actor = k.id
      for update skip locked
    ) d
  ), gone as materialized (
    -- Of actors that are no more: seen to by a claim that finds nothing else.
    select d.* from unnest($7::int2[] || 10::int2) as level(priority), lane, lateral (
      select d.ctid as row, d.actor from carillon.due d
      where not exists (select from found) and d.queue = lane.queue and d.priority = level.priority
        and d.due_at <= carillon.now() and d.def = any(lane.defs)
        and (select a.id from carillon.actors a where a.id = d.actor) is null
      order by d.due_at, d.actor limit 1000 for update skip locked
    ) d
  ), deleted as (
    delete from carillon.due d where d.ctid = any(array(
      select l.row from locked l union all select a.row from answered a union all select g.row from gone g))
  ), stray as materialized (
    -- A suspect that mail made due among the others: into its lane, for a worker that can take it alone. And one that goes on
    -- by a newer version than its mail knew of.
    select l.lane_queue, l.id, l.def, l.due_at, case when l.strikes >= 2 then 10 else l.priority end as lane from locked l
    where l.free and (not l.known or (l.strikes >= 2 and l.id not in (select s.id from suspect s)))
  ), moved as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select distinct s.lane_queue, s.lane, s.due_at, s.id, s.def from stray s
  ), orphaned as (
    delete from carillon.mailbox m where m.actor = any(array(select g.actor from gone g)) and m.event is not null
  ), forgotten as (
    delete from carillon.mailbox m
    where m.actor = any(array(select g.actor from gone g)) and m.event is null and m.dedup_id is not null
  ), held as (
    -- By their places, because they are locked there.
    update carillon.actors a set worker = $1, fence = a.fence + 1, strikes = a.strikes + 1, claimed_at = (select carillon.now()),
      parked = null,
      in_due = a.in_due and a.id in (select t.id from taken t where not t.own_picked)
        and (a.id, a.wake_at) not in (select d.actor, d.due_at from answered d)
    where a.ctid = any(array(select t.place from taken t))
    returning a.id, a.def, a.queue, a.priority, a.labels, a.parent, a.role, a.input, a.state, a.attempt, a.snapshot, a.history,
      a.spilled, a.seq, a.fence, a.pokes, a.retried, a.strikes, a.wake_at, a.in_due, a.created_at, a.limits
  ), leftover as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select m.queue, m.priority, carillon.now(), m.actor, m.def from mail m where m.nth > 1000
  ), poked as (
    update carillon.actors a set pokes = a.pokes + (a.worker is not null)::int,
      in_due = a.in_due and a.id in (select l.id from locked l where not l.own_picked)
    where a.ctid = any(array(select l.place from locked l where not l.free))
    returning a.id, a.worker
  ), lease as (
    insert into carillon.leases (worker, n, actors)
    select $1, $2, array_agg(h.id) from held h having count(*) > 0
  )
  -- date_part and not extract, here and elsewhere: extract makes a numeric, which costs as much as finding the row.
  select reply.*, h.id, h.def, h.queue, h.priority, nullif(h.labels, '{}') as labels, h.parent, h.role, h.input, h.state,
    h.attempt, h.snapshot, h.history, h.spilled, h.seq::float8 as seq, h.fence::float8 as fence, h.pokes,
    h.retried, h.strikes - 1 as strikes, round(date_part('epoch', h.wake_at) * 1000) as "wakeAt", h.in_due as "inDue",
    round(date_part('epoch', h.created_at) * 1000) as "createdAt", h.limits
  from (select) one left join held h on true left join (
    select round(date_part('epoch', carillon.now()) * 1000) as now,
      (select string_agg(t.id::text, ',') from taken t) as "order",
      (select array_agg(array[t.id::text, round(date_part('epoch', t.claimed_at) * 1000)::text]) from taken t
        where t.strikes > 0) as before,
      (select array_agg(array[p.id::text, p.worker]) from poked p where p.worker is not null) as poked,
      (select array_agg(array[m.actor::text, m.id::text, m.event, round(date_part('epoch', m.at) * 1000)::text])
        from mail m where m.nth <= 1000) as mail,
      (select array[f.lane_queue::text, f.lane::text, round(date_part('epoch', f.due_at) * 1000)::text, f.id::text]
        from (select * from found offset $5::int4 limit 1) f) as "end",
      case when (select count(*) from found) <= $5::int4
        and (select count(*) from suspect) + (select count(*) from found) = (select count(*) from locked)
        and not exists (select from stray) then (select array_agg(lane.queue) from lane) end as emptied
  ) reply on h.id is null or h.id = (select h.id from held h limit 1)`,
};

/** The level whose oldest due row has waited longest. */
const HEADS: Statement = {
  name: 'heads',
  text: `select level.priority
  from unnest($1::int4[]) with ordinality as lane(id, position) join carillon.queues q on q.id = lane.id and not q.paused,
    generate_series(0, 9) as level(priority), lateral (
      select d.due_at from carillon.due d
      where d.queue = q.id and d.priority = level.priority and d.due_at <= carillon.now()
        and (d.due_at, d.actor) >= (${markIn('$3', '$4')}) and d.def = any($2::int4[])
      order by d.due_at, d.actor limit 1
    ) head
  order by head.due_at limit 1`,
};

/** Index due_in_order, eleven heads per queue: not a range over all levels, which would have to be sorted. */
export const NEXT_DUE: Statement = {
  name: 'next_due',
  text: `with soonest as (
  select q.id as queue, (extract(epoch from min(head.due_at)) * 1000)::float8 as at
  from unnest($1::int4[]) with ordinality as lane(id, position) join carillon.queues q on q.id = lane.id and not q.paused,
    generate_series(0, 10) as level(priority), lateral (
      select d.due_at from carillon.due d
      where d.queue = q.id and d.priority = level.priority and (d.due_at, d.actor) >= (${markIn('$3', '$4')})
        and d.def = any($2::int4[])
      order by d.due_at, d.actor limit 1
    ) head
  group by q.id
  )
  select (extract(epoch from carillon.now()) * 1000)::float8 as now, soonest.queue, soonest.at
  from (select) one left join soonest on true`,
};

const LEVELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export async function claim(
  db: Database,
  registry: Registry,
  low: LowWater,
  request: ClaimRequest,
): Promise<ClaimReply> {
  const { worker, lease, queues, defs, inherits = [], slots, suspect, oldestFirst } = request;
  const marks = low.marksFor(request);
  const levels = oldestFirst ? await oldestLevelFirst(db, request, marks) : LEVELS;
  const askedMs = db.env.monotonicMs();
  const rows = await db.resolved(
    () =>
      db.query<ClaimRow>(
        CLAIM,
        [
          worker,
          lease,
          queues,
          defs,
          slots,
          suspect,
          levels,
          inherits.map(({ queue }) => queue),
          inherits.map(({ def }) => def),
          ...marks,
        ],
        db.claims,
      ),
    // What a lost reply claimed, nobody runs: back with it, and claim again.
    async () => {
      await freeLease(db, worker, lease);
      low.forget();
      return undefined;
    },
  );
  const { now, claimed, poked, reach } = await claimIn(rows, registry);
  low.reached(marks, db.env.monotonicMs() - askedMs, claimed.length, reach);
  const more = reach.end !== null;
  return { now, claimed, poked, more, again: more ? null : low.againAt(now) };
}

/** A level's turn comes however full the levels before it are. */
async function oldestLevelFirst(
  db: Database,
  { queues, defs }: ClaimRequest,
  marks: Marks,
): Promise<readonly number[]> {
  const [oldest] = await db.query<{ priority: number }>(HEADS, [queues, defs, ...marks], db.claims);
  if (oldest === undefined) return LEVELS;
  return [oldest.priority, ...LEVELS.filter((level) => level !== oldest.priority)];
}

export async function nextDue(
  db: Database,
  low: LowWater,
  queues: readonly number[],
  defs: readonly number[],
): Promise<{ readonly now: Instant; readonly due: ReadonlyMap<number, Instant> }> {
  const values = [queues, defs, ...low.marksOf(queues, defs)];
  const rows = await db.query<{ now: Instant; queue: number | null; at: Instant }>(NEXT_DUE, values, db.claims);
  const due = new Map<number, Instant>();
  for (const { queue, at } of rows) if (queue !== null) due.set(queue, at);
  return { now: rows[0]?.now ?? 0, due };
}
