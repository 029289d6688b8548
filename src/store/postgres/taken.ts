/** Ids that are taken: by an actor that is active, or by one that has settled. */
import type { Instant, NewActor } from '../contract.ts';
import { Answers } from './actors.ts';
import type { Query, Statement } from './database.ts';

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

export async function lookUp(query: Query, traced: readonly string[]): Promise<ReadonlyMap<string, Traced>> {
  const rows = await query<Traced>(LOOK_UP, [traced]);
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Answers for ids that are taken. A fresh UUID of version 7 cannot be, and history is not searched for it: that would
 * cost as much as the insert.
 */
export async function answerTaken(query: Query, actors: readonly NewActor[], wallMs: number): Promise<Answers> {
  const answers = new Answers();
  const traced = notFresh(actors, wallMs);
  if (traced.length === 0) return answers;
  for (const { id, settled, record } of (await lookUp(query, traced)).values()) {
    answers.set(id, settled ? { outcome: 'skipped_idempotent', id, record } : { outcome: 'skipped_in_flight', id });
  }
  return answers;
}

function notFresh(actors: readonly NewActor[], wallMs: number): readonly string[] {
  // Those made in one go mostly begin alike.
  let fresh = '?';
  return actors.flatMap(({ id }) => {
    if (id.startsWith(fresh) && id[14] === '7') return [];
    if (!isFresh(id, wallMs)) return [id];
    fresh = id.slice(0, 13);
    return [];
  });
}

function isFresh(id: string, wallMs: number): boolean {
  return id[14] === '7' && wallMs - Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) < FRESH_MS;
}
