/** One actor in the place of those that wait under the same label. */
import type { Instant, NewActor } from '../contract.ts';
import type { Replaced, Replacement } from '../replacement.ts';
import type { ActorRow } from './actor-row.ts';
import type { Tables } from './database.ts';
import { deliver } from './mailbox.ts';
import { insertActor } from './scheduling.ts';

export function replace(tables: Tables, actor: NewActor, { label, letter }: Replacement): Replaced {
  const now = tables.now();
  const namespace = tables.queues.get(actor.queue)?.namespace;
  const pending = [...tables.actors.values()].filter(
    (row) =>
      row.labels.includes(label) &&
      row.name === actor.name &&
      tables.queues.get(row.queue)?.namespace === namespace &&
      isPending(row, now) &&
      !tables.mailboxes.get(row.id)?.mail.some(({ event }) => event === letter),
  );
  const item = insertActor(tables, actor, null);
  if (item.outcome !== 'scheduled') return { now, item, replaced: [], queues: [] };
  const queues = new Set<number>();
  for (const row of pending) {
    row.fence += 1;
    deliver(tables, { actor: row.id, event: letter, dedupId: null }, queues);
  }
  const newestFirst = pending.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  return { now, item, replaced: newestFirst.map(({ id }) => id), queues: [...queues] };
}

/** What was held before and is due may have been tried by a worker that gave it back unwritten. */
function isPending({ worker, attempt, strikes, quarantine, fence, wakeAt }: ActorRow, now: Instant): boolean {
  const untried = worker === null && attempt === 0 && strikes === 0 && quarantine === null;
  return untried && (fence === 0 || (wakeAt ?? 0) > now);
}
