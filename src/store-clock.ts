import type { Env } from './env.ts';
import type { Instant } from './store/contract.ts';

/** After this long an older, better reading no longer counts: clocks drift, and machines are suspended. */
const READING_LIFE_MS = 30_000;

/**
 * Follows the store's clock without asking it: its last readings plus this process's monotonic time. A reading is always
 * behind the truth by what its reply took to arrive, so the one that is furthest ahead is the best.
 */
export class StoreClock {
  readonly #env: Env;
  #aheadMs = Number.NEGATIVE_INFINITY;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(env: Env, now: Instant) {
    this.#env = env;
    this.observe(now);
  }

  /** Takes the `now` of a reply that has just arrived. */
  observe(now: Instant): void {
    const monotonicMs = this.#env.monotonicMs();
    const aheadMs = now - monotonicMs;
    if (aheadMs >= this.#aheadMs || monotonicMs - this.#readAtMs > READING_LIFE_MS) {
      this.#aheadMs = aheadMs;
      this.#readAtMs = monotonicMs;
    }
  }

  /** How long it is until then, in parts of a millisecond too: an instant that is waited for may pass within one. */
  msUntil(at: Instant): number {
    return Math.ceil((at - this.#env.monotonicMs() - this.#aheadMs) * 1024) / 1024;
  }

  now(): Instant {
    return Math.floor(this.#env.monotonicMs() + this.#aheadMs);
  }
}
