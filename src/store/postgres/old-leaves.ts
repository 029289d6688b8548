/** Leaves of `settled` whose day has passed, and taking out those that are empty: beside what settles, never in its way. */
import type { Database, Statement } from './database.ts';
import { inSchema } from './database.ts';
import { isGone } from './sqlstate.ts';

/** Attached or not: one that is not lost its process while it was being removed. */
const PAST: Statement = {
  name: 'past_leaves',
  text: `select c.relname as leaf, right(c.relname, 8)::date::text as day, i.inhrelid is not null as attached,
    coalesce(i.inhdetachpending, false) as detaching,
    right(c.relname, 8)::date < (carillon.now() at time zone 'UTC')::date - 1 as old
  from pg_class parent
  join pg_class c on c.relnamespace = parent.relnamespace and c.relkind = 'r' and c.relname ~ '^settled_\\d{8}$'
  left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = parent.oid
  where parent.oid = 'carillon.settled'::regclass
    and right(c.relname, 8)::date < (carillon.now() at time zone 'UTC')::date
  order by c.relname`,
};

export interface PastLeaf {
  readonly leaf: string;
  readonly day: string;
  readonly attached: boolean;
  /** It was being taken out when somebody was in the way. */
  readonly detaching: boolean;
  /** By more than a day: a settle that began before midnight is over. */
  readonly old: boolean;
}

export async function pastLeaves(db: Database): Promise<readonly PastLeaf[]> {
  return db.query<PastLeaf>(PAST);
}

/**
 * Detached concurrently, then dropped: dropping a leaf, or detaching it at once, would lock the whole table. Rejects when
 * somebody is in the way; the next try goes on from there.
 */
export async function removeLeaf(db: Database, { leaf, attached, detaching }: PastLeaf): Promise<void> {
  try {
    if (attached) {
      const how = detaching ? 'finalize' : 'concurrently';
      await db.define(
        inSchema(`alter table carillon.settled detach partition carillon.${leaf} ${how}`, db.schema),
        db.patient,
      );
    }
    await db.define(inSchema(`drop table carillon.${leaf}`, db.schema), db.patient);
  } catch (error) {
    // Another process was faster.
    if (!isGone(error)) throw error;
  }
}
