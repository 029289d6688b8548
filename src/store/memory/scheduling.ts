/**
 * Inserts actors and claims their idempotency keys. An id or a key that is taken writes nothing, and the answer says
 * whose it is.
 */
import type { Instant, NewActor, Scheduled, ScheduleReply, Starter } from '../contract.ts';
import { lease, newActorRow } from './actor-row.ts';
import { refusal, setOwnDue, type Tables, writeLease } from './database.ts';

export function schedule(tables: Tables, actors: readonly NewActor[], starter: Starter | null): ScheduleReply {
  const now = tables.now();
  const started: string[] = [];
  const items = actors.map((actor) => {
    const item = insertActor(tables, actor, starter);
    if (item.outcome === 'scheduled' && item.started) started.push(item.id);
    return item;
  });
  if (starter !== null) writeLease(tables, starter.worker, starter.lease, started);
  return { now, items };
}

/** All or none: what would go wrong is looked for first. */
export function scheduleTogether(tables: Tables, actors: readonly NewActor[], starter: Starter | null): ScheduleReply {
  for (const actor of actors) {
    const error = refusal(textsOf(actor));
    if (error !== null) throw error;
  }
  const claims = new Map(tables.claims);
  const conflicts = actors.map((actor) => {
    const answer = claimKey({ ...tables, claims }, actor, tables.now());
    return answer?.outcome === 'conflict' ? answer : null;
  });
  if (conflicts.every((conflict) => conflict === null)) return schedule(tables, actors, starter);
  const items = conflicts.map(
    (conflict, index) => conflict ?? { outcome: 'skipped_in_flight' as const, id: actors[index]?.id ?? '' },
  );
  return { now: tables.now(), items };
}

export function insertActor(tables: Tables, actor: NewActor, starter: Starter | null): Scheduled {
  const now = tables.now();
  const { id } = actor;
  const error = refusal(textsOf(actor));
  if (error !== null) return { outcome: 'refused', id, error };
  if (tables.actors.has(id)) return { outcome: 'skipped_in_flight', id };
  const settled = tables.settled.get(id);
  if (settled !== undefined) return { outcome: 'skipped_idempotent', id, record: settled.end.record };
  const taken = claimKey(tables, actor, now);
  if (taken !== null) return taken;

  const dueAt = dueInstant(actor, now);
  const row = newActorRow(actor, dueAt, now);
  tables.actors.set(id, row);
  const started = starter !== null && canStart(tables, actor, starter, dueAt <= now);
  if (started) lease(row, starter.worker, starter.lease, now);
  else setOwnDue(tables, row, dueAt);
  return { outcome: 'scheduled', id, dueAt, started };
}

/** All free text of a new actor: what a database could refuse. */
export function textsOf(actor: NewActor): readonly (string | null)[] {
  return [actor.name, actor.state, actor.input, actor.role, actor.key?.key ?? null, ...actor.labels];
}

function dueInstant(actor: NewActor, now: Instant): Instant {
  const at = 'at' in actor.when ? actor.when.at : now + actor.when.afterMs;
  return Math.max(now, Math.ceil(at));
}

function canStart(tables: Tables, actor: NewActor, starter: Starter, due: boolean): boolean {
  const paused = tables.queues.get(actor.queue)?.paused ?? false;
  const plain = actor.key === null && actor.limits === null;
  return due && actor.start && plain && !paused && tables.workers.has(starter.worker);
}

function claimKey(tables: Tables, actor: NewActor, now: Instant): Scheduled | null {
  if (actor.key === null) return null;
  const digest = actor.key.digest.toString('hex');
  const fingerprint = actor.key.fingerprint.toString('hex');
  const claim = tables.claims.get(digest);
  const expired = claim?.settled && claim.settled.expiresAt <= now;
  if (claim === undefined || expired) {
    const { retentionMs } = actor.key;
    tables.claims.set(digest, { actor: actor.id, fingerprint, retentionMs, settled: null });
    return null;
  }
  const id = claim.actor;
  if (claim.fingerprint !== fingerprint) return { outcome: 'conflict', id };
  if (claim.settled === null) return { outcome: 'skipped_in_flight', id };
  return { outcome: 'skipped_idempotent', id, record: claim.settled.record };
}
