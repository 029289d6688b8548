/**
 * Owns the birth of `actors`: one INSERT for many, each with its due row, or held by the starter at once. An id that is
 * taken, now or in history, writes nothing.
 */
import type { Instant, NewActor, Scheduled, Starter } from '../contract.ts';
import { flags, ids, numbers, texts } from './columns.ts';
import type { Query, Statement } from './database.ts';
import { textArray } from './groups.ts';

/** Only inserts: it runs inside callers' transactions too, where it must not wait for anybody nor make anybody wait. */
const INSERT: Statement = {
  name: 'schedule',
  text: `with item as materialized (
    select i.*, i.start and i.due_at <= carillon.now() and not q.paused
      and exists (select from carillon.workers w where w.id = $1) as started
    from (
      select u.*, greatest(carillon.now(), coalesce(
        to_timestamp(u.at / 1000.0), carillon.now() + u.after_ms * interval '1 millisecond')) as due_at
      from unnest($3::uuid[], $4::int4[], $5::int4[], $6::int2[], $7::text[], string_to_array($8, chr(1), chr(2)),
        string_to_array($9, chr(1), chr(2)), $10::float8[], $11::float8[], $12::uuid[], $13::bool[], $14::text[], $15::bytea[],
        string_to_array($16, chr(1), chr(2)), string_to_array($17, chr(1), chr(2)))
        as u(id, def, queue, priority, labels, state, input, at, after_ms, parent, start, key, key_digest, role, limits)
    ) i
    join carillon.queues q on q.id = i.queue
  ), born as (
    insert into carillon.actors (id, def, queue, priority, labels, state, input, parent, role, key, key_digest, limits, created_at,
      wake_at, in_due, worker, fence, strikes, claimed_at, seq, pokes, attempt, spilled, history)
    select id, def, queue, priority, labels::text[], state, input, parent, role, key, key_digest, limits, carillon.now(),
      due_at, not started, case when started then $1 end, started::int, started::int,
      case when started then carillon.now() end, 0, 0, 0, false, ''
    from item
    on conflict (id) do nothing
    returning id, queue, priority, wake_at, def, in_due
  ), pending as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, priority, wake_at, id, def from born where in_due
  ), held as (
    insert into carillon.leases (worker, n, actors)
    select $1, $2, array_agg(id) from born where not in_due having count(*) > 0
    on conflict (worker, n) do update set actors = leases.actors || excluded.actors
  )
  select id, (extract(epoch from wake_at) * 1000)::float8 as "dueAt", not in_due as started,
    (extract(epoch from carillon.now()) * 1000)::float8 as now
  from born`,
};

/** What became of ids, wherever they are. */
const LOOK_UP: Statement = {
  name: 'look_up',
  text: `select id, (extract(epoch from wake_at) * 1000)::float8 as "dueAt", worker, fence::float8 as fence,
    false as settled, null as record
  from carillon.actors where id = any($1)
  union all
  select id, (extract(epoch from created_at) * 1000)::float8, null, fence::float8, true, record
  from carillon.settled where id = any($1)`,
};

const FRESH_MS = 1_000;

export interface Traced {
  readonly id: string;
  readonly dueAt: Instant;
  readonly worker: string | null;
  readonly fence: number;
  readonly settled: boolean;
  readonly record: string | null;
}

interface Born {
  readonly id: string;
  readonly dueAt: Instant;
  readonly started: boolean;
  readonly now: Instant;
}

/** Outcomes by id, and what the store's clock read when the last of them was written. */
export class Answers extends Map<string, Scheduled> {
  now: Instant | null = null;

  addAll(others: Answers): void {
    for (const [id, answer] of others) this.set(id, answer);
    this.now = others.now ?? this.now;
  }
}

/** Inserts those whose id is free. What is absent from the answer was taken. */
export async function insertActors(
  query: Query,
  actors: readonly NewActor[],
  starter: Starter | null,
): Promise<Answers> {
  const rows = await query<Born>(INSERT, [
    starter?.worker ?? null,
    starter?.lease ?? null,
    ids(actors.map((a) => a.id)),
    numbers(actors.map((a) => a.def)),
    numbers(actors.map((a) => a.queue)),
    numbers(actors.map((a) => a.priority)),
    actors.map((a) => textArray(a.labels)),
    texts(actors.map((a) => a.state)),
    texts(actors.map((a) => a.input)),
    numbers(actors.map((a) => ('at' in a.when ? Math.ceil(a.when.at) : null))),
    numbers(actors.map((a) => ('at' in a.when ? null : Math.ceil(a.when.afterMs)))),
    ids(actors.map((a) => a.parent)),
    flags(actors.map((a) => a.start && a.key === null && a.limits === null && starter !== null)),
    actors.map((a) => a.key?.key ?? null),
    actors.map((a) => a.key?.digest ?? null),
    texts(actors.map((a) => a.role)),
    texts(actors.map((a) => a.limits && JSON.stringify(a.limits))),
  ]);
  const answers = new Answers();
  for (const { id, dueAt, started, now } of rows) {
    answers.set(id, { outcome: 'scheduled', id, dueAt, started });
    answers.now = now;
  }
  return answers;
}

export async function lookUp(query: Query, traced: readonly string[]): Promise<ReadonlyMap<string, Traced>> {
  const rows = await query<Traced>(LOOK_UP, [traced]);
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Answers for ids that are taken. A fresh UUID of version 7 cannot be, and history is not searched for it: that would
 * cost as much as the insert.
 */
export async function answerTaken(query: Query, actors: readonly NewActor[], wallMs: number): Promise<Answers> {
  const traced = actors.map((actor) => actor.id).filter((id) => !isFresh(id, wallMs));
  const answers = new Answers();
  if (traced.length === 0) return answers;
  for (const { id, settled, record } of (await lookUp(query, traced)).values()) {
    answers.set(id, settled ? { outcome: 'skipped_idempotent', id, record } : { outcome: 'skipped_in_flight', id });
  }
  return answers;
}

function isFresh(id: string, wallMs: number): boolean {
  return id[14] === '7' && wallMs - Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) < FRESH_MS;
}

export function sizeOf(actor: NewActor): number {
  return (
    200 +
    (actor.input?.length ?? 0) +
    (actor.role?.length ?? 0) +
    (actor.key?.key.length ?? 0) +
    (actor.limits ? 200 : 0) +
    actor.labels.join('').length
  );
}
