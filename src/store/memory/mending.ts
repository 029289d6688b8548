/** Recovers what dead workers hold and what nothing will look at, actor by actor. */
import type { RecoverFilter, RecoverReply } from '../operating.ts';
import type { ActorRow } from './actor-row.ts';
import { addDueNow, type Tables } from './database.ts';
import { audit } from './reading.ts';
import { free } from './workers.ts';

export function mend(tables: Tables): RecoverReply {
  return recoverAll(
    tables,
    audit(tables, Number.POSITIVE_INFINITY).flatMap(({ actor }) => tables.actors.get(actor) ?? []),
  );
}

export function recover(tables: Tables, { namespace, label, limit }: RecoverFilter): RecoverReply {
  const fits = (row: ActorRow): boolean =>
    tables.queues.get(row.queue)?.namespace === namespace && (label === null || row.labels.includes(label));
  const dead = [...tables.actors.values()].filter((row) => row.worker !== null && !tables.workers.has(row.worker));
  const stray = audit(tables, Number.POSITIVE_INFINITY).flatMap(({ actor }) => tables.actors.get(actor) ?? []);
  return recoverAll(tables, [...new Set([...dead, ...stray])].filter(fits).slice(0, limit));
}

function recoverAll(tables: Tables, rows: readonly ActorRow[]): RecoverReply {
  for (const row of rows) {
    if (row.worker === null) addDueNow(tables, row);
    else if (!tables.workers.has(row.worker)) free(tables, row);
  }
  return { processed: rows.length, errors: 0, queues: [...new Set(rows.map(({ queue }) => queue))] };
}
