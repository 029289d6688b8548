import type { Reply } from '../contract.ts';
import type { Fork, Operator } from '../operating.ts';
import { newActorRow } from './actor-row.ts';
import { note, type Place } from './audit-trail.ts';
import { setOwnDue } from './database.ts';
import { send } from './mailbox.ts';

export function fork(place: Place, it: Fork, by: Operator): Reply {
  const { tables } = place;
  const now = tables.now();
  const { snapshot, history, seq, attempt, quarantine, mail, origin, ...actor } = it;
  const born = newActorRow({ ...actor, when: { at: now }, start: false, key: null, parent: null }, now, now);
  const row = { ...born, snapshot, history, seq, attempt };
  tables.actors.set(it.id, row);
  send(
    tables,
    mail.map((event) => ({ actor: it.id, event, dedupId: null })),
  );
  if (quarantine === null) setOwnDue(tables, row, now);
  else Object.assign(row, { quarantine, wakeAt: null });
  const after = { fork: it.id, seq: origin.seq, held: quarantine !== null };
  note(place, by, { action: 'fork', target: origin.id, before: null, after });
  return { now };
}
