/** Which dropped runs an operator means. Filters are part of the query, so that a limit counts only what fits. */
import type { Selection } from '../operating.ts';
import type { Database, Statement } from './database.ts';
import { isUuid } from './uuid.ts';

/** Kinds that begin again from their stored input. */
const KINDS = ['job', 'actor', 'followup', 'flow'];

/** Of the error in a record, which is JSON: what follows is the JSON text of that part, without its quotes. */
export const ERROR_CODE = `substring(s.record from '"code":"((?:[^"\\\\]|\\\\.)*)"')`;
const ERROR_NAME = `substring(s.record from '"name":"((?:[^"\\\\]|\\\\.)*)"')`;
const ERROR_MESSAGE = `substring(s.record from '"message":"((?:[^"\\\\]|\\\\.)*)"')`;

/**
 * Index settled_dropped, a range for each definition. Begins with the CTE `fitting`: ids and days, in the order of ids, from
 * $9 on and at most $10. To be planned with its values, so that what is not asked for costs nothing.
 */
export const FITTING = `fitting as materialized (
    select s.id, s.keep_until from carillon.settled s
    where s.status = 'dropped'
      and s.def in (select d.id from carillon.definitions d
        where d.namespace = $1 and d.kind = any($2::text[]) and ($4::text is null or d.name = $4))
      and s.queue in (select q.id from carillon.queues q where q.namespace = $1 and ($5::text is null or q.name = $5))
      and ($3::uuid[] is null and s.outcome <> 'cancelled' or s.id = any($3))
      and ($6::text is null or ${ERROR_NAME} = $6 or ${ERROR_CODE} = $6
        or position(lower($6) in lower(${ERROR_MESSAGE})) > 0)
      and ($7::float8 is null or s.settled_at >= to_timestamp($7 / 1000.0))
      and ($8::float8 is null or s.settled_at < to_timestamp($8 / 1000.0))
      and ($9::uuid is null or s.id > $9)
    order by s.id limit $10
  )`;

const COUNT: Statement = {
  name: null,
  text: `with ${FITTING}
  select count(*)::float8 as matched, (array_agg(id order by id))[1:$11::int4] as ids from fitting`,
};

/** The first ten parameters. */
export function fittingValues(db: Database, selection: Selection, after: string | null, limit: number): unknown[] {
  const { ids, name, queue, error, since, until } = selection;
  // As it stands in JSON text, where quotes and line breaks are escaped.
  const errorText = error === null ? null : JSON.stringify(error).slice(1, -1);
  return [db.namespace, KINDS, ids?.filter(isUuid) ?? null, name, queue, errorText, since, until, after, limit];
}

export async function failed(
  db: Database,
  selection: Selection,
  sample: number,
): Promise<{ readonly matched: number; readonly ids: readonly string[] }> {
  const values = [...fittingValues(db, selection, null, selection.limit), sample];
  const [found] = await db.query<{ matched: number; ids: readonly string[] | null }>(COUNT, values);
  return { matched: found?.matched ?? 0, ids: found?.ids ?? [] };
}
