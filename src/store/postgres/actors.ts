/**
 * Owns the birth of `actors`: one INSERT for many, each with its due row, or held by the starter at once. An id that is
 * taken, now or in history, writes nothing.
 */
import type { Instant, NewActor, Scheduled, Starter } from '../contract.ts';
import { flags, ids, numbers, texts } from './columns.ts';
import type { Query, Statement } from './database.ts';
import { textArray } from './groups.ts';
import { insertOne } from './only-actor.ts';
import type { Notice } from './wake.ts';

/**
 * Only inserts: it runs inside callers' transactions too, where it must not wait for anybody nor make anybody wait. What the
 * rows have in common comes once, as kinds, and columns that none of them fills not at all. `offset 0` keeps what is computed
 * of a row from being computed anew for each of its columns. `before` is what has to be written first, and `among` which of the
 * rows may then be.
 */
export function birth(name: string, { before = '', among = '', taken = '' }): Statement {
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
        select u.*, clock.now, ($4::int4[])[coalesce(u.kind, 1)] as def, ($5::int4[])[coalesce(u.kind, 1)] as queue,
          ($6::int2[])[coalesce(u.kind, 1)] as priority, ($7::text[])[coalesce(u.kind, 1)] as state,
          coalesce(u.given_labels::text[], '{}') as labels,
          greatest(clock.now, coalesce(
            to_timestamp(u.at / 1000.0), clock.now + u.after_ms * interval '1 millisecond')) as due_at
        from (select carillon.now() as now offset 0) clock,
          unnest($3::uuid[], $8::int4[], string_to_array($9, chr(1), chr(2)), $10::float8[], $11::float8[], $12::text[],
            $13::bool[], $14::uuid[], string_to_array($15, chr(1), chr(2)), $16::text[], $17::bytea[],
            string_to_array($18, chr(1), chr(2)))
            as u(id, kind, input, at, after_ms, given_labels, start, parent, role, key, key_digest, limits)
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
    case when $19::text is not null and bool_or(in_due and wake_at = carillon.now())
      then pg_notify($19, $20) is not null end as told
  from born`,
  };
}

/** Fails where an id is taken: what it takes to pass over such rows is a tenth of the write, for ids that nobody else can have. */
const INSERT_NEW = birth('schedule', {});
const INSERT_FREE = birth('schedule_free', { taken: 'on conflict (id) do nothing' });

interface Births {
  readonly now: Instant;
  /** Null: all of them. */
  readonly born: string | null;
  /** Null: none. */
  readonly started: string | null;
  readonly told: boolean | null;
}

/** Outcomes by id, and what the store's clock read when the last of them was written. */
export class Answers extends Map<string, Scheduled> {
  now: Instant | null = null;
  /** Listeners were told with each of the writes. */
  told = false;

  addAll(others: Answers): void {
    this.told = others.told && (this.told || this.size === 0);
    for (const [id, answer] of others) this.set(id, answer);
    this.now = others.now ?? this.now;
  }
}

/** Inserts those whose id is free. What is absent from the answer was taken. */
export function insertActors(query: Query, actors: readonly NewActor[], starter: Starter | null): Promise<Answers> {
  return insert(INSERT_FREE, query, actors, starter, null);
}

/** Inserts all of them, or fails: also because an id is taken, see `isTaken`. */
export async function insertNew(
  query: Query,
  actors: readonly NewActor[],
  starter: Starter | null,
  notice: Notice | null,
): Promise<Answers> {
  const [only] = actors;
  if (actors.length > 1 || only === undefined || only.key !== null) {
    return insert(INSERT_NEW, query, actors, starter, notice);
  }
  const { now, started, told } = await insertOne(query, only, starter, notice);
  return answersOf(actors, { now, born: null, started: started ? `{${only.id}}` : null, told });
}

/** By a statement of {@link birth}, whose own parameters go up to $20; those of what it writes before follow. */
export async function insert(
  statement: Statement,
  query: Query,
  actors: readonly NewActor[],
  starter: Starter | null,
  notice: Notice | null,
  more: readonly unknown[] = [],
): Promise<Answers> {
  const { kinds, kindOf } = kindsOf(actors);
  const [births] = await query<Births>(statement, [
    starter?.worker ?? null,
    starter?.lease ?? null,
    ids(actors.map((a) => a.id)),
    numbers(kinds.map((a) => a.def)),
    numbers(kinds.map((a) => a.queue)),
    numbers(kinds.map((a) => a.priority)),
    kinds.map((a) => a.state),
    kinds.length === 1 ? null : numbers(kindOf),
    sparse(actors, (a) => a.input, texts),
    sparse(actors, (a) => ('at' in a.when ? Math.ceil(a.when.at) : null), numbers),
    sparse(actors, (a) => ('at' in a.when ? null : Math.ceil(a.when.afterMs) || null), numbers),
    sparse(actors, (a) => (a.labels.length === 0 ? null : textArray(a.labels)), same),
    starter && flags(actors.map((a) => a.start && a.key === null && a.limits === null)),
    sparse(actors, (a) => a.parent, ids),
    sparse(actors, (a) => a.role, texts),
    sparse(actors, (a) => a.key?.key ?? null, same),
    sparse(actors, (a) => a.key?.digest ?? null, same),
    sparse(actors, (a) => a.limits && JSON.stringify(a.limits), texts),
    notice?.channel ?? null,
    notice?.payload ?? null,
    ...more,
  ]);
  if (births === undefined) throw new Error('The insert answered nothing.');
  return answersOf(actors, births);
}

/** Those that are alike in what one definition's runs mostly share follow each other: a kind is a stretch of such. */
function kindsOf(actors: readonly NewActor[]): { kinds: readonly NewActor[]; kindOf: readonly number[] } {
  const kinds: NewActor[] = [];
  const kindOf = actors.map((actor) => {
    const last = kinds.at(-1);
    const alike =
      last?.def === actor.def &&
      last.queue === actor.queue &&
      last.priority === actor.priority &&
      last.state === actor.state;
    return alike ? kinds.length : kinds.push(actor);
  });
  return { kinds, kindOf };
}

/** A column that may be empty in all rows, and then costs nothing. */
function sparse<V>(
  actors: readonly NewActor[],
  valueOf: (actor: NewActor) => V | null,
  column: (values: readonly (V | null)[]) => unknown,
): unknown {
  const values = actors.map(valueOf);
  return values.every((value) => value === null) ? null : column(values);
}

/** What the driver has to escape. */
function same<V>(values: V): V {
  return values;
}

function answersOf(actors: readonly NewActor[], { now, born, started, told }: Births): Answers {
  const answers = new Answers();
  answers.now = now;
  answers.told = told === true;
  const alive = born === null ? null : new Set(idsIn(born));
  const held = started === null ? null : new Set(idsIn(started));
  for (const { id, when } of actors) {
    if (alive !== null && !alive.has(id)) continue;
    // As the statement computed it.
    const dueAt = Math.max(now, 'at' in when ? Math.ceil(when.at) : now + Math.ceil(when.afterMs));
    answers.set(id, { outcome: 'scheduled', id, dueAt, started: held?.has(id) ?? false });
  }
  return answers;
}

/** Of an array of UUIDs as Postgres writes it. */
function idsIn(text: string): readonly string[] {
  return text.slice(1, -1).split(',');
}

export function sizeOf(actor: NewActor): number {
  return (
    200 +
    (actor.input?.length ?? 0) +
    (actor.role?.length ?? 0) +
    (actor.key?.key.length ?? 0) +
    (actor.limits ? 200 : 0) +
    (actor.labels.length === 0 ? 0 : actor.labels.join('').length)
  );
}
