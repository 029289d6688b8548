import type { Env, LocalTimer } from '../env.ts';

const EVERY_MS = 500;

/** How late the event loop comes round. Measured from the first look on: who never looks pays nothing. */
export class LoopLag {
  readonly #env: Env;
  #timer: LocalTimer | null = null;
  #dueMs = 0;
  #worstMs = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** The longest delay since the last look, a delay that goes on included. */
  take(): number {
    const worstMs = this.#timer ? Math.max(this.#worstMs, this.#env.monotonicMs() - this.#dueMs) : 0;
    this.#worstMs = 0;
    if (!this.#timer) this.#arm();
    return worstMs;
  }

  close(): void {
    this.#timer?.clear();
    this.#timer = null;
  }

  #arm(): void {
    this.#dueMs = this.#env.monotonicMs() + EVERY_MS;
    this.#timer = this.#env.setTimer(EVERY_MS, () => {
      this.#worstMs = Math.max(this.#worstMs, this.#env.monotonicMs() - this.#dueMs);
      this.#arm();
    });
  }
}
