/**
 * What became of turns whose reply was lost. A fence is raised by whoever takes an actor, so that a row which still shows ours was
 * written by us or by nobody.
 */
import type { TurnWrite } from '../contract.ts';
import { readNow } from './clock.ts';
import type { Database, Statement } from './database.ts';
import type { Accepted } from './turns.ts';

/** Where each actor stands: what a write whose reply was lost has left behind. */
const STANDING: Statement = {
  name: 'standing',
  text: `select id, fence::float8 as fence, seq::float8 as seq, worker, false as settled
  from carillon.actors where id = any($1::uuid[])
  union all
  select id, fence::float8, seq::float8, null, true from carillon.settled where id = any($1::uuid[])`,
};

interface Standing {
  readonly id: string;
  readonly fence: number;
  readonly seq: number;
  readonly worker: string | null;
  readonly settled: boolean;
}

/** Where our own fence still stands, only we can have written. What was moved on by others is answered as missed. */
export async function foundOf(db: Database, writes: readonly TurnWrite[]): Promise<Accepted | undefined> {
  const rows = await db.query<Standing>(STANDING, [writes.map(({ id }) => id)]);
  const standing = new Map(rows.map((row) => [row.id, row]));
  const now = await readNow(db.ask);
  const found = writes.filter((write) => {
    const row = standing.get(write.id);
    return row !== undefined && isWritten(write, row);
  });
  if (found.length === 0) return undefined;
  return { ids: found.map(({ id }) => id), queues: found.map(({ queue }) => queue), now };
}

function isWritten({ fence, seq, next }: TurnWrite, row: Standing): boolean {
  if (row.fence !== fence || row.settled !== (next.kind === 'settled')) return false;
  if (next.kind === 'settled' || next.seq !== seq) return row.seq === next.seq;
  // A turn without an event: to be seen only by the letting go. One that keeps the actor may be written twice.
  return !next.hold && row.worker === null;
}
