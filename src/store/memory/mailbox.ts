/**
 * Delivers mail: one entry in the receiver's mailbox and a due row. It never touches the receiver's own row, so that a
 * turn under way learns of it only through a claim (`pokes`), as in Postgres.
 */
import type { Mail, NewMail, SendReply, Sent } from '../contract.ts';
import { addDueNow, type Tables } from './database.ts';

const MAX_MAIL_PER_TURN = 1_000;

export function send(tables: Tables, mail: readonly NewMail[]): SendReply {
  const queues = new Set<number>();
  const items = mail.map((one) => deliver(tables, one, queues));
  return { now: tables.now(), items, queues: [...queues] };
}

/** Adds the receiver's queue to `queues` when it now has something due. */
export function deliver(tables: Tables, mail: NewMail, queues: Set<number>): Sent {
  const row = tables.actors.get(mail.actor);
  if (row === undefined) return tables.settled.has(mail.actor) ? 'settled' : 'unknown';
  const mailbox = tables.mailboxes.get(row.id) ?? { mail: [], seen: new Set<string>() };
  tables.mailboxes.set(row.id, mailbox);
  if (mail.dedupId !== null) {
    if (mailbox.seen.has(mail.dedupId)) return 'duplicate';
    mailbox.seen.add(mail.dedupId);
  }
  mailbox.mail.push({ id: String(tables.nextMailId), event: mail.event, at: tables.now() });
  tables.nextMailId += 1;
  if (row.quarantine === null && row.parked === null) {
    addDueNow(tables, row);
    queues.add(row.queue);
  }
  return 'stored';
}

/** What one turn may see, and whether that leaves some. */
export function readMail(tables: Tables, actor: string): { readonly mail: readonly Mail[]; readonly left: boolean } {
  const all = tables.mailboxes.get(actor)?.mail ?? [];
  return { mail: all.slice(0, MAX_MAIL_PER_TURN), left: all.length > MAX_MAIL_PER_TURN };
}

/** By exact id, never a range: a mail that arrived meanwhile must stay. */
export function consume(tables: Tables, actor: string, ids: readonly string[]): void {
  const mailbox = tables.mailboxes.get(actor);
  if (mailbox === undefined || ids.length === 0) return;
  const consumed = new Set(ids);
  const left = mailbox.mail.filter((mail) => !consumed.has(mail.id));
  mailbox.mail.splice(0, mailbox.mail.length, ...left);
}
