/**
 * Owns `claims`, the idempotency keys. A key is claimed in the transaction that inserts its actor, by an insert that never
 * locks a row that is there, in the order of digests; who comes second learns whose it is.
 */
import type { NewActor, Scheduled } from '../contract.ts';
import type { Operator } from '../operating.ts';
import { Answers, insert, insertActors } from './actors.ts';
import { birth } from './birth.ts';
import { numbers } from './columns.ts';
import type { Database, Query, Statement } from './database.ts';
import type { Notice } from './wake.ts';

const CLAIM_KEYS: Statement = {
  name: 'claim_keys',
  text: `insert into carillon.claims (digest, fingerprint, actor, retention_ms, key)
  select k.digest, k.fingerprint, k.actor, k.retention_ms, k.key
  from unnest($1::bytea[], $2::bytea[], $3::uuid[], $4::float8[], $5::text[])
    with ordinality as k(digest, fingerprint, actor, retention_ms, key, position)
  order by k.digest, k.position
  on conflict (digest) do nothing
  returning actor`,
};

/** Claims keys and bears those that got theirs, in one statement. Fails where an id is taken. */
const CLAIM_AND_BEAR = birth('schedule_keyed', {
  before: `won as (
    insert into carillon.claims (digest, fingerprint, actor, retention_ms, key)
    select k.digest, k.fingerprint, k.actor, k.retention_ms, k.key
    from unnest($17::bytea[], $21::bytea[], $3::uuid[], $22::float8[], $16::text[])
      with ordinality as k(digest, fingerprint, actor, retention_ms, key, position)
    order by k.digest, k.position
    on conflict (digest) do nothing
    returning actor
  ),`,
  among: 'where item.id in (select w.actor from won w)',
});

/** The record is not copied into the claim when it is long; then it is read where it is. */
const READ_KEYS: Statement = {
  name: 'read_keys',
  text: `select encode(c.digest, 'hex') as digest, encode(c.fingerprint, 'hex') as fingerprint, c.actor,
    c.expires_at is not null as settled, c.expires_at <= carillon.now() as expired,
    case when c.expires_at is null then null
      else coalesce(c.record, (select s.record from carillon.settled s where s.id = c.actor)) end as record
  from carillon.claims c where c.digest = any($1)`,
};

const FORGET_EXPIRED: Statement = {
  name: 'forget_keys',
  text: `delete from carillon.claims where digest = any($1) and expires_at <= carillon.now()`,
};

/** Of a key claimed a moment ago for an actor whose id turned out to be taken. */
const UNCLAIM: Statement = {
  name: 'unclaim',
  text: `delete from carillon.claims where digest = any($1) and actor = any($2)`,
};

/** Its holder goes on, and its settling finds nothing to finalize: that one asks for its own claim. */
const RELEASE: Statement = {
  name: 'release_key',
  text: `with gone as (
    delete from carillon.claims where digest = $1 returning actor, expires_at
  ), noted as (
    insert into carillon.audit (id, at, namespace, who, action, target, reason, before)
    select $2, carillon.now(), $3, $4, 'releaseKey', $5, $6, jsonb_build_object('actor', actor, 'until', expires_at)
    from gone
  )
  select actor from gone`,
};

const RELEASED: Statement = {
  name: 'key_released',
  text: `select before->>'actor' as actor from carillon.audit where id = $1`,
};

interface KeyRow {
  readonly digest: string;
  readonly fingerprint: string;
  readonly actor: string;
  readonly settled: boolean;
  readonly expired: boolean | null;
  readonly record: string | null;
}

export type KeyedActor = NewActor & { readonly key: NonNullable<NewActor['key']> };

export function isKeyed(actor: NewActor): actor is KeyedActor {
  return actor.key !== null;
}

/**
 * As a transaction of its own, for those that nobody else has a key of or waits for one of: most. What is absent from the answer has to
 * be asked for with {@link insertKeyed}.
 */
export function insertFirst(query: Query, actors: readonly KeyedActor[], notice: Notice | null): Promise<Answers> {
  const fingerprints = actors.map((a) => a.key.fingerprint);
  return insert(CLAIM_AND_BEAR, query, actors, null, notice, [
    fingerprints,
    numbers(actors.map((a) => a.key.retentionMs)),
  ]);
}

/**
 * Claims the keys of these and inserts the actors that got theirs, within whatever transaction `query` runs in. Expired
 * keys in the way are removed on a connection of our own, so that a caller's transaction locks no row that was there.
 */
export async function insertKeyed(db: Database, query: Query, actors: readonly KeyedActor[]): Promise<Answers> {
  const answers = new Answers();
  let open = actors;
  // A key in the way may be gone by the time it is read: freed by a settle, or just expired.
  while (open.length > 0) {
    const won = new Set((await claimKeys(query, open)).map((row) => row.actor));
    const winners = open.filter((actor) => won.has(actor.id));
    answers.addAll(await insertWinners(query, winners));
    const losers = open.filter((actor) => !won.has(actor.id));
    answers.addAll(await answerLosers(db, query, losers));
    open = losers.filter((actor) => !answers.has(actor.id));
  }
  return answers;
}

async function claimKeys(query: Query, actors: readonly KeyedActor[]): Promise<readonly { actor: string }[]> {
  return query(CLAIM_KEYS, [
    actors.map((a) => a.key.digest),
    actors.map((a) => a.key.fingerprint),
    actors.map((a) => a.id),
    actors.map((a) => a.key.retentionMs),
    actors.map((a) => a.key.key),
  ]);
}

async function insertWinners(query: Query, winners: readonly KeyedActor[]): Promise<Answers> {
  if (winners.length === 0) return new Answers();
  const answers = await insertActors(query, winners, null);
  const taken = winners.filter((actor) => !answers.has(actor.id));
  if (taken.length === 0) return answers;
  const ids = taken.map((actor) => actor.id);
  await query(UNCLAIM, [taken.map((actor) => actor.key.digest), ids]);
  for (const id of ids) answers.set(id, { outcome: 'skipped_in_flight', id });
  return answers;
}

async function answerLosers(db: Database, query: Query, losers: readonly KeyedActor[]): Promise<Answers> {
  const answers = new Answers();
  if (losers.length === 0) return answers;
  const digests = losers.map((actor) => actor.key.digest);
  // A caller's transaction may be too old to see the winner; a winner of its own is seen by nobody else.
  const inside = await query<KeyRow>(READ_KEYS, [digests]);
  const rows = inside.length > 0 ? inside : await db.query<KeyRow>(READ_KEYS, [digests]);
  if (rows.some((row) => row.expired)) await db.query(FORGET_EXPIRED, [digests]);
  const keys = new Map(rows.map((row) => [row.digest, row]));
  for (const { id, key } of losers) {
    const row = keys.get(key.digest.toString('hex'));
    if (row !== undefined && !row.expired) answers.set(id, answerOf(row, key.fingerprint));
  }
  return answers;
}

function answerOf({ actor, fingerprint, settled, record }: KeyRow, asked: Buffer): Scheduled {
  if (fingerprint !== asked.toString('hex')) return { outcome: 'conflict', id: actor };
  return settled ? { outcome: 'skipped_idempotent', id: actor, record } : { outcome: 'skipped_in_flight', id: actor };
}

export async function releaseKey(
  db: Database,
  digest: Buffer,
  key: string,
  { who, reason }: Operator,
): Promise<boolean> {
  const id = db.env.uuid();
  const rows = await db.resolved(
    () => db.query<{ actor: string }>(RELEASE, [digest, id, db.namespace, who, key, reason ?? null]),
    async () => {
      const found = await db.query<{ actor: string }>(RELEASED, [id]);
      return found.length > 0 ? found : undefined;
    },
  );
  return rows.length > 0;
}
