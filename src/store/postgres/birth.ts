/** The one statement by which actors are born, each with its due row, or held by the starter at once. */
import type { Instant } from '../contract.ts';
import type { Statement } from './database.ts';

/** What the rows have in common comes once, as kinds, and columns that none of them fills not at all. */
const MANY = `select u.*, clock.now, ($4::int4[])[coalesce(u.kind, 1)] as def, ($5::int4[])[coalesce(u.kind, 1)] as queue,
          ($6::int2[])[coalesce(u.kind, 1)] as priority, ($7::text[])[coalesce(u.kind, 1)] as state,
          u.given_labels::text[] as labels,
          greatest(clock.now, coalesce(
            to_timestamp(u.at / 1000.0), clock.now + u.after_ms * interval '1 millisecond')) as due_at
        from (select carillon.now() as now offset 0) clock,
          unnest($3::uuid[], $8::int4[], string_to_array($9, chr(1), chr(2)), $10::float8[], $11::float8[], $12::text[],
            $13::bool[], $14::uuid[], string_to_array($15, chr(1), chr(2)), $16::text[], $17::bytea[],
            string_to_array($18, chr(1), chr(2)))
            as u(id, kind, input, at, after_ms, given_labels, start, parent, role, key, key_digest, limits)`;

export interface BirthParts {
  /** The rows, $1 and $2 being the starter and $3 all ids. Those of a list unless given. */
  readonly items?: string;
  /** Parameters of the channel and payload of the notice. */
  readonly notice?: readonly [channel: string, payload: string];
  /** What has to be written first. */
  readonly before?: string;
  /** Which of the rows may then be. */
  readonly among?: string;
  readonly taken?: string;
}

/**
 * Only inserts: it runs inside callers' transactions too, where it must not wait for anybody nor make anybody wait. `offset 0` keeps
 * what is computed of a row from being computed anew for each of its columns.
 */
export function birth(
  name: string,
  { items = MANY, notice: [channel, payload] = ['$19', '$20'], before = '', among = '', taken = '' }: BirthParts,
): Statement {
  return {
    name,
    text: `with ${before} born as (
    insert into carillon.actors (id, def, queue, priority, labels, state, input, parent, role, key, key_digest, limits, created_at,
      wake_at, in_due, worker, fence, strikes, claimed_at, seq, pokes, attempt, spilled, history)
    select id, def, queue, priority, labels, state, input, parent, role, key, key_digest, limits, now,
      due_at, not started, case when started then $1 end, started::int, started::int,
      case when started then now end, 0, 0, 0, false, ''
    from (
      select i.*, coalesce(i.start, false) and i.due_at <= i.now
        and exists (select from carillon.workers w where w.id = $1)
        and i.queue <> all (array(select q.id from carillon.queues q where q.paused)) as started
      from (
        ${items}
        offset 0
      ) i
      offset 0
    ) item
    ${among}
    ${taken}
    returning id, queue, priority, wake_at, def, in_due
  ), pending as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, priority, wake_at, id, def from born where in_due
  ), held as (
    insert into carillon.leases (worker, n, actors)
    select $1, $2, array_agg(id) from born where not in_due having count(*) > 0
    on conflict (worker, n) do update set actors = leases.actors || excluded.actors
  )
  select (extract(epoch from carillon.now()) * 1000)::float8 as now,
    case when count(*) < cardinality($3::uuid[]) then coalesce(array_agg(id)::text, '{}') end as born,
    (array_agg(id) filter (where not in_due))::text as started,
    case when ${channel}::text is not null and bool_or(in_due and wake_at = carillon.now())
      then pg_notify(${channel}, ${payload}) is not null end as told
  from born`,
  };
}

/** What it answers. */
export interface Births {
  readonly now: Instant;
  /** Null: all of them. */
  readonly born: string | null;
  /** Null: none. */
  readonly started: string | null;
  readonly told: boolean | null;
}
