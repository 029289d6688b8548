/**
 * The slow walks: through the keys, for claims that have expired, and through what is kept for a while and has no index on
 * its age. A claim in flight has no age: it lives exactly as long as its actor.
 */
import type { DutyReply } from '../operating.ts';
import type { Database, Statement } from './database.ts';

/** Primary key of claims, a stretch at a time. One that somebody has locked is being replaced. */
const KEYS: Statement = {
  name: 'forget_claims',
  text: `with stretch as materialized (
    select c.digest, c.expires_at from carillon.claims c where c.digest > $1 order by c.digest limit $2
  ), old as materialized (
    select c.digest from carillon.claims c
    where c.digest in (select s.digest from stretch s where s.expires_at <= carillon.now())
      and c.expires_at <= carillon.now()
    for update skip locked
  ), gone as (
    delete from carillon.claims c using old o where c.digest = o.digest
  )
  select (select s.digest from stretch s order by s.digest desc limit 1) as last,
    (select count(*) from stretch)::int4 as looked, (select count(*) from old)::int4 as gone`,
};

const RECEIPTS: Statement = {
  name: 'old_receipts',
  text: `delete from carillon.receipts where written_at < carillon.now() - interval '1 day' returning id`,
};

/** Index audit_in_order, from its beginning. */
const AUDIT: Statement = {
  name: 'old_audit',
  text: `delete from carillon.audit where id = any(array(
    select a.id from carillon.audit a where a.at < carillon.now() - interval '90 days' order by a.at, a.id limit $1))
  returning id`,
};

/** What nobody has failed on for a while was recovered, or is gone. */
const ASIDE: Statement = {
  name: 'old_aside',
  text: `delete from carillon.set_aside where next_at < carillon.now() - interval '1 hour' returning target`,
};

const BEGINNING = Buffer.alloc(0);
const STRETCH = 5_000;

export class Forgetter {
  readonly #db: Database;
  #after: Buffer = BEGINNING;

  constructor(db: Database) {
    this.#db = db;
  }

  async forget(): Promise<DutyReply> {
    const [keys] = await this.#db.query<{ last: Buffer | null; looked: number; gone: number }>(KEYS, [
      this.#after,
      STRETCH,
    ]);
    this.#after = keys === undefined || keys.last === null || keys.looked < STRETCH ? BEGINNING : keys.last;
    const receipts = await this.#db.query(RECEIPTS);
    const audit = await this.#db.query(AUDIT, [STRETCH]);
    const aside = await this.#db.query(ASIDE);
    return { processed: (keys?.gone ?? 0) + receipts.length + audit.length + aside.length, errors: 0 };
  }
}
