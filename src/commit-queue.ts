import { GroupCommit } from './group-commit.ts';
import type { Leases } from './leases.ts';
import type { Instant, Store, TurnWrite } from './store/contract.ts';
import type { StoreClock } from './store-clock.ts';

/** `waiting`: there was no place for the attempt it starts. The store has let go of the actor as it was. */
export type CommitOutcome = 'committed' | 'missed' | 'waiting' | 'unreachable' | { readonly refused: Error };

interface CommitHost {
  identity(): { readonly worker: string; readonly leases: Leases; readonly trusted: boolean };
  /** A commit made something due in that queue: now (null), or at that instant. */
  due(queue: number, at: Instant | null): void;
}

interface Member {
  readonly worker: string;
  readonly write: TurnWrite;
}

/** Turns of many actors in one transaction. A turn of an incarnation that is over, or no longer trusted, is not sent at all. */
export class CommitQueue {
  readonly #group: GroupCommit<Member, CommitOutcome>;
  readonly #host: CommitHost;
  readonly #inFlight = new Set<string>();

  constructor(store: Store, clock: StoreClock, host: CommitHost) {
    this.#host = host;
    this.#group = new GroupCommit({
      write: (members) => this.#write(store, clock, members),
      maxItems: 500,
      maxBytes: 4_000_000,
      bytesOf: ({ write }) => 200 + (write.next.snapshot?.length ?? 0) + write.next.history.length,
      concurrency: 2,
    });
  }

  async add(write: TurnWrite): Promise<CommitOutcome> {
    this.#inFlight.add(write.id);
    try {
      return await this.#group.add({ worker: this.#host.identity().worker, write });
    } catch {
      return 'unreachable';
    } finally {
      this.#inFlight.delete(write.id);
    }
  }

  /** Whether a write of this actor is on its way. */
  has(id: string): boolean {
    return this.#inFlight.has(id);
  }

  async #write(store: Store, clock: StoreClock, members: readonly Member[]): Promise<CommitOutcome[]> {
    const { worker, leases, trusted } = this.#host.identity();
    const own = trusted ? members.filter((member) => member.worker === worker) : [];
    if (own.length === 0) return members.map(() => 'missed');
    const reply = await store.commit(
      worker,
      own.map(({ write }) => write),
      leases.changes(),
    );
    clock.observe(reply.now);
    for (const queue of reply.queues) this.#host.due(queue, null);
    for (const { queue, at } of reply.later) this.#host.due(queue, at);
    for (const { write } of own) {
      const until = reply.waiting.has(write.id) ? write.place?.until : null;
      if (until) this.#host.due(write.queue, until);
    }
    return members.map(({ write }) => {
      if (reply.committed.has(write.id)) return 'committed';
      if (reply.waiting.has(write.id)) return 'waiting';
      const refused = reply.refused.get(write.id);
      return refused ? { refused } : 'missed';
    });
  }
}
