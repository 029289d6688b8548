import type { Env } from '../env.ts';

/** Who waits until a worker holds nothing and asks for nothing any more. */
export class Emptying {
  readonly #env: Env;
  readonly #isEmpty: () => boolean;
  #waiting: (() => void)[] = [];

  constructor(env: Env, isEmpty: () => boolean) {
    this.#env = env;
    this.#isEmpty = isEmpty;
  }

  /** Something ended: it may be the last. */
  look(): void {
    if (this.#isEmpty()) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when it is empty, and after `ms` in any case. */
  async within(ms: number): Promise<void> {
    if (this.#isEmpty()) return;
    const enough = new AbortController();
    const emptied = new Promise<void>((resolve) => this.#waiting.push(resolve));
    await Promise.race([emptied, this.#env.sleep(ms, enough.signal).catch(() => {})]);
    enough.abort();
  }
}
