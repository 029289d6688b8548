/**
 * Owns `mailbox`. Sending is an insert and a due row: it never touches the receiver's own row, so that it waits for nobody
 * and nobody waits for it. A turn under way learns of it through a claim (`pokes`).
 */
import type { ClientBase } from 'pg';
import type { Instant, NewMail, SendReply, Sent } from '../contract.ts';
import { readNow } from './clock.ts';
import type { Database, Query, Statement } from './database.ts';
import { bisected, inPieces } from './groups.ts';
import { isInTheWay } from './sqlstate.ts';
import { isUuid } from './uuid.ts';
import { notifyWithin } from './wake.ts';

/** A due row for a quarantined receiver too: it may be released, and looked at, before this mail is seen. */
const SEND: Statement = {
  name: 'send',
  text: `with item as materialized (
    select u.*, a.queue, a.def, case when a.strikes >= 2 then 10 else a.priority end as lane
    from unnest($1::uuid[], $2::text[], $3::text[]) with ordinality as u(actor, event, dedup_id, position)
    join carillon.actors a on a.id = u.actor
    join carillon.queues q on q.id = a.queue and q.namespace = $4
  ), stored as (
    insert into carillon.mailbox (actor, event, dedup_id, at)
    select i.actor, i.event, i.dedup_id, carillon.now() from item i order by i.position
    on conflict (actor, dedup_id) where dedup_id is not null do nothing
    returning actor, dedup_id
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select distinct i.queue, i.lane, carillon.now(), i.actor, i.def
    from item i where i.actor in (select s.actor from stored s)
  ), receipt as (
    insert into carillon.receipts (id, written_at) select $5::uuid, carillon.now() where $5::uuid is not null
  ), read as (
    delete from carillon.receipts where id = any($6::uuid[])
  )
  select i.actor, min(i.queue) as queue, (extract(epoch from carillon.now()) * 1000)::float8 as now,
    (select array_agg(s.dedup_id) from stored s where s.actor = i.actor and s.dedup_id is not null) as "newDedupIds"
  from item i group by i.actor`,
};

/** Whose mail arrived although the reply did not: whoever had a row then has one now, here or in history. */
const RECEIVERS: Statement = {
  name: 'receivers',
  text: `select a.id as actor, a.queue, (extract(epoch from carillon.now()) * 1000)::float8 as now
  from carillon.actors a where a.id = any($1::uuid[])
  union all
  select s.id, s.queue, (extract(epoch from carillon.now()) * 1000)::float8
  from carillon.settled s where s.id = any($1::uuid[])`,
};

const RECEIPT: Statement = { name: 'receipt', text: `select from carillon.receipts where id = $1` };

const SETTLED: Statement = { name: 'settled_ids', text: `select id from carillon.settled where id = any($1::uuid[])` };

export interface Receiver {
  readonly actor: string;
  readonly queue: number;
  readonly now: Instant;
  readonly newDedupIds: readonly string[] | null;
}

/** Gives whoever had a row when it arrived. */
export type Delivery<M extends NewMail> = (query: Query, mail: readonly M[]) => Promise<readonly Receiver[]>;

export async function send(db: Database, mail: readonly NewMail[]): Promise<SendReply> {
  return sendBy(db, mail, (query, group) => deliverOnce(db, query, group));
}

export async function sendBy<M extends NewMail>(
  db: Database,
  mail: readonly M[],
  delivered: Delivery<M>,
): Promise<SendReply> {
  const outcome = new Outcome(mail);
  const patient: Query = (statement, values) => db.query(statement, values, db.patient);
  let failure: Error | null = null;
  for (const piece of inPieces(mail, sizeOf)) {
    // Somebody's open transaction may hold a dedupId; plain mail waits for nobody.
    const query = piece.some((one) => one.dedupId !== null) ? patient : db.ask;
    await bisected(
      piece,
      async (group) => outcome.add(await delivered(query, group)),
      async (one, error) => {
        if (isInTheWay(error)) outcome.add(await delivered(db.ask, [one]));
        else failure ??= error;
      },
    );
  }
  if (failure !== null) throw failure;
  return outcome.reply(db.ask);
}

/** Inside the caller's transaction: gone with its rollback, heard of when it has committed. */
export async function sendWithin(db: Database, client: ClientBase, mail: readonly NewMail[]): Promise<SendReply> {
  const query: Query = (statement, values) => db.run(client, statement, values);
  const outcome = new Outcome(mail);
  for (const piece of inPieces(mail, sizeOf)) outcome.add(await deliver(db, query, piece));
  const reply = await outcome.reply(query);
  await notifyWithin(
    db,
    query,
    reply.queues.map((queue) => ({ queue, at: reply.now })),
  );
  return reply;
}

/** What arrived, by receiver. Receivers that are absent have settled or never were. */
export async function deliver(
  db: Database,
  query: Query,
  mail: readonly NewMail[],
  receipt: string | null = null,
  read: readonly string[] = [],
): Promise<readonly Receiver[]> {
  const sendable = mail.filter((one) => isUuid(one.actor));
  return query<Receiver>(SEND, [
    sendable.map((one) => one.actor),
    sendable.map((one) => one.event),
    sendable.map((one) => one.dedupId),
    db.namespace,
    receipt,
    read,
  ]);
}

/** Receipts whose reply arrived: they go with the next mail. */
const readReceipts = new WeakMap<Database, string[]>();

/** Mail leaves no trace once it is consumed, so that each delivery writes a receipt: a lost reply can be told by it. */
async function deliverOnce(db: Database, query: Query, mail: readonly NewMail[]): Promise<readonly Receiver[]> {
  const receipt = db.env.uuid();
  const read = readReceipts.get(db) ?? [];
  readReceipts.set(db, []);
  const receivers = await db.resolved(
    () => deliver(db, query, mail, receipt, read),
    async () => {
      const [arrived] = await db.query(RECEIPT, [receipt]);
      return arrived && receiversOf(db, mail);
    },
  );
  readReceipts.get(db)?.push(receipt);
  return receivers;
}

export async function receiversOf(db: Database, mail: readonly NewMail[]): Promise<readonly Receiver[]> {
  const rows = await db.query<Omit<Receiver, 'newDedupIds'>>(RECEIVERS, [mail.map((one) => one.actor)]);
  return rows.map((row) => ({
    ...row,
    newDedupIds: mail.flatMap(({ actor, dedupId }) => (actor === row.actor && dedupId !== null ? [dedupId] : [])),
  }));
}

class Outcome {
  readonly #mail: readonly NewMail[];
  readonly #queues = new Set<number>();
  readonly #receivers = new Set<string>();
  /** First of its number, and stored. */
  readonly #fresh = new Set<string>();
  #now: Instant | null = null;

  constructor(mail: readonly NewMail[]) {
    this.#mail = mail;
  }

  add(receivers: readonly Receiver[]): void {
    for (const { actor, queue, now, newDedupIds } of receivers) {
      this.#now = now;
      this.#queues.add(queue);
      this.#receivers.add(actor);
      for (const dedupId of newDedupIds ?? []) this.#fresh.add(keyOf(actor, dedupId));
    }
  }

  async reply(query: Query): Promise<SendReply> {
    const missing = this.#mail.map((one) => one.actor).filter((actor) => !this.#receivers.has(actor) && isUuid(actor));
    const settled = missing.length === 0 ? [] : await query<{ id: string }>(SETTLED, [missing]);
    const gone = new Set(settled.map((row) => row.id));
    const items = this.#mail.map(({ actor, dedupId }): Sent => {
      if (!this.#receivers.has(actor)) return gone.has(actor) ? 'settled' : 'unknown';
      // A number seen twice in one call is stored once: the first one takes it.
      return dedupId === null || this.#fresh.delete(keyOf(actor, dedupId)) ? 'stored' : 'duplicate';
    });
    return { now: this.#now ?? (await readNow(query)), items, queues: [...this.#queues] };
  }
}

function keyOf(actor: string, dedupId: string): string {
  return `${actor} ${dedupId}`;
}

function sizeOf(mail: NewMail): number {
  return 100 + mail.event.length;
}
