/**
 * Looks for actors that nothing will ever look at, a stretch of the primary key at a time. Every active actor is held, has
 * a due row, waits for mail only or for a place, or is set aside with a reason; anything else is a mistake of ours.
 */
import type { AuditFinding } from '../contract.ts';
import type { Database, Statement } from './database.ts';

/**
 * Index due_in_order: own rows by exact key; only for mail without its row, all that is due in the lane is read. Leases are read
 * once, for all: looked for in each of its worker's lists, what is held took seven times as long as all the rest.
 */
export const AUDIT: Statement = {
  name: 'audit',
  text: `with stretch as materialized (
    select a.* from carillon.actors a where a.id > $2 order by a.id limit $3
  ), mine as materialized (
    select s.* from stretch s join carillon.queues q on q.id = s.queue and q.namespace = $1
    where s.quarantine is null and s.parked is null and ($4::text is null or s.labels @> array[$4])
      and not exists (select from carillon.set_aside a where a.duty = 'mend' and a.target = s.id::text and a.next_at > carillon.now())
  ), listed as materialized (
    select l.worker, l.actors from carillon.leases l where exists (select from mine m where m.worker is not null)
  )
  select m.id as actor, case
    when m.worker is not null then 'held by ' || m.worker || ', but in none of its leases'
    when m.in_due then 'its due row is missing'
    when m.wake_at is not null then 'its wake time has no due row'
    when m.snapshot is null then 'not begun, and nothing will begin it'
    else 'mail waits without a due row' end as problem
  from mine m
  where case
    when m.worker is not null then (m.worker, m.id) not in (select l.worker, unnest(l.actors) from listed l)
    when m.in_due then not exists (
      select from carillon.due d
      where d.queue = m.queue and d.priority = any(array[m.priority, 10::int2]) and d.due_at = m.wake_at and d.actor = m.id)
    when m.wake_at is null and m.snapshot is not null
      and not exists (select from carillon.mailbox l where l.actor = m.id and l.event is not null) then false
    else not exists (
      select from carillon.due d
      where d.queue = m.queue and d.priority = any(array[m.priority, 10::int2]) and d.due_at <= carillon.now() and d.actor = m.id)
      and not exists (
        select from carillon.waits w where w.actor = m.id and (w.admitted_at is null or exists (
          select from carillon.due d
          where d.queue = w.queue and d.priority = w.lane and d.due_at = any(array[w.due_at, w.admitted_at]) and d.actor = m.id)))
    end`,
};

const LAST: Statement = {
  name: 'audit_last',
  text: `select max(id::text) as last, count(*)::int4 as count
  from (select a.id from carillon.actors a where a.id > $1 order by a.id limit $2) stretch`,
};

const BEGINNING = '00000000-0000-0000-0000-000000000000';
/** Actors looked at in one stretch. */
const STRETCH = 5_000;

export class Auditor {
  readonly #db: Database;
  readonly #namespace: string;
  readonly #label: string | null;
  #after = BEGINNING;

  constructor(db: Database, namespace = db.namespace, label: string | null = null) {
    this.#db = db;
    this.#namespace = namespace;
    this.#label = label;
  }

  /** The next call begins a round. */
  get atBeginning(): boolean {
    return this.#after === BEGINNING;
  }

  /** Goes on where the last call ended, and round again; stops early with `limit` findings. */
  async audit(limit: number): Promise<readonly AuditFinding[]> {
    const values = [this.#namespace, this.#after, STRETCH, this.#label];
    const findings = await this.#db.query<AuditFinding>(AUDIT, values);
    const [end] = await this.#db.query<{ last: string | null; count: number }>(LAST, [this.#after, STRETCH]);
    this.#after = end === undefined || end.last === null || end.count < STRETCH ? BEGINNING : end.last;
    return findings.slice(0, limit);
  }
}
