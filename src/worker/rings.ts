import type { Env } from '../env.ts';
import type { Instant } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';
import { DueWatch } from './due-watch.ts';

/** Wants to be looked at when that instant has come. */
interface Ringing {
  readonly ringAt: Instant | null;
  ring(): void;
}

/** The timers of all that a worker holds are one timer, to the earliest: most attempts end long before theirs would ring. */
export class Rings {
  readonly #watch: DueWatch;
  readonly #clock: StoreClock;
  readonly #held: { values(): Iterable<Ringing> };

  constructor(env: Env, clock: StoreClock, held: { values(): Iterable<Ringing> }) {
    this.#watch = new DueWatch(env, clock, () => this.#ring());
    this.#clock = clock;
    this.#held = held;
  }

  expect(at: Instant): void {
    this.#watch.expect(at);
  }

  close(): void {
    this.#watch.close();
  }

  #ring(): void {
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const each of this.#held.values()) {
      if (each.ringAt !== null && each.ringAt <= now) each.ring();
      if (each.ringAt !== null && each.ringAt < next) next = each.ringAt;
    }
    if (next !== Number.POSITIVE_INFINITY) this.#watch.expect(next);
  }
}
