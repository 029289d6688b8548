/**
 * The birth of one actor without a key. What it does is what the birth of many does, see actors.ts; but a statement over lists takes
 * a third of a millisecond more to begin, and that is what a caller waits for who schedules one by one.
 */
import type { Instant, NewActor, Starter } from '../contract.ts';
import type { Query, Statement } from './database.ts';
import type { Notice } from './wake.ts';

/** Fails where the id is taken. `offset 0` keeps what is computed once from being computed for each of its uses. */
const INSERT_ONE: Statement = {
  name: 'schedule_one',
  text: `with born as (
    insert into carillon.actors (id, def, queue, priority, labels, state, input, parent, role, limits, created_at,
      wake_at, in_due, worker, fence, strikes, claimed_at, seq, pokes, attempt, spilled, history)
    select $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now, due_at, not started, case when started then $1 end, started::int,
      started::int, case when started then now end, 0, 0, 0, false, ''
    from (
      select due.*, $15::bool and due_at <= now
        and exists (select from carillon.workers w where w.id = $1)
        and not exists (select from carillon.queues q where q.id = $5 and q.paused) as started
      from (
        select now, greatest(now, to_timestamp($13::float8 / 1000.0), now + $14::float8 * interval '1 millisecond') as due_at
        from (select carillon.now() as now offset 0) clock
        offset 0
      ) due
      offset 0
    ) item
    returning id, queue, priority, wake_at, def, in_due
  ), pending as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, priority, wake_at, id, def from born where in_due
  ), held as (
    insert into carillon.leases (worker, n, actors)
    select $1, $2, array[id] from born where not in_due
    on conflict (worker, n) do update set actors = leases.actors || excluded.actors
  )
  select (extract(epoch from carillon.now()) * 1000)::float8 as now, not in_due as started,
    case when $16::text is not null and in_due and wake_at = carillon.now() then pg_notify($16, $17) is not null end as told
  from born`,
};

interface Birth {
  readonly now: Instant;
  readonly started: boolean;
  readonly told: boolean | null;
}

export async function insertOne(
  query: Query,
  { id, def, queue, priority, labels, state, input, parent, role, limits, when, start }: NewActor,
  starter: Starter | null,
  notice: Notice | null,
): Promise<Birth> {
  const [birth] = await query<Birth>(INSERT_ONE, [
    starter?.worker ?? null,
    starter?.lease ?? null,
    id,
    def,
    queue,
    priority,
    labels,
    state,
    input,
    parent,
    role,
    limits && JSON.stringify(limits),
    'at' in when ? Math.ceil(when.at) : null,
    'at' in when ? null : Math.ceil(when.afterMs),
    starter !== null && start && limits === null,
    notice?.channel ?? null,
    notice?.payload ?? null,
  ]);
  if (birth === undefined) throw new Error('The insert answered nothing.');
  return birth;
}
