/**
 * The claim that sees to everything: mail, pokes, suspects, older versions, due rows whose actor is gone. A due row goes only when
 * its actor was locked and answered (taken, poked, or set aside) or is gone: what could not be locked is in somebody's hands,
 * and stays due.
 */
import { answerWith, dueOn, END, foundOn, LANES, mailedOf, OLD, RETURNED } from './claim-parts.ts';
import type { Statement } from './database.ts';

const COLUMNS = `${OLD} as old, a.worker, a.worker is null and a.quarantine is null as free,
            a.strikes, a.claimed_at, a.wake_at, a.in_due, a.queue, a.priority, a.def`;

/**
 * Locks actors, one by one as their due rows come, and no due row: whoever takes one away has its actor locked. Mail visible here
 * belongs to due rows visible here, so taking both is one decision.
 *
 * No part may begin at a whole table, because the plan may have been made while that was empty: hence `limit`, `any` and laterals
 * where a join would say the same. Parts are compared by `in`, which is hashed: joined, tiny estimates make them nested loops,
 * quadratic in the slots.
 */
export const THOROUGH_CLAIM: Statement = {
  name: 'claim_thorough',
  text: `with ${LANES}, suspect as materialized (
    select d.* from lane, lateral (${dueOn('10', '', '1', COLUMNS)}
    ) d
    where $6::bool
    limit 1
  ), ${foundOn(COLUMNS)}, picked as not materialized (
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
  ), ${mailedOf('locked')}, taken as materialized (
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
    returning ${RETURNED}
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
    -- It may come behind a plain one.
    on conflict (worker, n) do update set actors = leases.actors || excluded.actors
  )
  ${answerWith(`(select array_agg(array[t.id::text, round(date_part('epoch', t.claimed_at) * 1000)::text]) from taken t
        where t.strikes > 0) as before,
      (select array_agg(array[p.id::text, p.worker::text]) from poked p where p.worker is not null) as poked,
      (select array_agg(array[m.actor::text, m.id::text, m.event, round(date_part('epoch', m.at) * 1000)::text])
        from mail m where m.nth <= 1000) as mail,
      ${END} as "end",
      case when (select count(*) from found) <= $5::int4
        and (select count(*) from suspect) + (select count(*) from found) = (select count(*) from locked)
        and not exists (select from stray) then (select array_agg(lane.queue) from lane) end as emptied, false as passed`)}`,
};
