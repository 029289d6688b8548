/**
 * The birth of one actor without a key. To begin a statement over lists takes a third of a millisecond more, and that is what a
 * caller waits for who schedules one by one.
 */
import type { NewActor, Starter } from '../contract.ts';
import { type Births, birth } from './birth.ts';
import type { Query } from './database.ts';
import type { Notice } from './wake.ts';

/** Fails where the id is taken. */
const INSERT_ONE = birth('schedule_one', {
  items: `select ($3::uuid[])[1] as id, $4::int4 as def, $5::int4 as queue, $6::int2 as priority, $7::text as state,
          $8::text[] as labels, $9::text as input, $12::bool as start, $13::uuid as parent, $14::text as role,
          null::text as key, null::bytea as key_digest, $15::text as limits, clock.now,
          greatest(clock.now, to_timestamp($10::float8 / 1000.0), clock.now + $11::float8 * interval '1 millisecond') as due_at
        from (select carillon.now() as now offset 0) clock`,
  notice: ['$16', '$17'],
});

export async function insertOne(
  query: Query,
  { id, def, queue, priority, labels, state, input, parent, role, limits, when, start }: NewActor,
  starter: Starter | null,
  notice: Notice | null,
): Promise<Births | undefined> {
  const [births] = await query<Births>(INSERT_ONE, [
    starter?.worker ?? null,
    starter?.lease ?? null,
    [id],
    def,
    queue,
    priority,
    state,
    labels.length === 0 ? null : labels,
    input,
    'at' in when ? Math.ceil(when.at) : null,
    'at' in when ? null : Math.ceil(when.afterMs),
    starter !== null && start && limits === null,
    parent,
    role,
    limits && JSON.stringify(limits),
    notice?.channel ?? null,
    notice?.payload ?? null,
  ]);
  return births;
}
