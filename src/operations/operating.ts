/** Carries out what operators ask, in their name. */

import { ActorNotFoundError, IdempotencyConflictError, InvalidStateError } from '../errors.ts';
import { KEY_RETENTION_MS, keyDigest } from '../idempotency-key.ts';
import { name, text } from '../option-checks.ts';
import { isActorId } from '../scheduler/actor-id.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { Operator, Retried, RetryReply, RetryTerms, Selection } from '../store/operating.ts';
import { resolveAudit, resolveReconcile, resolveRetryFailed } from './operation-options.ts';
import type {
  AuditAction,
  AuditOptions,
  AuditRecord,
  DutyResult,
  FailedSelector,
  Operations,
  PrunedRuns,
  PruneResult,
  ReconcileFilter,
  RetryFailedOptions,
  RetryFailedResult,
} from './operations.ts';

const keyText = text(512);
const reasonText = text(1024);
/** Ids that a preview shows. */
const SAMPLE = 20;

const ONE = { name: null, queue: null, error: null, since: null, until: null, limit: 1 } as const;

export class Operating implements Operations {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async pauseQueue(queue: string): Promise<void> {
    const { store, queues } = this.#runtime;
    await queues.register(name(queue, 'queue'));
    await store.setPaused(queue, true, this.#by());
  }

  async resumeQueue(queue: string): Promise<void> {
    const { store, queues, clock } = this.#runtime;
    const number = await queues.register(name(queue, 'queue'));
    await store.setPaused(queue, false, this.#by());
    this.#runtime.announceDue(number, clock.now());
  }

  async retry(id: string): Promise<void> {
    const found = isActorId(id) ? await this.#runtime.store.find(id) : null;
    if (!found) throw new ActorNotFoundError(id);
    const { items } = await this.#retry({ ...ONE, ids: [id] }, { action: 'retry', atomic: false });
    const [item] = items;
    if (item?.outcome === 'retried') return;
    if (item?.outcome === 'conflict') throw conflictOf(item);
    throw new InvalidStateError(id, await this.#whyNot(id, item !== undefined));
  }

  async retryFailed(selector: FailedSelector, options?: RetryFailedOptions): Promise<RetryFailedResult> {
    const { selection, preview, atomic } = resolveRetryFailed(selector, options);
    if (preview) {
      const { matched, ids } = await this.#runtime.store.failed(selection, SAMPLE);
      return { ids: [...ids], matched, retried: 0, raced: 0, conflicts: [], ...(await this.#pruned(selection)) };
    }
    const { items } = await this.#retry(selection, { action: 'retryFailed', atomic });
    const ids = items.filter(({ outcome }) => outcome === 'retried').map(({ id }) => id);
    return {
      ids,
      matched: items.length,
      retried: ids.length,
      raced: items.filter(({ outcome }) => outcome === 'raced').length,
      conflicts: items.flatMap((item) =>
        item.outcome === 'conflict' ? [{ id: item.id, key: item.key, heldBy: item.heldBy }] : [],
      ),
      ...(await this.#pruned(selection)),
    };
  }

  async reconcile(filter?: ReconcileFilter): Promise<DutyResult> {
    return this.#runtime.recover(resolveReconcile(filter, this.#runtime.options.namespace));
  }

  async prune(): Promise<PruneResult> {
    const { done, dropped, carried, blocked } = await this.#runtime.store.prune(this.#by());
    return { done, dropped, carried, blocked };
  }

  async releaseKey(key: string, reason: string): Promise<boolean> {
    const digest = keyDigest(this.#runtime.options.namespace, keyText(key, 'key'));
    return this.#runtime.store.releaseKey(digest, key, this.#by(reasonText(reason, 'reason')));
  }

  async audit(options?: AuditOptions): Promise<{ items: AuditRecord[]; cursor?: string }> {
    const { items, cursor } = await this.#runtime.store.auditTrail(resolveAudit(options));
    const records = items.map(({ at, action, reason, before, ...entry }) => ({
      ...entry,
      before: withState(before),
      at: new Date(at),
      action: action as AuditAction,
      ...(reason !== null && { reason }),
    }));
    return { items: records, ...(cursor !== undefined && { cursor }) };
  }

  async pruned(): Promise<PrunedRuns[]> {
    const counts = await this.#runtime.store.pruned();
    return counts.map(({ outcome, reason, code, ...count }) => ({
      ...count,
      status: outcome,
      ...(reason !== null && { reason }),
      ...(code !== null && { code }),
    }));
  }

  async #retry(selection: Selection, terms: Omit<RetryTerms, 'keyRetentionMs'>): Promise<RetryReply> {
    const { store, clock } = this.#runtime;
    const reply = await store.retry(selection, { ...terms, keyRetentionMs: KEY_RETENTION_MS }, this.#by());
    clock.observe(reply.now);
    const queues = reply.items.flatMap((item) => (item.outcome === 'retried' ? [item.queue] : []));
    for (const queue of new Set(queues)) this.#runtime.announceDue(queue, reply.now);
    return reply;
  }

  /** What is gone can only be counted whole: a condition makes the number of those that would have fitted unknown. */
  async #pruned({ ids, name, queue, error, since, until }: Selection): Promise<{ pruned?: number }> {
    if (ids) return {};
    const counts = await this.#runtime.store.pruned();
    const failed = counts.filter(
      (count) =>
        (count.outcome === 'failed_dropped' || count.outcome === 'expired') &&
        (name === null || count.name === name) &&
        (queue === null || count.queue === queue),
    );
    const pruned = failed.reduce((sum, { count }) => sum + count, 0);
    const known = pruned === 0 || (error === null && since === null && until === null);
    return known ? { pruned } : {};
  }

  async #whyNot(id: string, raced: boolean): Promise<string> {
    const now = await this.#runtime.store.find(id);
    if (!now) throw new ActorNotFoundError(id);
    if (now.status !== 'dropped') return `it is '${now.status}', and only a dropped run begins again.`;
    if (raced) return 'somebody else has hold of it just now. Try again.';
    return `'${now.name}' is a cron or a flow: its children begin again, or it is scheduled anew.`;
  }

  #by(reason?: string): Operator {
    return { who: this.#runtime.options.operator, ...(reason !== undefined && { reason }) };
  }
}

/** A state is stored as the text of its JSON. */
function withState(before: unknown): unknown {
  const { state } = (before ?? {}) as { readonly state?: unknown };
  return typeof state === 'string' ? { ...(before as object), state: JSON.parse(state) as unknown } : before;
}

function conflictOf({ id, key, heldBy }: Retried & { readonly outcome: 'conflict' }): IdempotencyConflictError {
  const detail = `which came after ${id} was dropped. Release the key, or leave it dropped.`;
  return new IdempotencyConflictError(key, heldBy ?? id, detail);
}
