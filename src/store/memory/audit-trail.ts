/** The `audit` of the in-memory store, and the orders that write to it. */
import type { Env } from '../../env.ts';
import type { SendReply } from '../contract.ts';
import type { AuditEntry, AuditFilter, Operator, Order } from '../operating.ts';
import type { Tables } from './database.ts';
import { send } from './mailbox.ts';

/** On which database, from which process. */
export interface Place {
  readonly tables: Tables;
  readonly env: Env;
  readonly namespace: string;
}

type Deed = Pick<AuditEntry, 'action' | 'target' | 'before' | 'after'>;

export function note({ tables, env, namespace }: Place, by: Operator | null | undefined, deed: Deed): void {
  if (!by) return;
  const reason = by.reason ?? null;
  tables.audit.push({ id: env.uuid(), at: tables.now(), namespace, who: by.who, reason, ...deed });
}

export function order(place: Place, orders: readonly Order[]): SendReply {
  const { tables } = place;
  const before = orders
    .map(({ actor }) => tables.actors.get(actor))
    .map((row) => row && { state: row.state, worker: row.worker });
  const reply = send(tables, orders);
  orders.forEach(({ by, action, actor, after }, index) => {
    if (reply.items[index] === 'stored') note(place, by, { action, target: actor, before: before[index], after });
  });
  return reply;
}

export function auditTrail(
  { tables, namespace }: Place,
  { who, action, target, since, until, limit, cursor }: AuditFilter,
): { readonly items: readonly AuditEntry[]; readonly cursor?: string } {
  const newestFirst = tables.audit.toReversed();
  const rest = newestFirst.slice(newestFirst.findIndex(({ id }) => id === cursor) + 1);
  const fitting = rest.filter(
    (entry) =>
      entry.namespace === namespace &&
      (who === null || entry.who === who) &&
      (action === null || entry.action === action) &&
      (target === null || isAbout(entry, target)) &&
      (since === null || entry.at >= since) &&
      (until === null || entry.at < until),
  );
  const items = fitting.slice(0, limit);
  const last = items.at(-1);
  return fitting.length > items.length && last !== undefined ? { items, cursor: last.id } : { items };
}

function isAbout({ action, target, before }: AuditEntry, asked: string): boolean {
  return target === asked || (action === 'retryFailed' && Object.hasOwn(before as object, asked));
}
