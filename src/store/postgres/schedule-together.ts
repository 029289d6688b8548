/** `scheduleTogether`: one transaction for all, which a single conflict takes back. */
import type { NewActor, ScheduleReply, Starter } from '../contract.ts';
import { Answers, sizeOf } from './actors.ts';
import { insertKeyed, isKeyed } from './claims.ts';
import { readNow } from './clock.ts';
import type { Database, Query } from './database.ts';
import { inPieces } from './groups.ts';
import { found, inOrder, insertAlone, insertPiece, KEY_PATIENCE_MS, KEY_PAUSE_MS } from './schedule.ts';
import { isInTheWay } from './sqlstate.ts';
import { answerTaken } from './taken.ts';
import type { Lead } from './wake.ts';

/** Thrown to roll back what these answers say was written. */
class TakenBack extends Error {
  readonly answers: Answers;
  constructor(answers: Answers) {
    super('Another one of these conflicts.');
    this.answers = answers;
  }
}

export async function scheduleTogether(
  db: Database,
  actors: readonly NewActor[],
  starter: Starter | null,
  lead: Lead,
): Promise<ScheduleReply> {
  const answers = await answerTaken(db.ask, actors, db.env.wallMs());
  const open = answers.size === 0 ? actors : actors.filter((actor) => !answers.has(actor.id));
  const startedMs = db.env.monotonicMs();
  while (open.length > 0) {
    try {
      answers.addAll(await written(db, open, starter, lead));
      break;
    } catch (error) {
      // Somebody's open transaction holds one of the keys: whose it will be is known when that one ends.
      if (!isInTheWay(error) || db.env.monotonicMs() - startedMs > KEY_PATIENCE_MS) throw error;
      await db.pause(KEY_PAUSE_MS);
    }
  }
  return { now: answers.now ?? (await readNow(db.ask)), items: inOrder(actors, answers), told: answers.told };
}

async function written(
  db: Database,
  actors: readonly NewActor[],
  starter: Starter | null,
  lead: Lead,
): Promise<Answers> {
  const keyed = actors.filter(isKeyed);
  const plain = keyed.length === 0 ? actors : actors.filter((actor) => !isKeyed(actor));
  const pieces = inPieces(plain, sizeOf);
  const write = async (query: Query): Promise<Answers> => {
    // Keys first: a conflict then costs nothing more.
    const answers = keyed.length > 0 ? await insertKeyed(db, query, keyed) : new Answers();
    if ([...answers.values()].some(({ outcome }) => outcome === 'conflict')) throw new TakenBack(answers);
    for (const piece of pieces) answers.addAll(await insertPiece(query, piece, starter));
    return answers;
  };
  const single = keyed.length === 0 && pieces.length === 1;
  try {
    return await db.resolved(
      () =>
        single
          ? insertAlone(db, actors, starter, lead)
          : db.transaction(write, keyed.length > 0 ? db.patient : db.pool),
      async () => {
        const there = await found(db, actors, starter);
        if (there.size === 0) return undefined;
        // The others came second for their keys, and have to be told by whom they were beaten.
        const missing = actors.filter(({ id }) => !there.has(id));
        if (missing.length > 0) there.addAll(await written(db, missing, starter, lead));
        return there;
      },
    );
  } catch (error) {
    if (!(error instanceof TakenBack)) throw error;
    for (const { id } of actors)
      if (!error.answers.has(id)) error.answers.set(id, { outcome: 'skipped_in_flight', id });
    return error.answers;
  }
}
