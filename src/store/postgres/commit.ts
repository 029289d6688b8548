/**
 * Commits turns in groups. Each actor's writes are one transaction with everything they say to others; different actors
 * need not share one, so the plain ones go as single statements and only those with mail or births as several.
 */
import type { CommitReply, Instant, LeaseChanges, TurnWrite } from '../contract.ts';
import type { Upcoming } from '../limits.ts';
import { Answers, insertActors } from './actors.ts';
import { admitNext } from './admission.ts';
import { insertKeyed, isKeyed } from './claims.ts';
import { readNow } from './clock.ts';
import { groupsOf, isContinued, isSettled, saysMore, sizeOf } from './commit-groups.ts';
import type { Database, Query } from './database.ts';
import { bisected, inPieces } from './groups.ts';
import { spill } from './journal.ts';
import { changeLeases } from './leases.ts';
import type { LowWater } from './low-water.ts';
import { deliver } from './mailbox.ts';
import { linesOf, lockLines, movePlaces, movesPlace, refusePlaces } from './places.ts';
import { keepDays, makeLeaves, writeSettled } from './settled.ts';
import { isInTheWay, isMissingLeaf } from './sqlstate.ts';
import { foundOf } from './standing.ts';
import { answerTaken } from './taken.ts';
import { type Accepted, writeTurns } from './turns.ts';

export async function commit(
  db: Database,
  low: LowWater,
  worker: string,
  writes: readonly TurnWrite[],
  leases: LeaseChanges,
): Promise<CommitReply> {
  const pass = new Commit(db, low, worker, leases.emptied);
  const results = await Promise.allSettled(groupsOf(writes).map((group) => pass.write(group)));
  const failed = results.find((result) => result.status === 'rejected');
  // Rejecting says that nothing was written; otherwise the failed group was missed, and its owner looks again.
  if (failed !== undefined && pass.committed.size === 0) throw failed.reason;
  await changeLeases(db, worker, { ...leases, emptied: pass.leftToEmpty() });
  return {
    now: pass.now ?? (await readNow(db.ask)),
    committed: pass.committed,
    refused: pass.refused,
    waiting: pass.waiting,
    queues: [...pass.queues],
    later: pass.later,
  };
}

/** What one group came to. */
interface Written {
  readonly accepted: Accepted;
  readonly waiting: readonly string[];
  readonly admitted: readonly (Upcoming & { readonly now: Instant })[];
}

const NOTHING: Omit<Written, 'accepted'> = { waiting: [], admitted: [] };

class Commit {
  readonly committed = new Set<string>();
  readonly refused = new Map<string, Error>();
  readonly waiting = new Set<string>();
  readonly queues = new Set<number>();
  readonly later: Upcoming[] = [];
  now: Instant | null = null;
  readonly #db: Database;
  readonly #low: LowWater;
  readonly #worker: string;
  readonly #pinned: Query = (statement, values) => this.#db.query(statement, values, this.#db.pinned);
  #emptied: readonly number[];

  constructor(db: Database, low: LowWater, worker: string, emptied: readonly number[]) {
    this.#db = db;
    this.#low = low;
    this.#worker = worker;
    this.#emptied = emptied;
  }

  async write(writes: readonly TurnWrite[]): Promise<void> {
    for (const piece of inPieces(writes, sizeOf)) {
      await bisected(
        piece,
        (group) => this.#writeGroup(group),
        (write, error) => {
          // Somebody's open transaction is in the way of what it says to others: missed, and tried again by its owner.
          if (!isInTheWay(error)) this.refused.set(write.id, error);
        },
      );
    }
  }

  /** Lease rows that no statement took along. */
  leftToEmpty(): readonly number[] {
    return this.#emptied;
  }

  async #writeGroup(writes: readonly TurnWrite[]): Promise<void> {
    const emptied = this.#emptied;
    this.#emptied = [];
    try {
      const { accepted, waiting, admitted } = await this.#withLeaves(writes, () =>
        this.#db.resolved(
          () => this.#attempt(writes, emptied),
          () => this.#found(writes),
        ),
      );
      for (const id of accepted.ids) this.committed.add(id);
      for (const queue of accepted.queues) this.queues.add(queue);
      this.now = accepted.now;
      for (const id of waiting) this.waiting.add(id);
      for (const { queue, at, now } of admitted) {
        // At the rank it has waited for, which may lie behind what was claimed since.
        this.#low.forget(queue);
        if (at <= now) this.queues.add(queue);
        else this.later.push({ queue, at });
      }
    } catch (error) {
      this.#emptied = emptied;
      throw error;
    }
  }

  async #attempt(writes: readonly TurnWrite[], emptied: readonly number[]): Promise<Written> {
    const settling = writes.every(isSettled);
    const core = (query: Query, some: readonly TurnWrite[]): Promise<Accepted> =>
      settling
        ? writeSettled(query, this.#worker, some.filter(isSettled), emptied)
        : writeTurns(query, this.#worker, some.filter(isContinued), emptied);
    const more = writes.some(saysMore);
    const lines = linesOf(writes.filter(movesPlace));
    if (!more && lines.length === 0) return { ...NOTHING, accepted: await core(this.#pinned, writes) };
    return this.#db.transaction(
      async (query) => {
        // Before any row: whoever waits for a line must not hold an actor that the reaper is about to free.
        if (lines.length > 0) await lockLines(query, lines, more);
        const refused = await refusePlaces(query, this.#worker, writes);
        const accepted = await core(
          query,
          writes.filter(({ id }) => !refused.has(id)),
        );
        const ids = new Set(accepted.ids);
        const done = writes.filter(({ id }) => ids.has(id));
        await spill(query, done);
        await movePlaces(query, done);
        const admitted = lines.length > 0 ? await admitNext(query, this.#db.namespace, lines) : [];
        const waiting = [...refused].flatMap(([id, waits]) => (waits ? [id] : []));
        const queues = [...accepted.queues, ...(await this.#bear(query, done)), ...(await this.#tell(query, done))];
        return { accepted: { ...accepted, queues }, waiting, admitted };
      },
      more ? this.#db.patient : this.#db.pinned,
    );
  }

  async #bear(query: Query, writes: readonly TurnWrite[]): Promise<readonly number[]> {
    const spawns = writes.flatMap((write) => write.spawns);
    if (spawns.length === 0) return [];
    const taken = await answerTaken(query, spawns, this.#db.env.wallMs());
    const open = spawns.filter(({ id }) => !taken.has(id));
    const born = new Answers();
    const plain = open.filter((actor) => !isKeyed(actor));
    if (plain.length > 0) born.addAll(await insertActors(query, plain, null));
    const keyed = open.filter(isKeyed);
    if (keyed.length > 0) born.addAll(await insertKeyed(this.#db, query, keyed));
    return open.flatMap(({ id, queue }) => {
      const answer = born.get(id);
      return answer?.outcome === 'scheduled' && answer.dueAt <= (born.now ?? 0) ? [queue] : [];
    });
  }

  async #tell(query: Query, writes: readonly TurnWrite[]): Promise<readonly number[]> {
    const mail = writes.flatMap((write) => write.sends);
    if (mail.length === 0) return [];
    return (await deliver(this.#db, query, mail)).map(({ queue }) => queue);
  }

  async #withLeaves<T>(writes: readonly TurnWrite[], write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (!isMissingLeaf(error)) throw error;
      await makeLeaves(
        this.#db,
        writes.filter(isSettled).map(({ next }) => keepDays(next.keepMs)),
      );
      return write();
    }
  }

  async #found(writes: readonly TurnWrite[]): Promise<Written | undefined> {
    const accepted = await foundOf(this.#db, writes);
    return accepted && { ...NOTHING, accepted };
  }
}
