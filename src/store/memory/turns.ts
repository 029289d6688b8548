/**
 * Commits turns: each write is a compare-and-set on worker, fence, seq and pokes, and either all of it happens (state,
 * mail consumed, sends, births, settling) or nothing.
 */
import type { CommitReply, Continued, LeaseChanges, Reloaded, ReloadReply, Settled, TurnWrite } from '../contract.ts';
import type { Upcoming } from '../limits.ts';
import type { ActorRow } from './actor-row.ts';
import { addDueNow, refusal, setOwnDue, type Tables } from './database.ts';
import { admitTo, letWait, linesOf, movePlaces, refusedPlaces } from './limits.ts';
import { consume, deliver, readMail } from './mailbox.ts';
import { insertActor, textsOf } from './scheduling.ts';

export function commit(
  tables: Tables,
  worker: string,
  writes: readonly TurnWrite[],
  leases: LeaseChanges,
): CommitReply {
  const committed = new Set<string>();
  const refused = new Map<string, Error>();
  const queues = new Set<number>();
  const waiting = new Set<string>();
  const full = refusedPlaces(tables, worker, writes);
  for (const write of writes) {
    const row = tables.actors.get(write.id);
    if (row === undefined || !matches(tables, row, worker, write)) continue;
    const line = full.get(write.id);
    if (line !== undefined) {
      letWait(tables, row, write, line);
      waiting.add(write.id);
      continue;
    }
    const error = refusal(textsOfWrite(write));
    if (error !== null) {
      refused.set(write.id, error);
      continue;
    }
    apply(tables, row, write, queues);
    committed.add(write.id);
  }
  changeLeases(tables, worker, leases);
  const later: Upcoming[] = [];
  const admitted = admitTo(
    tables,
    writes.flatMap(({ place }) => linesOf(place)),
  );
  for (const upcoming of admitted) {
    if (upcoming.at <= tables.now()) queues.add(upcoming.queue);
    else later.push(upcoming);
  }
  return { now: tables.now(), committed, refused, waiting, queues: [...queues], later };
}

function matches(tables: Tables, row: ActorRow, worker: string, write: TurnWrite): boolean {
  return (
    row.worker === worker &&
    row.fence === write.fence &&
    row.seq === write.seq &&
    (write.pokes === null || row.pokes === write.pokes) &&
    (write.notBefore === null || write.notBefore <= tables.now())
  );
}

function apply(tables: Tables, row: ActorRow, write: TurnWrite, queues: Set<number>): void {
  const { next } = write;
  row.def = write.def;
  row.version = tables.kinds.get(write.def)?.version ?? row.version;
  row.state = next.state;
  row.snapshot = next.snapshot;
  row.history = next.history;
  row.seq = next.seq;
  row.attempt = next.attempt;
  if (next.segment !== null) {
    row.spilled = true;
    const { keep, ...segment } = next.segment;
    const segments = [...(tables.segments.get(row.id) ?? []), segment];
    tables.segments.set(row.id, keep === null ? segments : segments.slice(-keep));
  }
  consume(tables, row.id, write.mail);
  // Only the row this turn knew as its own: mail due at the same instant has a row that must stay.
  if (row.ownDue !== null && row.ownDue.at === write.dueRowAt) tables.due.remove(row.ownDue);
  row.ownDue = null;
  row.wakeAt = null;
  if (next.kind === 'continued') goOn(tables, row, next, queues);
  else settle(tables, row, next);
  movePlaces(tables, row, write);
  for (const mail of write.sends) deliver(tables, mail, queues);
  for (const actor of write.spawns) {
    const born = insertActor(tables, actor, null);
    if (born.outcome === 'scheduled' && born.dueAt <= tables.now()) queues.add(actor.queue);
  }
}

function goOn(tables: Tables, row: ActorRow, next: Continued, queues: Set<number>): void {
  const now = tables.now();
  row.strikes = next.strikes;
  row.quarantine = next.quarantine;
  if (!next.hold || next.quarantine !== null) {
    row.worker = null;
    row.claimedAt = null;
  }
  if (next.wakeAt === null || next.quarantine !== null) return;
  const at = next.wakeAt === 'now' ? now : Math.max(now, Math.ceil(next.wakeAt));
  setOwnDue(tables, row, at);
  if (at <= now) queues.add(row.queue);
}

function settle(tables: Tables, row: ActorRow, end: Settled): void {
  const now = tables.now();
  row.worker = null;
  row.claimedAt = null;
  const undelivered = tables.mailboxes.get(row.id)?.mail.length ?? 0;
  tables.actors.delete(row.id);
  tables.mailboxes.delete(row.id);
  tables.settled.set(row.id, { row, end, settledAt: now, undelivered });
  if (row.keyDigest === null) return;
  const claim = tables.claims.get(row.keyDigest);
  if (claim?.actor !== row.id) return;
  if (end.freesKey) tables.claims.delete(row.keyDigest);
  else claim.settled = { record: end.record, expiresAt: now + claim.retentionMs };
}

/** Leases go by what the worker says, so that its bookkeeping errors show up in the audit. */
function changeLeases(tables: Tables, worker: string, { emptied, rewritten }: LeaseChanges): void {
  const mine = tables.leases.get(worker);
  if (mine === undefined) return;
  for (const { lease, actors } of rewritten) if (mine.has(lease)) mine.set(lease, actors);
  for (const lease of emptied) mine.delete(lease);
}

function textsOfWrite({ next, sends, spawns }: TurnWrite): readonly (string | null | undefined)[] {
  const ending = next.kind === 'settled' ? [next.reason, next.record] : [next.quarantine];
  return [
    ...ending,
    next.state,
    next.snapshot,
    next.history,
    next.segment?.base,
    next.segment?.entries,
    ...sends.flatMap((mail) => [mail.event, mail.dedupId]),
    ...spawns.flatMap(textsOf),
  ];
}

export function reload(
  tables: Tables,
  worker: string,
  asked: readonly { readonly id: string; readonly fence: number }[],
): ReloadReply {
  const held: Reloaded[] = [];
  for (const { id, fence } of asked) {
    const row = tables.actors.get(id);
    if (row?.worker !== worker || row.fence !== fence) continue;
    const { mail, left } = readMail(tables, id);
    if (left && !tables.due.hasDue(id, tables.now())) addDueNow(tables, row);
    held.push({ id, seq: row.seq, pokes: row.pokes, dueRowAt: row.ownDue?.at ?? null, mail });
  }
  return { now: tables.now(), held };
}
