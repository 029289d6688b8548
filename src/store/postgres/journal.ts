/** Owns `journal`: history that outgrew its actor's row, in segments that survive the settling. */
import type { TurnWrite } from '../contract.ts';
import type { JournalSegment } from '../journal-segment.ts';
import type { Query, Statement } from './database.ts';
import { isUuid } from './uuid.ts';

const SPILL: Statement = {
  name: 'spill',
  text: `insert into carillon.journal (actor, from_seq, base, entries)
  select s.actor, s.from_seq, s.base, s.entries
  from unnest($1::uuid[], $2::int8[], $3::text[], $4::text[]) as s(actor, from_seq, base, entries)`,
};

/** After the insert, in its transaction: the new segments count. */
const FORGET: Statement = {
  name: 'forget_segments',
  text: `delete from carillon.journal j
  using (
    select k.actor, oldest.from_seq
    from unnest($1::uuid[], $2::int4[]) as k(actor, keep), lateral (
      select o.from_seq from carillon.journal o where o.actor = k.actor
      order by o.from_seq desc offset k.keep - 1 limit 1
    ) oldest
  ) kept
  where j.actor = kept.actor and j.from_seq < kept.from_seq`,
};

const READ: Statement = {
  name: 'read_journal',
  text: `select from_seq::float8 as "fromSeq", base, entries from carillon.journal where actor = $1 order by from_seq`,
};

export async function spill(query: Query, writes: readonly TurnWrite[]): Promise<void> {
  const segments = writes.flatMap(({ id, next }) => (next.segment === null ? [] : [{ id, ...next.segment }]));
  if (segments.length === 0) return;
  await query(SPILL, [
    segments.map((s) => s.id),
    segments.map((s) => s.fromSeq),
    segments.map((s) => s.base),
    segments.map((s) => s.entries),
  ]);
  const bounded = segments.filter(({ keep }) => keep !== null);
  if (bounded.length > 0) await query(FORGET, [bounded.map((s) => s.id), bounded.map((s) => s.keep)]);
}

export async function readJournal(query: Query, id: string): Promise<readonly JournalSegment[]> {
  return isUuid(id) ? query<JournalSegment>(READ, [id]) : [];
}
