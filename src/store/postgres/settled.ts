/**
 * Owns `settled`, and the one way into it: the actor's row goes, its record, key and leftover mail are written, in one
 * statement. Leaves are made standalone and then attached, which stalls nobody; CREATE … PARTITION OF would.
 */
import type { Settled, TurnWrite } from '../contract.ts';
import { flags, ids, numbers, texts, unchecked } from './columns.ts';
import type { Database, Query, Statement } from './database.ts';
import { inSchema } from './database.ts';
import { isAlreadyThere } from './sqlstate.ts';
import { type Accepted, type AcceptedRow, acceptedOf, FEW, matched, PLACE } from './turns.ts';

/** By {@link PLACE}. Locks only what this worker owns, then its claims: a replacement locks in the same order. */
export const SETTLE: Statement = {
  name: 'settle',
  text: `with w as (
    select u.*, (select carillon.now()) as now, ${PLACE} from unnest($3::uuid[], $4::int8[], $5::int8[], $6::int4[], $7::float8[], $8::float8[], $9::int8[],
      $10::int4[], $11::bool[], string_to_array($12, chr(1), chr(2)), string_to_array($13, chr(1), chr(2)),
      string_to_array($14, chr(1), chr(2)), $15::text[], $16::text[], $17::text[], string_to_array($18, chr(1), chr(2)), $19::int4[],
      $20::bool[], $23::int4[]) as u(id, fence, seq, pokes, not_before, due_row_ms, next_seq, attempt, spilled, state,
      snapshot, history, status, outcome, reason, record, keep_days, frees_key, def)
    ${FEW}
  ), over as (
    delete from carillon.actors a using w
    where a.ctid = w.place and a.id = w.id and a.worker = $1 and a.fence = w.fence and a.seq = w.seq
      and (w.pokes is null or a.pokes = w.pokes)
      and (w.not_before is null or to_timestamp(w.not_before / 1000.0) <= w.now)
    returning a.id, w.due_row_ms, a.key_digest, w.frees_key, a.queue, a.priority, w.record, w.def, a.labels, a.parent, a.role, a.key,
      a.limits, a.input, a.progress, a.fence, a.strikes, a.retried, a.created_at, a.spilled or w.spilled as spilled, w.next_seq,
      w.attempt, w.state, w.snapshot, w.history, w.status, w.outcome, w.reason, w.keep_days, w.now
  ), letter as (
    delete from carillon.mailbox m where m.actor = any(array(select o.id from over o)) and m.event is not null
    returning m.actor, m.id, m.event
  ), forgotten as (
    delete from carillon.mailbox m
    where m.actor = any(array(select o.id from over o)) and m.event is null and m.dedup_id is not null
  ), undelivered as (
    select l.actor, array_agg(l.event order by l.id) as events from letter l
    where not exists (select from unnest($21::uuid[], $22::int8[]) as c(actor, id) where c.actor = l.actor and c.id = l.id)
    group by l.actor
  ), record as (
    insert into carillon.settled (id, def, queue, priority, labels, parent, role, key, key_digest, limits, input, progress,
      fence, strikes, retried, created_at, settled_at, spilled, seq, attempt, state, snapshot, history, status, outcome,
      reason, record, keep_until, undelivered)
    select o.id, o.def, o.queue, o.priority, o.labels, o.parent, o.role, o.key, o.key_digest, o.limits, o.input,
      o.progress, o.fence, o.strikes, o.retried, o.created_at, o.now, o.spilled, o.next_seq, o.attempt, o.state,
      o.snapshot, coalesce(o.history, ''),
      o.status, o.outcome, o.reason, o.record, (o.now at time zone 'UTC')::date + o.keep_days,
      case when o.id in (select l.actor from letter l) then (select u.events from undelivered u where u.actor = o.id) end
    from over o
  ), freed as (
    delete from carillon.claims c using over o
    where o.key_digest is not null and o.frees_key and c.digest = o.key_digest and c.actor = o.id
  ), finalized as (
    update carillon.claims c set expires_at = carillon.now() + c.retention_ms * interval '1 millisecond',
      record = case when octet_length(o.record) <= 8192 then o.record end
    from over o
    where o.key_digest is not null and not o.frees_key and c.digest = o.key_digest and c.actor = o.id
  ), own as (
    -- One row, not all with this key, as in a turn.
    delete from carillon.due d using over o, lateral (
      select r.ctid as place from carillon.due r
      where r.queue = o.queue and r.priority = any(array[o.priority, 10::int2]) and r.due_at = to_timestamp(o.due_row_ms / 1000.0)
        and r.actor = o.id
      limit 1
    ) old where o.due_row_ms is not null and d.ctid = old.place
  ), emptied as (
    delete from carillon.leases where worker = $1 and n = any($2::int8[])
  )
  select string_agg(id::text, ',') as ids, round(date_part('epoch', carillon.now()) * 1000) as now, null as queues from over`,
};

const MISSING_DAYS: Statement = {
  name: 'missing_days',
  text: `select to_char(day, 'YYYY-MM-DD') as first, to_char(day + 1, 'YYYY-MM-DD') as next,
    'settled_' || to_char(day, 'YYYYMMDD') as leaf
  from (select (carillon.now() at time zone 'UTC')::date + n as day from unnest($1::int4[]) as n) days
  where not exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'carillon.settled'::regclass and c.relname = 'settled_' || to_char(day, 'YYYYMMDD')
  )`,
};

const MS_PER_DAY = 86_400_000;
/** Retention of 30 days, and the coming days of settling. */
const DAYS_AHEAD = 34;
/** Longer than that is for ever. */
const LONGEST_DAYS = 36_500;

export type SettledWrite = TurnWrite & { readonly next: Settled };

/** Whole days after the UTC day of settling until which the row must stay. */
export function keepDays(keepMs: number): number {
  return Math.min(LONGEST_DAYS, Math.ceil(Math.max(0, keepMs) / MS_PER_DAY));
}

export async function writeSettled(
  query: Query,
  worker: string,
  writes: readonly SettledWrite[],
  emptied: readonly number[],
): Promise<Accepted> {
  const mail = writes.flatMap((w) => w.mail.map((id) => ({ actor: w.id, id })));
  const rows = await query<AcceptedRow>(SETTLE, [
    ...matched(worker, writes, emptied),
    flags(writes.map((w) => w.next.segment !== null)),
    texts(writes.map((w) => w.next.state)),
    texts(writes.map((w) => w.next.snapshot)),
    texts(writes.map((w) => w.next.history)),
    ids(writes.map((w) => w.next.status)),
    ids(writes.map((w) => w.next.outcome)),
    unchecked(writes.map((w) => w.next.reason)),
    texts(writes.map((w) => w.next.record)),
    numbers(writes.map((w) => keepDays(w.next.keepMs))),
    flags(writes.map((w) => w.next.freesKey)),
    ids(mail.map((m) => m.actor)),
    ids(mail.map((m) => m.id)),
    numbers(writes.map((w) => w.def)),
  ]);
  return acceptedOf(rows);
}

/** Makes the leaves that the coming days need. */
export async function prepareDays(db: Database): Promise<void> {
  await makeLeaves(db, [...Array(DAYS_AHEAD + 1).keys()]);
}

/** Makes the leaves of these days, counted from today. Also for tomorrow's midnight: the day may change meanwhile. */
export async function makeLeaves(db: Database, days: readonly number[]): Promise<void> {
  const wanted = [...new Set(days.flatMap((day) => [day, day + 1]))];
  const missing = await db.query<{ first: string; next: string; leaf: string }>(MISSING_DAYS, [wanted]);
  for (const { first, next, leaf } of missing) {
    const bounds = `keep_until >= '${first}' and keep_until < '${next}'`;
    const sql = inSchema(
      `create table carillon.${leaf} (like carillon.settled including all, constraint its_day check (${bounds})) with (
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
      alter table carillon.settled attach partition carillon.${leaf} for values from ('${first}') to ('${next}');
      alter table carillon.${leaf} drop constraint its_day;`,
      db.schema,
    );
    await db
      .repeated(() => db.define(sql))
      .catch((error: unknown) => {
        // Another process was faster.
        if (!isAlreadyThere(error)) throw error;
      });
  }
}
