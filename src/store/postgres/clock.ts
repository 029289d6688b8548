/** What the store's clock reads: the only one that decides whether something is due. */
import type { Instant } from '../contract.ts';
import type { Query, Statement } from './database.ts';

const NOW: Statement = { name: 'now', text: `select (extract(epoch from carillon.now()) * 1000)::float8 as now` };

export async function readNow(query: Query): Promise<Instant> {
  const [row] = await query<{ now: Instant }>(NOW, []);
  if (row === undefined) throw new Error('The database did not say what time it is.');
  return row.now;
}
