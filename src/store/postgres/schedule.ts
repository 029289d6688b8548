/**
 * `schedule` and `scheduleWithin`: what is asked for in one call is one transaction. Keyed actors go in groups of their
 * own, with short patience: another caller's open transaction may hold one of their keys.
 */
import type { ClientBase } from 'pg';
import type { NewActor, Scheduled, ScheduleReply, Starter } from '../contract.ts';
import { Answers, insertActors, insertNew, sizeOf } from './actors.ts';
import { insertFirst, insertKeyed, isKeyed, type KeyedActor } from './claims.ts';
import { readNow } from './clock.ts';
import type { Database, Query } from './database.ts';
import { bisected, inPieces } from './groups.ts';
import { isInTheWay, isTaken } from './sqlstate.ts';
import { answerTaken, lookUp } from './taken.ts';
import { type Lead, notifyWithin } from './wake.ts';

/** How long a key may be held by somebody's open transaction before the caller hears of it. */
export const KEY_PATIENCE_MS = 10_000;
export const KEY_PAUSE_MS = 20;

export async function schedule(
  db: Database,
  actors: readonly NewActor[],
  starter: Starter | null,
  lead: Lead,
): Promise<ScheduleReply> {
  const answers = await answerTaken(db.ask, actors, db.env.wallMs());
  const open = answers.size === 0 ? actors : actors.filter((actor) => !answers.has(actor.id));
  const keyed = open.filter(isKeyed);
  const plain = keyed.length === 0 ? open : open.filter((actor) => !isKeyed(actor));
  try {
    await bisected(
      plain,
      async (group) => answers.addAll(await writePlain(db, group, starter, lead)),
      (actor, error) => refuse(answers, actor, error),
    );
    await bisected(
      keyed,
      async (group) => answers.addAll(await writeFirst(db, group, lead)),
      // What cannot be written so is written below, or refused there.
      () => undefined,
    );
    await bisected(
      keyed.filter((actor) => !answers.has(actor.id)),
      async (group) => answers.addAll(await writeKeyed(db, group)),
      (actor, error) => (isInTheWay(error) ? writeWaiting(db, actor, answers) : refuse(answers, actor, error)),
    );
  } catch (error) {
    // Rejecting says that nothing was written. Once something was, the rest is answered one by one.
    if (![...answers.values()].some(({ outcome }) => outcome === 'scheduled')) throw error;
    for (const actor of open) if (!answers.has(actor.id)) refuse(answers, actor, error);
  }
  return { now: answers.now ?? (await readNow(db.ask)), items: inOrder(actors, answers), told: answers.told };
}

/** Inside the caller's transaction: only inserts, nothing halved, because an error has already ended it. */
export async function scheduleWithin(
  db: Database,
  client: ClientBase,
  actors: readonly NewActor[],
  notifyWithinMs: number,
): Promise<ScheduleReply> {
  const query: Query = (statement, values) => db.run(client, statement, values);
  const answers = await answerTaken(query, actors, db.env.wallMs());
  const open = actors.filter((actor) => !answers.has(actor.id));
  const plain = open.filter((actor) => !isKeyed(actor));
  const keyed = open.filter(isKeyed);
  for (const piece of inPieces(plain, sizeOf)) answers.addAll(await insertPiece(query, piece, null));
  if (keyed.length > 0) answers.addAll(await insertKeyed(db, query, keyed));
  const now = answers.now ?? (await readNow(query));
  const items = inOrder(actors, answers);
  const soon = items.flatMap((item, index) => {
    const queue = actors[index]?.queue;
    if (queue === undefined || item.outcome !== 'scheduled' || item.dueAt > now + notifyWithinMs) return [];
    return [{ queue, at: item.dueAt }];
  });
  await notifyWithin(db, query, soon);
  return { now, items };
}

async function writePlain(
  db: Database,
  actors: readonly NewActor[],
  starter: Starter | null,
  lead: Lead,
): Promise<Answers> {
  const pieces = inPieces(actors, sizeOf);
  const write = async (query: Query): Promise<Answers> => {
    const written = new Answers();
    for (const piece of pieces) written.addAll(await insertPiece(query, piece, starter));
    return written;
  };
  return db.resolved(
    () => (pieces.length === 1 ? insertAlone(db, actors, starter, lead) : db.transaction(write)),
    async () => {
      const written = await found(db, actors, starter);
      for (const { id } of actors) {
        if (written.size > 0 && !written.has(id)) written.set(id, { outcome: 'skipped_in_flight', id });
      }
      return written.size > 0 ? written : undefined;
    },
  );
}

/** As a transaction of its own, so that one which fails because of an id that is taken can be done anew. */
export async function insertAlone(
  db: Database,
  actors: readonly NewActor[],
  starter: Starter | null,
  lead: Lead,
): Promise<Answers> {
  try {
    return await insertNew(db.ask, actors, starter, lead());
  } catch (error) {
    if (isTaken(error)) return insertPiece(db.ask, actors, starter);
    throw error;
  }
}

export async function insertPiece(
  query: Query,
  actors: readonly NewActor[],
  starter: Starter | null,
): Promise<Answers> {
  const written = await insertActors(query, actors, starter);
  for (const { id } of actors) if (!written.has(id)) written.set(id, { outcome: 'skipped_in_flight', id });
  return written;
}

/** The usual case. An answer is absent where a key is somebody's. */
async function writeFirst(db: Database, actors: readonly KeyedActor[], lead: Lead): Promise<Answers> {
  const query: Query = (statement, values) => db.query(statement, values, db.patient);
  return db.resolved(
    () => insertFirst(query, actors, lead()),
    async () => {
      const written = await found(db, actors, null);
      return written.size > 0 ? written : undefined;
    },
  );
}

async function writeKeyed(db: Database, actors: readonly KeyedActor[]): Promise<Answers> {
  return db.resolved(
    () => db.transaction((query) => insertKeyed(db, query, actors), db.patient),
    async () => {
      const written = await found(db, actors, null);
      if (written.size === 0) return undefined;
      // The others came second for their keys, and have to be told by whom they were beaten.
      written.addAll(
        await writeKeyed(
          db,
          actors.filter(({ id }) => !written.has(id)),
        ),
      );
      return written;
    },
  );
}

/** Somebody's open transaction holds this key: whether it will be ours is known when that one ends. */
async function writeWaiting(db: Database, actor: KeyedActor, answers: Answers): Promise<void> {
  const startedMs = db.env.monotonicMs();
  for (;;) {
    try {
      return answers.addAll(await writeKeyed(db, [actor]));
    } catch (error) {
      if (!isInTheWay(error)) return refuse(answers, actor, error);
      if (db.env.monotonicMs() - startedMs > KEY_PATIENCE_MS) {
        const tooLong = new Error(`Key '${actor.key.key}' is held by an open transaction.`, { cause: error });
        return refuse(answers, actor, tooLong);
      }
      await db.pause(KEY_PAUSE_MS);
    }
  }
}

/** After a lost connection whose backend is gone: what is there was written by us, as ids are made by the caller. */
export async function found(db: Database, actors: readonly NewActor[], starter: Starter | null): Promise<Answers> {
  const ids = actors.map((actor) => actor.id);
  const answers = new Answers();
  for (const { id, dueAt, worker, fence } of (await lookUp(db.ask, ids)).values()) {
    const started = starter !== null && worker === starter.worker && fence === 1;
    answers.set(id, { outcome: 'scheduled', id, dueAt, started });
  }
  return answers;
}

function refuse(answers: Answers, { id }: NewActor, error: unknown): void {
  answers.set(id, { outcome: 'refused', id, error: error instanceof Error ? error : new Error(String(error)) });
}

/** An id asked for twice in one call is inserted once: by the first. */
export function inOrder(actors: readonly NewActor[], answers: Answers): readonly Scheduled[] {
  // As many answers as actors: no id was asked for twice.
  const seen = answers.size === actors.length ? null : new Set<string>();
  return actors.map(({ id }) => {
    const answer = answers.get(id);
    if (answer === undefined) throw new Error(`No answer for actor ${id}.`);
    if (answer.outcome === 'scheduled' && seen?.has(id)) return { outcome: 'skipped_in_flight', id };
    seen?.add(id);
    return answer;
  });
}
