/**
 * What a worker believes that it holds, compared with what the store says. An answer that comes after it has gone on under another
 * identity is nobody's.
 */
import type { Store } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';
import type { Claims } from './claims.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Held } from './held.ts';
import type { Leases } from './leases.ts';
import type { Roster } from './roster.ts';

/** Who believes it. */
interface Believer {
  id(): string;
  working(): boolean;
  leases(): Leases;
  /** Places kept for what is being inserted as already held. */
  reserved(): number;
  wake(): void;
  failed(error: unknown): void;
}

interface Reconciled {
  readonly store: Store;
  readonly clock: StoreClock;
  readonly roster: Roster;
  readonly commits: CommitQueue;
  readonly claims: Claims;
}

export class Reconciliation {
  readonly #between: Reconciled;
  readonly #worker: Believer;

  constructor(between: Reconciled, worker: Believer) {
    this.#between = between;
    this.#worker = worker;
  }

  /** Mail may have come for actors held here. One the store no longer knows as ours is lost. */
  async look(ids: readonly string[]): Promise<void> {
    const { store, clock, roster } = this.#between;
    const held = roster.among(ids);
    if (held.length === 0) return;
    const worker = this.#worker.id();
    const asked = held.map(({ id, fence }) => ({ id, fence }));
    const reply = await store.reload(worker, asked);
    clock.observe(reply.now);
    if (worker !== this.#worker.id()) return;
    const known = new Map(reply.held.map((reloaded) => [reloaded.id, reloaded]));
    for (const actor of held) {
      const reloaded = known.get(actor.id);
      if (reloaded) actor.letters(reloaded);
      else actor.doubt();
    }
  }

  /** Gives back what the store says is held here and was never heard of: a claim whose answer was lost. */
  async reconcile(): Promise<number> {
    const { store, roster, commits, claims } = this.#between;
    if (!this.#worker.working() || this.#mayTake) return 0;
    const worker = this.#worker.id();
    const { count } = claims;
    const stored = await store.heldBy(worker);
    if (worker !== this.#worker.id() || count !== claims.count || this.#mayTake) return 0;
    const unknown = stored.filter(({ id }) => !roster.has(id) && !commits.has(id));
    if (unknown.length > 0) await store.giveBack(worker, unknown);
    return unknown.length;
  }

  /** What is on its way here is not unknown. */
  get #mayTake(): boolean {
    return this.#between.claims.busy || this.#worker.reserved() > 0;
  }

  async flushLeases(): Promise<void> {
    const leases = this.#worker.leases();
    if (this.#worker.working() && leases.pending)
      await this.#between.store.commit(this.#worker.id(), [], leases.changes());
  }

  /**
   * What is lost here may still be ours in the store, and its lease row is what frees it: that goes only once it was given
   * back. A fenced or stopping worker gives back nothing by itself: leaving does, or the reaper.
   */
  async giveBack({ worker, id, fence, holding }: Held): Promise<void> {
    if (worker !== this.#worker.id() || !this.#worker.working()) return;
    const leases = this.#worker.leases();
    try {
      const freed = await this.#between.store.giveBack(worker, [{ id, fence }]);
      leases.closed(holding.lease, id);
      if (freed > 0) this.#worker.wake();
    } catch (error) {
      // It stays listed, and the next reconciliation asks again.
      this.#worker.failed(error);
    }
  }
}
