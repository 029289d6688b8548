/**
 * The claim of what is merely due: free, by its own due row, without mail, never held at the death of a worker. That is almost
 * everything, and it takes half of the time that it takes to look for all the rest. What is not plain stays as it was, and
 * the answer says that something was passed over: the thorough claim sees to it.
 */
import { answerWith, END, foundOn, LANES, mailedOf, OLD, RETURNED } from './claim-parts.ts';
import type { Statement } from './database.ts';

/** Under a lock, so what it says of an actor holds; what changed since this statement began is not plain. */
const COLUMNS = `a.worker is null and a.quarantine is null and a.strikes = 0 and a.in_due and a.wake_at = d.due_at and a.def = d.def
            and (${OLD} or a.ctid = (select s.ctid from carillon.actors s where s.id = a.id)) as plain`;

export const PLAIN_CLAIM: Statement = {
  name: 'claim_plain',
  text: `with ${LANES}, ${foundOn(COLUMNS)}, ${mailedOf('found')}, taken as materialized (
    -- Not by EXISTS, which may be hashed, and then reads all mail there is.
    select f.* from (select * from found limit $5::int4) f
    where f.plain and not ((select mailed.any from mailed)
      and (select m.id from carillon.mailbox m where m.actor = f.id and m.event is not null limit 1) is not null)
  ), deleted as (
    delete from carillon.due d where d.ctid = any(array(select t.row from taken t))
  ), held as (
    update carillon.actors a set worker = $1, fence = a.fence + 1, strikes = 1, claimed_at = (select carillon.now()),
      parked = null, in_due = false
    where a.ctid = any(array(select t.place from taken t))
    returning ${RETURNED}
  ), lease as (
    insert into carillon.leases (worker, n, actors)
    select $1, $2, array_agg(h.id) from held h having count(*) > 0
  ), passed as materialized (
    -- Not within the answer, which asks for it several times.
    select exists (select from found f where not f.plain) or (select mailed.any from mailed)
      or ($6::bool and exists (
        select from lane, lateral (
          select from carillon.due d where d.queue = lane.queue and d.priority = 10 and d.due_at <= carillon.now()
            and d.def = any(lane.defs) limit 1
        ) d
      )) or (not exists (select from found) and exists (
        -- Whose actor is gone: seen to by a claim that finds nothing else.
        select from unnest($7::int2[]) as level(priority), lane, lateral (
          select from carillon.due d where d.queue = lane.queue and d.priority = level.priority and d.due_at <= carillon.now()
            and d.def = any(lane.defs) and (select a.id from carillon.actors a where a.id = d.actor) is null limit 1
        ) d
      )) as any
  )
  ${answerWith(`case when not passed.any then ${END} end as "end",
      case when not passed.any and (select count(*) from found) <= $5::int4 then (select array_agg(lane.queue) from lane) end as emptied,
      passed.any as passed
    from passed`)}`,
};
