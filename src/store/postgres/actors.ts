/**
 * Owns the birth of `actors`: one INSERT for many, each with its due row, or held by the starter at once. An id that is
 * taken, now or in history, writes nothing.
 */
import type { Instant, NewActor, Scheduled, Starter } from '../contract.ts';
import { type Births, birth } from './birth.ts';
import { flags, ids, numbers, texts } from './columns.ts';
import type { Query, Statement } from './database.ts';
import { textArray } from './groups.ts';
import { insertOne } from './only-actor.ts';
import type { Notice } from './wake.ts';

/** Fails where an id is taken: what it takes to pass over such rows is a tenth of the write, for ids that nobody else can have. */
const INSERT_NEW = birth('schedule', {});
const INSERT_FREE = birth('schedule_free', { taken: 'on conflict (id) do nothing' });

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
  return answersOf(actors, await insertOne(query, only, starter, notice));
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

function answersOf(actors: readonly NewActor[], births: Births | undefined): Answers {
  if (births === undefined) throw new Error('The insert answered nothing.');
  const { now, born, started, told } = births;
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
