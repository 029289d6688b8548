/**
 * What both claims are made of, so that they look in the same order and answer alike. Parameters of both: $1 worker, $2 lease,
 * $3 queues, $4 definitions, $5 slots, $6 whether a suspect may come, $7 levels, $8 and $9 what is inherited, $10 and $11 marks.
 */
import { markIn } from './low-water.ts';

/**
 * `lane`: where to look, and for which definitions. `horizon`: a row version older than that was there before this statement
 * began, and whoever locks it knows that it is what the statement sees.
 */
export const LANES = `horizon as materialized (
    select age(pg_snapshot_xmin(pg_current_snapshot())::xid) as age
  ), lane as materialized (
    select q.id as queue, asked.position::int4 as position,
      $4::int4[] || array(select i.def from unnest($8::int4[], $9::int4[]) as i(queue, def) where i.queue = q.id) as defs
    from unnest($3::int4[]) with ordinality as asked(id, position)
    join carillon.queues q on q.id = asked.id and not q.paused
    where exists (select from carillon.workers w where w.id = $1)
  )`;

/** Of an actor `a` that is locked: its version is older than the statement. */
export const OLD = `age(a.xmin) > (select horizon.age from horizon)`;

/**
 * What is due on one level of one lane, in order, with its actor as it is locked. Index due_in_order: one exact range, read no
 * further than the limit, each row with its actor; waits for nobody. `limit 1` keeps the look for the actor from becoming a join.
 */
export function dueOn(level: string, from: string, limit: string, columns: string): string {
  return `
        select d.ctid as row, d.queue as lane_queue, d.priority as lane, d.due_at, a.*
        from carillon.due d, lateral (
          select a.ctid as place, a.id, ${columns}
          from carillon.actors a where a.id = d.actor limit 1 for no key update skip locked
        ) a
        where d.queue = lane.queue and d.priority = ${level} and d.due_at <= carillon.now() ${from} and d.def = any(lane.defs)
        order by d.due_at, d.actor limit ${limit}`;
}

/** By level, then by lane, from the marks on, and one more than there are slots: it tells where the next claim begins. */
export function foundOn(columns: string): string {
  const fromMark = `and (d.due_at, d.actor) >= (${markIn('$10', '$11')})`;
  return `found as materialized (
    select d.* from unnest($7::int2[]) as level(priority), lateral (
      select d.* from lane, lateral (${dueOn('level.priority', fromMark, '$5::int4 + 1', columns)}
      ) d
      limit $5::int4 + 1
    ) d
    limit $5::int4 + 1
  )`;
}

/** One look for all: most claims find no mail at all. */
export function mailedOf(rows: string): string {
  return `mailed as materialized (
    select exists (
      select from carillon.mailbox m where m.actor = any(array(select r.id from ${rows} r)) and m.event is not null) as any
  )`;
}

/** The row after those that there was room for. */
export const END = `(select array[f.lane_queue::text, f.lane::text, round(date_part('epoch', f.due_at) * 1000)::text, f.id::text]
        from (select * from found offset $5::int4 limit 1) f)`;

/** Of the actors that were taken, as the update returns them. */
export const RETURNED = `a.id, a.def, a.queue, a.priority, a.labels, a.parent, a.role, a.input, a.state, a.attempt, a.snapshot, a.history,
      a.spilled, a.seq, a.fence, a.pokes, a.retried, a.strikes, a.wake_at, a.in_due, a.created_at, a.limits`;

/**
 * One row for each actor in `held`, the first of them with what `reply` says for all.
 * date_part and not extract, here and elsewhere: extract makes a numeric, which costs as much as finding the row.
 */
export function answerWith(reply: string): string {
  return `select reply.*, h.id, h.def, h.queue, h.priority, nullif(h.labels, '{}') as labels, h.parent, h.role, h.input, h.state,
    h.attempt, h.snapshot, h.history, h.spilled, h.seq::float8 as seq, h.fence::float8 as fence, h.pokes,
    h.retried, h.strikes - 1 as strikes, round(date_part('epoch', h.wake_at) * 1000) as "wakeAt", h.in_due as "inDue",
    round(date_part('epoch', h.created_at) * 1000) as "createdAt", h.limits
  from (select) one left join held h on true left join (
    select round(date_part('epoch', carillon.now()) * 1000) as now,
      (select string_agg(t.id::text, ',') from taken t) as "order",
      ${reply}
  ) reply on h.id is null or h.id = (select h.id from held h limit 1)`;
}
