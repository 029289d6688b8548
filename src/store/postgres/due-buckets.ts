/** Which stretches of time have something due: for alarms, one per stretch however many rows it has. */
import type { Instant } from '../contract.ts';
import type { Database, Statement } from './database.ts';

/** Index due_in_order, from bucket to bucket: the first row of each is read, and all others are jumped over. */
const BUCKETS: Statement = {
  name: 'due_buckets',
  text: `with recursive lane as (
    select q.id as queue, level.priority::int2 as priority
    from carillon.queues q, generate_series(0, 10) as level(priority) where q.namespace = $1 and not q.paused
  ), bucket as (
    select l.queue, l.priority, head.at from lane l, lateral (
      select floor(extract(epoch from d.due_at) * 1000 / $3::float8) * $3::float8 as at from carillon.due d
      where d.queue = l.queue and d.priority = l.priority and d.due_at > carillon.now()
        and d.due_at <= carillon.now() + $2::float8 * interval '1 millisecond'
      order by d.due_at limit 1
    ) head
    union all
    select b.queue, b.priority, head.at from bucket b, lateral (
      select floor(extract(epoch from d.due_at) * 1000 / $3::float8) * $3::float8 as at from carillon.due d
      where d.queue = b.queue and d.priority = b.priority and d.due_at >= to_timestamp((b.at + $3::float8) / 1000)
        and d.due_at <= carillon.now() + $2::float8 * interval '1 millisecond'
      order by d.due_at limit 1
    ) head
  )
  select distinct queue, at from bucket order by at, queue limit $4`,
};

export async function dueBuckets(
  db: Database,
  horizonMs: number,
  bucketMs: number,
  limit: number,
): Promise<readonly { readonly queue: number; readonly at: Instant }[]> {
  return db.query(BUCKETS, [db.namespace, horizonMs, bucketMs, limit]);
}
