/** Owns `pruned`: how many runs of what kind history has let go of. */
import type { PrunedCount } from '../operating.ts';
import type { Database, Statement } from './database.ts';
import { ERROR_CODE } from './selection.ts';

/** Of rows called `s`: what they are counted by. Reasons and codes are anybody's words, so they are cut. */
export const COUNTED_BY = `s.def, s.queue, s.outcome, left(coalesce(s.reason, ''), 128) as reason,
    case when s.status = 'dropped' then left(coalesce(${ERROR_CODE}, ''), 64) else '' end as code`;

/** Adds what the CTE `counts` holds: def, queue, outcome, reason, code, n. */
export const ADD_COUNTS = `insert into carillon.pruned as p (def, queue, outcome, reason, code, count, last_at)
    select c.def, c.queue, c.outcome, c.reason, c.code, sum(c.n), carillon.now() from counts c
    group by c.def, c.queue, c.outcome, c.reason, c.code
    on conflict (def, queue, outcome, reason, code) do update set count = p.count + excluded.count, last_at = excluded.last_at`;

const READ: Statement = {
  name: 'pruned',
  text: `select d.name, q.name as queue, p.outcome, nullif(p.reason, '') as reason, nullif(p.code, '') as code,
    sum(p.count)::float8 as count
  from carillon.pruned p join carillon.queues q on q.id = p.queue and q.namespace = $1
  join carillon.definitions d on d.id = p.def
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`,
};

export async function pruned(db: Database): Promise<readonly PrunedCount[]> {
  return db.query<PrunedCount>(READ, [db.namespace]);
}
