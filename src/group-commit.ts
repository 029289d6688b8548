/**
 * Group commit: while one write is in flight the next one gathers. No timer, so an idle caller waits for nobody, and a busy
 * one shares its commit with everyone who came meanwhile.
 */

/** Who waits for its part of a group. */
export interface Pending<T, R> {
  readonly item: T;
  readonly bytes: number;
  resolve(result: R): void;
  reject(error: unknown): void;
}

interface GroupCommitOptions<T, R> {
  /** Writes one group and answers in its order. A rejection is given to every member. */
  write(items: readonly T[]): Promise<readonly R[]>;
  /** Most members of one group. */
  readonly maxItems: number;
  /** Groups end before this many bytes, counted by `bytesOf`; a single larger item goes alone. */
  readonly maxBytes: number;
  bytesOf(item: T): number;
  /** Writes that may be in flight at once. */
  readonly concurrency: number;
}

export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>;
  #waiting: Pending<T, R>[] = [];
  #inFlight = 0;
  #gathering = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options;
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => this.join({ item, bytes: this.#options.bytesOf(item), resolve, reject }));
  }

  /** The same for who needs no promise: it is told in the loop over its group, and must not throw there. */
  join(pending: Pending<T, R>): void {
    this.#waiting.push(pending);
    this.#gather();
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async settled(): Promise<void> {
    if (this.#inFlight === 0 && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Callers of one synchronous burst join one group: the write starts in the microtask after them. */
  #gather(): void {
    if (this.#gathering || this.#inFlight >= this.#options.concurrency) return;
    this.#gathering = true;
    queueMicrotask(() => {
      this.#gathering = false;
      this.#writeNext();
    });
  }

  #writeNext(): void {
    if (this.#waiting.length === 0 || this.#inFlight >= this.#options.concurrency) return;
    const group = this.#takeGroup();
    this.#inFlight++;
    void this.#write(group).finally(() => {
      this.#inFlight--;
      if (this.#waiting.length > 0) this.#writeNext();
      else if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  #takeGroup(): Pending<T, R>[] {
    let bytes = 0;
    let count = 0;
    for (const pending of this.#waiting) {
      bytes += pending.bytes;
      if (count > 0 && (bytes > this.#options.maxBytes || count >= this.#options.maxItems)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(group: readonly Pending<T, R>[]): Promise<void> {
    let results: readonly R[];
    try {
      results = await this.#options.write(group.map((pending) => pending.item));
    } catch (error) {
      for (const pending of group) pending.reject(error);
      return;
    }
    group.forEach((pending, index) => pending.resolve(results[index] as R));
  }
}
