/**
 * How little a claim may do. First: whether the plain one is enough. Where it passes over something again and again, because
 * actors mostly come with mail, it is tried less and less often. Second: on which priority levels to look. After a while those
 * are enough where anything was ever seen, as the question what is due next, which follows, looks on all; but with a backlog all
 * are looked at every time, or a level that nobody has used yet would wait for the end of it.
 */
const MOST_IN_A_ROW = 16;
/** Claims before it is known which levels are in use. */
const WORTHWHILE = 100;
export const LEVELS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export class ClaimChoice {
  #owed = 0;
  #nextTime = 1;
  #backlog = false;
  #claims = 0;
  readonly #used = new Set<number>();

  get thorough(): boolean {
    return this.#owed > 0;
  }

  get levels(): readonly number[] {
    if (this.#backlog || this.#claims < WORTHWHILE) return LEVELS;
    return LEVELS.filter((level) => this.#used.has(level));
  }

  /** A plain claim has seen something that is not plain, or has not. */
  plainly(passed: boolean): void {
    if (passed) {
      this.#owed = this.#nextTime;
      this.#nextTime = Math.min(MOST_IN_A_ROW, 2 * this.#nextTime);
    } else this.#nextTime = 1;
  }

  thoroughly(): void {
    this.#owed = Math.max(0, this.#owed - 1);
  }

  /** Of a claim: whether it left something behind, and what it took. */
  took(actors: readonly { readonly priority: number }[], more: boolean): void {
    this.#claims += 1;
    this.#backlog = more;
    for (const { priority } of actors) this.#used.add(priority);
  }

  /** Something waits on these levels. True when claims have not looked on one of them so far. */
  learn(levels: ReadonlySet<number>): boolean {
    const known = this.#used.size;
    for (const level of levels) this.#used.add(level);
    return this.#used.size > known;
  }
}
