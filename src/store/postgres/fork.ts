/** The birth of a copy: row, mailbox, due row and audit are one statement. */
import type { Fork, Operator } from '../operating.ts';
import { readNow } from './clock.ts';
import type { Database, Statement } from './database.ts';
import { textArray } from './groups.ts';
import { lookUp } from './taken.ts';

/** Like any birth, but with a past. One that is held has no due row: releasing it makes one. */
const FORK: Statement = {
  name: 'fork',
  text: `with born as (
    insert into carillon.actors (id, def, queue, priority, labels, state, input, role, limits, created_at, wake_at, in_due,
      fence, strikes, seq, pokes, attempt, spilled, history, snapshot, quarantine)
    values ($1, $2, $3, $4, $5::text::text[], $6, $7, $8, $9, carillon.now(), case when $10::text is null then carillon.now() end,
      $10::text is null, 0, 0, $11, 0, $12, false, $13, $14, $10)
    returning id, queue, priority, def, in_due
  ), pending as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, priority, carillon.now(), id, def from born where in_due
  ), letter as (
    insert into carillon.mailbox (actor, event, at)
    select b.id, m.event, carillon.now() from born b, unnest($15::text[]) with ordinality as m(event, position)
    order by m.position
  ), noted as (
    insert into carillon.audit (id, at, namespace, who, action, target, reason, after)
    select $16::uuid, carillon.now(), $17, $18, 'fork', $19, $20,
      jsonb_build_object('fork', b.id, 'seq', $21::int8, 'held', not b.in_due)
    from born b
  )
  select (extract(epoch from carillon.now()) * 1000)::float8 as now from born`,
};

export async function fork(db: Database, it: Fork, by: Operator): Promise<{ readonly now: number }> {
  const place = [it.id, it.def, it.queue, it.priority, textArray(it.labels), it.state, it.input, it.role];
  const limits = it.limits && JSON.stringify(it.limits);
  const past = [it.quarantine, it.seq, it.attempt, it.history, it.snapshot, it.mail];
  const noted = [db.env.uuid(), db.namespace, by.who, it.origin.id, by.reason ?? null, it.origin.seq];
  const [born] = await db.resolved(
    () => db.query<{ now: number }>(FORK, [...place, limits, ...past, ...noted]),
    async () => ((await lookUp(db.ask, [it.id])).has(it.id) ? [{ now: await readNow(db.ask) }] : undefined),
  );
  return { now: born?.now ?? (await readNow(db.ask)) };
}
