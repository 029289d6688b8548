/** What operators ask of single actors: letters like any other, delivered with their entry in the audit. */
import type { SendReply } from '../contract.ts';
import type { Order } from '../operating.ts';
import type { Database, Statement } from './database.ts';
import { deliver, type Receiver, receiversOf, sendBy } from './mailbox.ts';

/** `before` is the state as the sender's own look saw it; one that moves meanwhile says so in its journal. */
const NOTE_ORDERS: Statement = {
  name: 'note_orders',
  text: `insert into carillon.audit (id, at, namespace, who, action, target, reason, before, after)
  select o.id, carillon.now(), $1, o.who, o.action, o.target, o.reason,
    jsonb_build_object('state', a.state, 'worker', a.worker), o.after::jsonb
  from unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[])
    as o(id, who, action, target, reason, after)
  join carillon.actors a on a.id = o.target`,
};

const NOTED: Statement = {
  name: 'orders_noted',
  text: `select target from carillon.audit where id = any($1::uuid[])`,
};

export async function order(db: Database, orders: readonly Order[]): Promise<SendReply> {
  return sendBy(db, orders, (_, group) => carryOut(db, group));
}

async function carryOut(db: Database, orders: readonly Order[]): Promise<readonly Receiver[]> {
  const ids = orders.map(() => db.env.uuid());
  return db.resolved(
    () =>
      db.transaction(async (query) => {
        const receivers = await deliver(db, query, orders);
        const there = new Set(receivers.map(({ actor }) => actor));
        const noted = orders.flatMap((each, index) => (there.has(each.actor) ? [{ ...each, id: ids[index] }] : []));
        if (noted.length === 0) return receivers;
        await query(NOTE_ORDERS, [
          db.namespace,
          noted.map(({ id }) => id),
          noted.map(({ by }) => by.who),
          noted.map(({ action }) => action),
          noted.map(({ actor }) => actor),
          noted.map(({ by }) => by.reason ?? null),
          noted.map(({ after }) => JSON.stringify(after)),
        ]);
        return receivers;
      }),
    async () => {
      const noted = await db.query<{ target: string }>(NOTED, [ids]);
      const there = new Set(noted.map(({ target }) => target));
      return noted.length > 0
        ? receiversOf(
            db,
            orders.filter(({ actor }) => there.has(actor)),
          )
        : undefined;
    },
  );
}
