import type { LeaseChanges } from '../store/contract.ts';

/** A lease row whose last holders linger is written smaller once this many of its actors are gone. */
const REWRITE_AFTER = 64;

interface Lease {
  readonly held: Set<string>;
  gone: number;
}

/**
 * What this worker's lease rows say, kept so that they cost nothing per job: a row is written by the claim, and deleted by
 * a later commit once every actor in it was SEEN to be released. Deleting it with the very write that releases its last actor
 * would free nothing after a miss, and strand that actor if the worker then died.
 */
export class Leases {
  #next = 0;
  readonly #open = new Map<number, Lease>();
  #emptied: number[] = [];

  /** The number for the next claim or start; never used twice by one incarnation. */
  number(): number {
    return ++this.#next;
  }

  opened(lease: number, actors: readonly string[]): void {
    if (actors.length > 0) this.#open.set(lease, { held: new Set(actors), gone: 0 });
  }

  /** Its release was committed, or it was lost to another worker. */
  closed(lease: number, actor: string): void {
    const row = this.#open.get(lease);
    if (!row?.held.delete(actor)) return;
    row.gone++;
    if (row.held.size > 0) return;
    this.#open.delete(lease);
    this.#emptied.push(lease);
  }

  /** What the next commit may carry along. Nothing is lost when that commit fails: a stale row is harmless. */
  changes(): LeaseChanges {
    const rewritten: { lease: number; actors: readonly string[] }[] = [];
    for (const [lease, row] of this.#open) {
      if (row.gone < REWRITE_AFTER || row.gone < row.held.size) continue;
      row.gone = 0;
      rewritten.push({ lease, actors: [...row.held] });
    }
    return { emptied: this.#emptied.splice(0), rewritten };
  }

  get pending(): boolean {
    return this.#emptied.length > 0;
  }
}
