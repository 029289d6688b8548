import type { Env, LocalTimer } from '../env.ts';
import type { Instant } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';

/**
 * Node counts whole milliseconds from the beginning of the turn in which a timer is set, so one may ring early. So much is made up for by
 * the way of the question to the store; ringing earlier would be asking in vain, and again.
 */
const EARLY_MS = 0.5;

/**
 * The local timer to the next instant at which something is due. Hints may come early, doubled or false: they only move the
 * timer nearer, and what it rings for is asked of the store.
 */
export class DueWatch {
  readonly #env: Env;
  readonly #clock: StoreClock;
  readonly #ring: () => void;
  #armed: { readonly at: Instant; readonly timer: LocalTimer } | null = null;

  constructor(env: Env, clock: StoreClock, ring: () => void) {
    this.#env = env;
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Something may be due at that instant. */
  expect(at: Instant): void {
    if (this.#armed && this.#armed.at <= at) return;
    this.#armed?.timer.clear();
    const timer = this.#env.setTimer(Math.max(0, this.#clock.msUntil(at)), () => {
      this.#armed = null;
      if (this.#clock.msUntil(at) > EARLY_MS) this.expect(at);
      else this.#ring();
    });
    this.#armed = { at, timer };
  }

  close(): void {
    this.#armed?.timer.clear();
    this.#armed = null;
  }
}
