import { GroupCommit, type Pending } from '../group-commit.ts';
import type { CommitReply, Instant, Store, TurnWrite } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';
import type { Leases } from './leases.ts';

/** `waiting`: there was no place for the attempt it starts. The store has let go of the actor as it was. */
export type CommitOutcome = 'committed' | 'missed' | 'waiting' | 'unreachable' | { readonly refused: Error };

/** Who wrote: told once what became of it, and throws at nobody. */
export interface Writer {
  written(write: TurnWrite, outcome: CommitOutcome): void;
}

interface CommitHost {
  identity(): { readonly worker: string; readonly leases: Leases; readonly trusted: boolean };
  /** A commit made something due in that queue: now (null), or at that instant. */
  due(queue: number, at: Instant | null): void;
}

/** One write on its way. An object with methods and no promise, because there is one for every turn. */
class Member implements Pending<Member, CommitOutcome> {
  readonly worker: string;
  readonly write: TurnWrite;
  readonly bytes: number;
  readonly #writer: Writer;
  readonly #inFlight: Set<string>;

  constructor(worker: string, write: TurnWrite, writer: Writer, inFlight: Set<string>) {
    this.worker = worker;
    this.write = write;
    this.bytes = 200 + (write.next.snapshot?.length ?? 0) + write.next.history.length;
    this.#writer = writer;
    this.#inFlight = inFlight;
    inFlight.add(write.id);
  }

  get item(): Member {
    return this;
  }

  resolve(outcome: CommitOutcome): void {
    this.#inFlight.delete(this.write.id);
    this.#writer.written(this.write, outcome);
  }

  reject(): void {
    this.resolve('unreachable');
  }
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
      bytesOf: ({ bytes }) => bytes,
      concurrency: 2,
    });
  }

  add(worker: string, write: TurnWrite, writer: Writer): void {
    this.#group.join(new Member(worker, write, writer, this.#inFlight));
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
    if (reply.waiting.size > 0) this.#expectPlaces(own, reply);
    return members.map(({ write: { id } }) => outcomeOf(id, reply));
  }

  #expectPlaces(members: readonly Member[], { waiting }: CommitReply): void {
    for (const { write } of members) {
      const until = waiting.has(write.id) ? write.place?.until : null;
      if (until) this.#host.due(write.queue, until);
    }
  }
}

function outcomeOf(id: string, { committed, waiting, refused }: CommitReply): CommitOutcome {
  if (committed.has(id)) return 'committed';
  if (waiting.has(id)) return 'waiting';
  const error = refused.get(id);
  return error ? { refused: error } : 'missed';
}
