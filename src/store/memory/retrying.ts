/** Dropped runs that begin again: back from `settled` among the active, with their key claimed anew. */
import { fingerprintOf } from '../../idempotency-key.ts';
import type { Operator, Retried, RetryReply, RetryTerms, Selection } from '../operating.ts';
import { retriedRow, type SettledRow } from './actor-row.ts';
import { note, type Place } from './audit-trail.ts';
import { setOwnDue } from './database.ts';

const KINDS = new Set(['job', 'actor', 'followup', 'flow']);

export function failed(
  place: Place,
  selection: Selection,
  sample: number,
): { matched: number; ids: readonly string[] } {
  const ids = fitting(place, selection).map(({ row }) => row.id);
  return { matched: ids.length, ids: ids.slice(0, sample) };
}

export function retry(
  place: Place,
  selection: Selection,
  { action, atomic, keyRetentionMs }: RetryTerms,
  by: Operator,
): RetryReply {
  const { tables } = place;
  const found = fitting(place, selection);
  const conflicts = new Map<string, Retried>();
  const heirs = new Map<string, SettledRow>();
  for (const each of found) {
    const { id, key, keyDigest } = each.row;
    if (keyDigest === null) continue;
    const claim = tables.claims.get(keyDigest);
    const free =
      claim === undefined || claim.actor === id || (claim.settled && claim.settled.expiresAt <= tables.now());
    const heir = heirs.get(keyDigest);
    const conflict = (loser: string, heldBy: string): void =>
      void conflicts.set(loser, { id: loser, outcome: 'conflict', key: key ?? '', heldBy });
    if (!free) conflict(id, claim.actor);
    else if (heir === undefined) heirs.set(keyDigest, each);
    else {
      const [winner, loser] = heir.settledAt >= each.settledAt ? [heir, each] : [each, heir];
      heirs.set(keyDigest, winner);
      conflict(loser.row.id, winner.row.id);
    }
  }
  const withheld = atomic && conflicts.size > 0;
  const items = found.map(({ row }): Retried => {
    const conflict = conflicts.get(row.id);
    if (conflict) return conflict;
    return withheld ? { id: row.id, outcome: 'withheld' } : { id: row.id, outcome: 'retried', queue: row.queue };
  });
  if (withheld || found.length === 0) return { now: tables.now(), items };
  const target = selection.ids?.[0] ?? selection.name ?? selection.queue ?? '';
  const before = Object.fromEntries(found.map(({ row, end }) => [row.id, end.outcome]));
  note(place, by, { action, target, before, after: { retried: items.length - conflicts.size } });
  for (const settled of found) if (!conflicts.has(settled.row.id)) beginAgain(place, settled, keyRetentionMs);
  return { now: tables.now(), items };
}

function beginAgain({ tables }: Place, { row }: SettledRow, retentionMs: number): void {
  tables.settled.delete(row.id);
  if (row.keyDigest !== null) {
    const fingerprint = fingerprintOf(row.name, row.input).toString('hex');
    tables.claims.set(row.keyDigest, { actor: row.id, fingerprint, retentionMs, settled: null });
  }
  const state = tables.kinds.get(row.def)?.kind === 'actor' ? null : '"scheduled"';
  const again = retriedRow(row, state);
  tables.actors.set(row.id, again);
  setOwnDue(tables, again, tables.now());
}

function fitting({ tables, namespace }: Place, selection: Selection): readonly SettledRow[] {
  const { ids, name, queue, error, since, until, limit } = selection;
  const fits = ({ row, end, settledAt }: SettledRow): boolean => {
    const definition = tables.kinds.get(row.def);
    const place = tables.queues.get(row.queue);
    return (
      end.status === 'dropped' &&
      place?.namespace === namespace &&
      KINDS.has(definition?.kind ?? '') &&
      (ids === null ? end.outcome !== 'cancelled' : ids.includes(row.id)) &&
      (name === null || row.name === name) &&
      (queue === null || place.name === queue) &&
      (error === null || isAbout(end.record, error)) &&
      (since === null || settledAt >= since) &&
      (until === null || settledAt < until)
    );
  };
  return [...tables.settled.values()]
    .filter(fits)
    .sort((a, b) => (a.row.id < b.row.id ? -1 : 1))
    .slice(0, limit);
}

function isAbout(record: string, error: string): boolean {
  const asked = JSON.stringify(error).slice(1, -1);
  const part = (name: string): string => new RegExp(`"${name}":"((?:[^"\\\\]|\\\\.)*)"`).exec(record)?.[1] ?? '';
  return (
    part('name') === asked || part('code') === asked || part('message').toLowerCase().includes(asked.toLowerCase())
  );
}
