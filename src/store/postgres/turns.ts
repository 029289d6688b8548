/**
 * Turns that leave the actor alive: one compare-and-set for many, which also replaces the actor's own due row and takes the
 * mail it consumed. What does not match any more is left alone and missing from the answer.
 */
import type { Continued, Instant, Mail, Reloaded, ReloadReply, TurnWrite } from '../contract.ts';
import { readNow } from './clock.ts';
import { flags, ids, numbers, texts, unchecked } from './columns.ts';
import type { Database, Query, Statement } from './database.ts';

/**
 * Where the actor lies: each is looked up by itself, on connections that scan no table. Joined, a plan made while there were none
 * begins at the actors, for as long as nobody has counted them again: seconds a write. One that is changed meanwhile is missed.
 */
export const PLACE = `(select a.ctid from carillon.actors a where a.id = u.id) as place`;
/** All of them. The planner takes it for one row, which is what keeps it from beginning at the actors. */
export const FEW = 'limit cardinality($3::uuid[])';

/** By {@link PLACE}. Locks only what this worker owns. */
export const TURN: Statement = {
  name: 'turn',
  text: `with w as (
    select u.*, clock.now, case when u.quarantine is null and (u.wake_now or u.wake_ms is not null)
      then greatest(clock.now, coalesce(to_timestamp(u.wake_ms / 1000.0), clock.now)) end as wake_at, ${PLACE}
    from (select carillon.now() as now offset 0) clock, unnest($3::uuid[], $4::int8[], $5::int8[], $6::int4[], $7::float8[], $8::float8[], $9::int8[], $10::int4[],
      $11::int2[], $12::bool[], $13::bool[], $14::float8[], $15::bool[], $16::text[], string_to_array($17, chr(1), chr(2)),
      string_to_array($18, chr(1), chr(2)), string_to_array($19, chr(1), chr(2)), $22::int4[]) as u(id, fence, seq, pokes, not_before, due_row_ms, next_seq, attempt, strikes, hold, wake_now,
      wake_ms, spilled, quarantine, state, snapshot, history, def)
    ${FEW}
  ), turned as (
    update carillon.actors a set def = w.def, seq = w.next_seq, attempt = w.attempt, strikes = w.strikes, state = w.state,
      snapshot = w.snapshot, history = coalesce(w.history, ''), spilled = a.spilled or w.spilled, quarantine = w.quarantine,
      worker = case when w.hold then a.worker end, claimed_at = case when w.hold then a.claimed_at end,
      wake_at = w.wake_at, in_due = w.wake_at is not null
    from w
    where a.ctid = w.place and a.id = w.id and a.worker = $1 and a.fence = w.fence and a.seq = w.seq
      and (w.pokes is null or a.pokes = w.pokes)
      and (w.not_before is null or to_timestamp(w.not_before / 1000.0) <= w.now)
    returning a.id, a.queue, a.priority, a.def, a.wake_at, w.due_row_ms,
      case when a.strikes >= 2 and a.worker is null then 10 else a.priority end as lane
  ), consumed as materialized (
    select c.actor, c.id from unnest($20::uuid[], $21::int8[]) as c(actor, id) join turned t on t.id = c.actor
  ), read as (
    delete from carillon.mailbox m using consumed c
    where m.actor = c.actor and m.id = c.id and m.event is not null and m.dedup_id is null
  ), remembered as (
    update carillon.mailbox m set event = null from consumed c
    where m.actor = c.actor and m.id = c.id and m.event is not null and m.dedup_id is not null
  ), own as (
    -- One row, not all with this key: mail that became due at the same instant has a row that must stay.
    delete from carillon.due d using turned t, lateral (
      select o.ctid as place from carillon.due o
      where o.queue = t.queue and o.priority = any(array[t.priority, 10::int2]) and o.due_at = to_timestamp(t.due_row_ms / 1000.0)
        and o.actor = t.id
      limit 1
    ) old where t.due_row_ms is not null and d.ctid = old.place
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, lane, wake_at, id, def from turned where wake_at is not null
  ), emptied as (
    delete from carillon.leases where worker = $1 and n = any($2::int8[])
  )
  select string_agg(id::text, ',') as ids, round(date_part('epoch', carillon.now()) * 1000) as now,
    array_agg(distinct queue) filter (where wake_at <= carillon.now()) as queues
  from turned`,
};

/** Only what is still held at that fence. Mail beyond a thousand gets a due row, as after a claim. */
export const RELOAD: Statement = {
  name: 'reload',
  text: `with held as materialized (
    select a.id, a.seq, a.pokes, a.in_due, a.wake_at, a.queue, a.priority, a.def, mail.*
    from unnest($2::uuid[], $3::int8[]) as h(id, fence), lateral (
      select a.* from carillon.actors a where a.id = h.id and a.worker = $1 and a.fence = h.fence limit 1
    ) a, lateral (
      select array_agg(m.id::text) as "mailIds", array_agg(m.event) as "mailEvents",
        array_agg(round(date_part('epoch', m.at) * 1000)) as "mailAts"
      from (
        select m.id, m.event, m.at from carillon.mailbox m
        where m.actor = a.id and m.event is not null order by m.id limit 1001
      ) m
    ) mail
  ), leftover as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, priority, carillon.now(), id, def from held where cardinality("mailIds") > 1000
  )
  select id, seq::float8 as seq, pokes, round(date_part('epoch', carillon.now()) * 1000) as now,
    case when in_due then round(date_part('epoch', wake_at) * 1000) end as "dueRowAt",
    "mailIds"[1:1000] as "mailIds", "mailEvents"[1:1000] as "mailEvents", "mailAts"[1:1000] as "mailAts"
  from held`,
};

export type ContinuedWrite = TurnWrite & { readonly next: Continued };

/** Whose writes were accepted, and the queues in which they made something due now. */
export interface Accepted {
  readonly ids: readonly string[];
  readonly queues: readonly number[];
  readonly now: Instant;
}

/** One row for the group, because a row of its own costs each of them as much as its column in the write. */
export interface AcceptedRow {
  readonly ids: string | null;
  readonly queues: readonly number[] | null;
  readonly now: Instant;
}

export function acceptedOf([row]: readonly AcceptedRow[]): Accepted {
  return { ids: row?.ids?.split(',') ?? [], queues: row?.queues ?? [], now: row?.now ?? 0 };
}

/** What both ways of writing a turn begin with, $1 to $10: by what an actor's row is found, and how far it has come. */
export function matched(worker: string, writes: readonly TurnWrite[], emptied: readonly number[]): readonly unknown[] {
  return [
    worker,
    numbers(emptied),
    ids(writes.map((w) => w.id)),
    numbers(writes.map((w) => w.fence)),
    numbers(writes.map((w) => w.seq)),
    numbers(writes.map((w) => w.pokes)),
    numbers(writes.map((w) => w.notBefore)),
    numbers(writes.map((w) => w.dueRowAt)),
    numbers(writes.map((w) => w.next.seq)),
    numbers(writes.map((w) => w.next.attempt)),
  ];
}

export async function writeTurns(
  query: Query,
  worker: string,
  writes: readonly ContinuedWrite[],
  emptied: readonly number[],
): Promise<Accepted> {
  const mail = writes.flatMap((w) => w.mail.map((id) => ({ actor: w.id, id })));
  const rows = await query<AcceptedRow>(TURN, [
    ...matched(worker, writes, emptied),
    numbers(writes.map((w) => w.next.strikes)),
    flags(writes.map((w) => w.next.hold && w.next.quarantine === null)),
    flags(writes.map((w) => w.next.wakeAt === 'now')),
    numbers(writes.map((w) => (typeof w.next.wakeAt === 'number' ? Math.ceil(w.next.wakeAt) : null))),
    flags(writes.map((w) => w.next.segment !== null)),
    unchecked(writes.map((w) => w.next.quarantine)),
    texts(writes.map((w) => w.next.state)),
    texts(writes.map((w) => w.next.snapshot)),
    texts(writes.map((w) => w.next.history)),
    ids(mail.map((m) => m.actor)),
    ids(mail.map((m) => m.id)),
    numbers(writes.map((w) => w.def)),
  ]);
  return acceptedOf(rows);
}

interface HeldRow extends Omit<Reloaded, 'mail'> {
  readonly now: Instant;
  /** Mail comes as columns of one row, so that an actor and all of its mail are one decision. */
  readonly mailIds: readonly string[] | null;
  readonly mailEvents: readonly string[] | null;
  readonly mailAts: readonly Instant[] | null;
}

export async function reload(
  db: Database,
  worker: string,
  held: readonly { readonly id: string; readonly fence: number }[],
): Promise<ReloadReply> {
  const values = [worker, ids(held.map((one) => one.id)), numbers(held.map((one) => one.fence))];
  const rows = await db.repeated(() => db.query<HeldRow>(RELOAD, values, db.pinned));
  return {
    now: rows[0]?.now ?? (await readNow(db.ask)),
    held: rows.map((row) => ({
      id: row.id,
      seq: row.seq,
      pokes: row.pokes,
      dueRowAt: row.dueRowAt,
      mail: mailOf(row),
    })),
  };
}

function mailOf({ mailIds, mailEvents, mailAts }: HeldRow): readonly Mail[] {
  return (mailIds ?? []).map((id, index) => ({ id, event: mailEvents?.[index] ?? '', at: mailAts?.[index] ?? 0 }));
}
