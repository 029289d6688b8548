/**
 * Time in the test's hand, for code and stored instants alike. The clock goes from timer to timer, and stands still for as
 * long as a handler runs: only one that takes too long of real time is left to run on while time moves.
 */
import ms from 'ms';
import { systemEnv } from '../env.ts';
import { InvalidOptionError } from '../errors.ts';
import { realPause, type SimulatedEnv, settle } from './simulated-env.ts';

/** Somebody waits for what will never come. */
const MOST_MS = 400 * 86_400_000;
const LOOK_EVERY_MS = 1;

export class VirtualTime {
  readonly #env: SimulatedEnv;
  readonly #patienceMs: number;
  readonly #running = new Set<symbol>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(env: SimulatedEnv, patienceMs: number) {
    this.#env = env;
    this.#patienceMs = patienceMs;
  }

  now(): Date {
    return new Date(Math.floor(this.#env.wallMs()));
  }

  /** Something runs that the clock has to wait for. Returns what to call once it has ended. */
  started(): () => void {
    const token = Symbol('effect');
    this.#running.add(token);
    return () => void this.#running.delete(token);
  }

  /** Moves on by that much: whatever becomes due happens, in order. Resolves when all is quiet. */
  advance(duration: number | string): Promise<void> {
    const forMs = readSpan(duration);
    return this.#exclusively(async () => {
      const untilMs = this.#env.monotonicMs() + forMs;
      await this.#calm();
      while (this.#env.fireNext(untilMs)) await this.#calm();
      this.#env.moveTo(untilMs);
    });
  }

  /** What a call gives that needs no time to pass. */
  soon<T>(promise: Promise<T>): Promise<T> {
    return this.#drive(promise, async () => {
      if (!this.#env.fireNext(this.#env.monotonicMs())) await realPause(LOOK_EVERY_MS);
    });
  }

  /** What a call gives, moving on from timer to timer until it does. */
  until<T>(promise: Promise<T>): Promise<T> {
    const enoughMs = this.#env.monotonicMs() + MOST_MS;
    return this.#drive(promise, async () => {
      if (this.#env.fireNext(enoughMs)) return;
      throw new Error(`Nothing came of it within ${ms(MOST_MS)} of virtual time.`);
    });
  }

  async #drive<T>(promise: Promise<T>, step: () => Promise<void>): Promise<T> {
    const watch = { settled: false };
    const watched = promise.finally(() => {
      watch.settled = true;
    });
    watched.catch(() => {});
    // Most calls need nothing but their turn, also those of a handler for which the clock is waiting.
    await settle();
    while (!watch.settled) {
      await this.#exclusively(async () => {
        await this.#calm();
        if (!watch.settled) await step();
      });
    }
    return watched;
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** All that can happen now has happened, handlers included, but for those that take longer than anybody wants to wait. */
  async #calm(): Promise<void> {
    await settle();
    if (this.#running.size === 0) return;
    const startedMs = systemEnv.monotonicMs();
    while (this.#running.size > 0) {
      if (systemEnv.monotonicMs() - startedMs > this.#patienceMs) this.#running.clear();
      else await realPause(LOOK_EVERY_MS);
      await settle();
    }
  }
}

/** Milliseconds, or text as the ms package reads it: '3 days', '90s', '1.5h'. */
function readSpan(duration: number | string): number {
  const spanMs = typeof duration === 'string' && /^.{1,32}$/.test(duration) ? ms(duration as ms.StringValue) : duration;
  if (typeof spanMs !== 'number' || !(spanMs >= 0 && spanMs <= MOST_MS)) {
    throw new InvalidOptionError(
      'duration',
      `must be from 0 to ${ms(MOST_MS)}, such as '3 days' or '90s', got ${duration}.`,
    );
  }
  return Math.ceil(spanMs);
}
