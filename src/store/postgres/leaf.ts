/**
 * What a prune does to one leaf of `settled`. Its name is in the text of each statement: they are used once a day, and a
 * statement on the whole table would ask for the locks of all other days.
 */
import type { Statement } from './database.ts';
import { ADD_COUNTS, COUNTED_BY } from './pruned.ts';

/** A record of more bytes is not copied into its key's claim when its run settles. */
const LONG_RECORD = `s.key is not null and octet_length(s.record) > 8192`;
/** What that claim would lose. */
const AWAITED_BY = `c.digest = s.key_digest and c.actor = s.id and c.record is null and c.expires_at > carillon.now()`;
/** Groups told apart in one leaf; what is rarer is counted without its reason and code. */
const MAX_GROUPS = 100;

/** A child of a flow that still runs: others may yet read its output. */
const FLOW_CHILD = `s.parent is not null and exists (
    select from carillon.actors f join carillon.definitions fd on fd.id = f.def and fd.kind = 'flow' where f.id = s.parent)`;

/** Changing its day moves a row to that day's leaf, with all of its columns. */
export const CARRY: Statement = {
  name: 'carry',
  text: `update carillon.settled s set keep_until = (carillon.now() at time zone 'UTC')::date + 1
  where s.keep_until = $1::date and ${FLOW_CHILD}
  returning s.id`,
};

export interface LeafStatements {
  readonly look: Statement;
  readonly lock: Statement;
  readonly check: Statement;
  readonly count: Statement;
  readonly copyRecords: Statement;
  readonly letGo: Statement;
  readonly empty: Statement;
}

export function statementsFor(leaf: string): LeafStatements {
  const of = (text: string): Statement => ({ name: null, text });
  return {
    look: of(`select exists (select from carillon.${leaf}) as filled`),
    /** Nobody may take a row out of it any more, in particular no retry; who reads is not disturbed. */
    lock: of(`lock table only carillon.${leaf} in share row exclusive mode`),
    check: of(`select exists (select from carillon.${leaf} s where s.spilled) as spilled,
      exists (select from carillon.${leaf} s join carillon.claims c on ${AWAITED_BY} where ${LONG_RECORD}) as awaited`),
    count: of(`with grouped as (
        select ${COUNTED_BY}, count(*) as n from carillon.${leaf} s group by 1, 2, 3, 4, 5
      ), ranked as (
        select g.*, row_number() over (order by g.n desc) <= ${MAX_GROUPS} as frequent from grouped g
      )
      select def, queue, outcome, case when frequent then reason else '' end as reason,
        case when frequent then code else '' end as code, sum(n)::float8 as n
      from ranked group by 1, 2, 3, 4, 5`),
    copyRecords: of(`with piece as materialized (
        select s.id, s.key_digest, s.record from carillon.${leaf} s
        where ${LONG_RECORD} and ($1::uuid is null or s.id > $1) order by s.id limit 100
      ), copied as (
        update carillon.claims c set record = s.record from piece s where ${AWAITED_BY}
      )
      select max(id::text) as last from piece`),
    /** A row, its journal and its count are one statement, so that a retry meets all of a life or nothing. */
    letGo: of(`with piece as materialized (
        select s.id from carillon.${leaf} s where s.spilled and not (${FLOW_CHILD})
        order by s.id limit 500 for update of s skip locked
      ), gone as (
        delete from carillon.${leaf} s using piece o where s.id = o.id returning s.*
      ), segments as (
        delete from carillon.journal j using gone g where j.actor = g.id
      ), counts as materialized (
        select ${COUNTED_BY}, count(*) as n from gone s group by 1, 2, 3, 4, 5
      ), counted as (
        ${ADD_COUNTS}
      )
      select outcome, n::float8 as n from counts`),
    empty: of(`truncate only carillon.${leaf}`),
  };
}
