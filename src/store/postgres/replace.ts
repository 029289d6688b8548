/**
 * `replace`: one actor in the place of those that wait under the same label. Locks in the order of the settle: first actors, then
 * the key. The label's own lock comes before both, and is waited for with short patience.
 */
import { createHash } from 'node:crypto';
import type { Instant, NewActor } from '../contract.ts';
import type { Replaced, Replacement } from '../replacement.ts';
import { insertKeyed, isKeyed } from './claims.ts';
import { readNow } from './clock.ts';
import type { Database, Query, Statement } from './database.ts';
import { deliver } from './mailbox.ts';
import { insertPiece, KEY_PATIENCE_MS, KEY_PAUSE_MS } from './schedule.ts';
import { blamesValue, isInTheWay } from './sqlstate.ts';
import { answerTaken, lookUp } from './taken.ts';

/** A statement of its own: what comes after has to see all that its former holders wrote. */
const LOCK_LABEL: Statement = { name: 'lock_label', text: `select pg_advisory_xact_lock($1::int8)` };

/** Index actors_by_label. What was held before and is due may have been tried by a worker that gave it back unwritten. */
const PENDING: Statement = {
  name: 'pending',
  text: `select a.id, (extract(epoch from a.created_at) * 1000)::float8 as "createdAt"
  from carillon.actors a
  where a.labels @> array[$1] and a.labels <> '{}'
    and a.def in (select d.id from carillon.definitions d where d.namespace = $2 and d.name = $3)
    and a.worker is null and a.attempt = 0 and a.strikes = 0 and a.quarantine is null
    and (a.fence = 0 or a.wake_at > carillon.now())
    and not exists (select from carillon.mailbox m where m.actor = a.id and m.event = $4)
  order by a.id for no key update of a skip locked`,
};

/** A claim whose snapshot is older than the letter would start the actor without it: the fence tells it to come again. */
const RAISE_FENCES: Statement = {
  name: 'raise_fences',
  text: `update carillon.actors set fence = fence + 1 where id = any($1::uuid[])`,
};

export async function replace(db: Database, actor: NewActor, replacement: Replacement): Promise<Replaced> {
  const taken = (await answerTaken(db.ask, [actor], db.env.wallMs())).get(actor.id);
  if (taken !== undefined) return { now: await readNow(db.ask), item: taken, replaced: [], queues: [] };
  const startedMs = db.env.monotonicMs();
  for (;;) {
    try {
      return await written(db, actor, replacement);
    } catch (error) {
      if (error instanceof Error && blamesValue(error)) {
        const item = { outcome: 'refused', id: actor.id, error } as const;
        return { now: await readNow(db.ask), item, replaced: [], queues: [] };
      }
      // Another one with this label, or somebody's open transaction with this key.
      if (!isInTheWay(error)) throw error;
      if (db.env.monotonicMs() - startedMs > KEY_PATIENCE_MS) {
        throw new Error(`What '${replacement.label}' or its key stands for is held by others.`, { cause: error });
      }
      await db.pause(KEY_PAUSE_MS);
    }
  }
}

async function written(db: Database, actor: NewActor, replacement: Replacement): Promise<Replaced> {
  // Known before the commit, so that it need not be found out when only the reply to that is lost.
  let reply: Replaced | undefined;
  const write = async (query: Query): Promise<Replaced> => {
    reply = await writeWithin(db, query, actor, replacement);
    return reply;
  };
  return db.resolved(
    () => db.transaction(write, db.patient),
    async () => ((await lookUp(db.ask, [actor.id])).has(actor.id) ? reply : undefined),
  );
}

async function writeWithin(
  db: Database,
  query: Query,
  actor: NewActor,
  { label, letter }: Replacement,
): Promise<Replaced> {
  await query(LOCK_LABEL, [lockOf(db, label)]);
  const values = [label, db.namespace, actor.name, letter];
  const pending = await query<{ readonly id: string; readonly createdAt: Instant }>(PENDING, values);
  const answers = isKeyed(actor) ? await insertKeyed(db, query, [actor]) : await insertPiece(query, [actor], null);
  const item = answers.get(actor.id);
  if (item === undefined) throw new Error(`No answer for actor ${actor.id}.`);
  const now = answers.now ?? (await readNow(query));
  if (item.outcome !== 'scheduled' || pending.length === 0) return { now, item, replaced: [], queues: [] };
  const replaced = pending.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).map(({ id }) => id);
  await query(RAISE_FENCES, [replaced]);
  const letters = replaced.map((id) => ({ actor: id, event: letter, dedupId: null }));
  const told = await deliver(db, query, letters);
  return { now, item, replaced, queues: [...new Set(told.map(({ queue }) => queue))] };
}

function lockOf({ schema, namespace }: Database, label: string): bigint {
  const hash = createHash('sha256')
    .update(JSON.stringify(['label', schema, namespace, label]))
    .digest();
  return hash.readBigInt64BE();
}
