/**
 * Owns `waits`: who found a line full. Whoever changes what counts in a line admits the next in the same transaction, by a due
 * row; the sweep does the same for what no transaction did. Nothing here touches an actor's own row.
 */
import type { Instant } from '../contract.ts';
import type { LimitKeys, PlaceWait, Upcoming } from '../limits.ts';
import type { Database, Query, Statement } from './database.ts';
import { KEPT_MS } from './places.ts';
import { isUuid } from './uuid.ts';

/** Most that one pass admits to a line from one queue. */
const MOST_ADMITTED = 200;

/**
 * For the first in each line: when is there room? Now, when the oldest start stops to count, or not before a place is given
 * back. All that fit at that instant are made due for it; the others when those have begun. Index waits_in_order, one exact range
 * per queue, so that those of a paused queue are not read over. What was admitted and never came has its due row and no more.
 */
const ADMIT: Statement = {
  name: 'admit',
  text: `with expired as (
    delete from carillon.places p where p.line = any($1::uuid[]) and p.ends_at <= carillon.now()
  ), lapsed as (
    delete from carillon.waits w
    where w.line = any($1::uuid[]) and w.admitted_at <= carillon.now() - $3::float8 * interval '1 millisecond'
  ), waiting as materialized (
    select w.*, case when w.rate then d.rate else d.concurrency end as most,
      row_number() over (partition by w.line order by w.priority, w.due_at, w.actor) as nth
    from unnest($1::uuid[]) as asked(line) join carillon.queues q on q.namespace = $2 and not q.paused, lateral (
      select w.* from carillon.waits w
      where w.line = asked.line and w.queue = q.id
        and (w.admitted_at is null or w.admitted_at > carillon.now() - $3::float8 * interval '1 millisecond')
      order by w.priority, w.due_at, w.actor limit $4
    ) w
    join carillon.definitions d on d.id = w.def
  ), taken as materialized (
    select p.line, count(*) as n from carillon.places p
    where p.line in (select line from waiting) and (p.ends_at is null or p.ends_at > carillon.now()) group by p.line
  ), head as materialized (
    select w.line, case when w.most is null or coalesce(t.n, 0) < w.most then carillon.now() else (
      select p.ends_at from carillon.places p where p.line = w.line and p.ends_at > carillon.now()
      order by p.ends_at offset t.n - w.most limit 1
    ) end as at
    from waiting w left join taken t on t.line = w.line where w.nth = 1
  ), room as materialized (
    select h.line, h.at, (
      select count(*) from carillon.places p where p.line = h.line and (p.ends_at is null or p.ends_at > h.at)
    ) as n
    from head h where h.at is not null
  ), chosen as materialized (
    select w.*, r.at from waiting w join room r on r.line = w.line
    where (w.most is null or r.n + w.nth <= w.most) and (w.admitted_at is null or w.admitted_at > r.at)
  ), marked as (
    update carillon.waits w set admitted_at = c.at from chosen c where w.actor = c.actor
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, lane, case when at <= carillon.now() then due_at else at end, actor, def from chosen
  )
  select queue, (extract(epoch from min(at)) * 1000)::float8 as at, count(*)::int4 as count,
    (extract(epoch from carillon.now()) * 1000)::float8 as now
  from chosen group by queue`,
};

/** Of workers that died or gave back what they held: the fence has moved on. */
export const VACATE: Statement = {
  name: 'vacate',
  text: `with orphan as materialized (
    select p.line, p.actor, p.fence from carillon.places p left join lateral (
      select a.worker, a.fence from carillon.actors a where a.id = p.actor limit 1
    ) a on true
    where p.ends_at is null and (a.worker is null or a.fence <> p.fence)
  ), expired as (
    delete from carillon.places p
    where p.ctid = any(array(select ctid from carillon.places where ends_at <= carillon.now() limit 10000))
  )
  delete from carillon.places p using orphan o
  where p.line = o.line and p.actor = o.actor and p.fence = o.fence
  returning p.line`,
};

/** Index waits_in_order, from line to line: the first row of each is read, and all others are jumped over. */
const LINES: Statement = {
  name: 'lines',
  text: `with recursive line as (
    (select w.line from carillon.waits w where w.line > $1 order by w.line limit 1)
    union all
    select next.line from line, lateral (
      select w.line from carillon.waits w where w.line > line.line order by w.line limit 1
    ) next
  )
  select line from line limit $2`,
};

/** A line that is locked is being looked after. */
const TRY_LOCK: Statement = {
  name: 'try_lines',
  text: `select id as line from (select distinct id from unnest($1::text[]) as id order by 1) asked
  where pg_try_advisory_xact_lock(hashtextextended('carillon.line ' || id, 0))`,
};

const PLACE_WAIT: Statement = {
  name: 'place_wait',
  text: `select w.rate, a.limits, case when w.rate then d.rate else d.concurrency end as "limit",
    w.admitted_at is not null and w.admitted_at <= carillon.now() as admitted, taken.n::int4 as taken,
    case when w.rate and taken.n >= d.rate then (
      select (extract(epoch from p.ends_at) * 1000)::float8 from carillon.places p
      where p.line = w.line and p.ends_at > carillon.now() order by p.ends_at offset greatest(0, taken.n - d.rate) limit 1
    ) end as "nextAt"
  from carillon.waits w join carillon.actors a on a.id = w.actor and a.worker is null
  join carillon.queues q on q.id = w.queue and q.namespace = $2
  join carillon.definitions d on d.id = w.def, lateral (
    select count(*) as n from carillon.places p
    where p.line = w.line and (p.ends_at is null or p.ends_at > carillon.now())
  ) taken
  where w.actor = $1`,
};

interface Admitted extends Upcoming {
  readonly count: number;
  readonly now: Instant;
}

/** For whom there is room in these lines, or will be at a known instant. Under their locks. */
export async function admitNext(
  query: Query,
  namespace: string,
  lines: readonly string[],
): Promise<readonly Admitted[]> {
  return query<Admitted>(ADMIT, [lines, namespace, KEPT_MS, MOST_ADMITTED]);
}

const BEGINNING = '00000000-0000-0000-0000-000000000000';
/** Lines looked at in one pass, and in one transaction. */
const PASS = 500;
const TOGETHER = 50;

export class Admission {
  readonly #db: Database;
  #after = BEGINNING;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Goes on where the last pass ended, and round again. */
  async pass(): Promise<{ readonly processed: number; readonly errors: number; readonly due: readonly Upcoming[] }> {
    const db = this.#db;
    const vacated = await db.repeated(() => db.query<{ line: string }>(VACATE));
    const waiting = await db.query<{ line: string }>(LINES, [this.#after, PASS]);
    this.#after = waiting.length < PASS ? BEGINNING : (waiting.at(-1)?.line ?? BEGINNING);
    const lines = [...new Set([...vacated, ...waiting].map(({ line }) => line))];
    const due: Admitted[] = [];
    for (let start = 0; start < lines.length; start += TOGETHER) {
      const some = lines.slice(start, start + TOGETHER);
      due.push(...(await db.repeated(() => db.transaction((query) => this.#admit(query, some)))));
    }
    const processed = due.reduce((sum, { count }) => sum + count, vacated.length);
    return { processed, errors: 0, due: due.map(({ queue, at }) => ({ queue, at })) };
  }

  async #admit(query: Query, lines: readonly string[]): Promise<readonly Admitted[]> {
    const locked = await query<{ line: string }>(TRY_LOCK, [lines]);
    if (locked.length === 0) return [];
    return admitNext(
      query,
      this.#db.namespace,
      locked.map(({ line }) => line),
    );
  }
}

type WaitRow = Omit<PlaceWait, 'kind' | 'key'> & { readonly rate: boolean; readonly limits: string };

export async function placeWait(db: Database, id: string): Promise<PlaceWait | null> {
  if (!isUuid(id)) return null;
  const [row] = await db.query<WaitRow>(PLACE_WAIT, [id, db.namespace]);
  if (row === undefined) return null;
  const { rate, limits, limit, taken, nextAt, admitted } = row;
  const keys = JSON.parse(limits) as LimitKeys;
  const kind = rate ? 'rate' : 'concurrency';
  return { kind, key: keys[kind]?.key ?? '', limit, taken, nextAt, admitted };
}
