import type { Env, LocalTimer } from '../env.ts';

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  fire(): void;
}

// Taken now: a test may replace the global ones by fakes, and what runs by hand here must not stop with them.
const { setImmediate: soon, setTimeout: later } = globalThis;

/**
 * A world that runs by hand: its clock moves only when it is told to, its randomness comes from a seed, and what is due fires
 * in order. Between two timers all promises that can settle do settle, so the same seed gives the same run.
 */
export class SimulatedEnv implements Env {
  readonly #bornMs: number;
  #nowMs = 0;
  #order = 0;
  #state: number;
  readonly #alarms = new Set<Alarm>();
  #uuids = 0;

  /** `bornMs`: what its wall clock shows at first, in milliseconds since 1970. */
  constructor(seed = 1, bornMs = 1_700_000_000_000) {
    this.#state = seed >>> 0 || 1;
    this.#bornMs = bornMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#bornMs + this.#nowMs;
  }

  random(): number {
    // xorshift32: enough to vary a run, and the same everywhere.
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  uuid(): string {
    const digits = (++this.#uuids).toString(16).padStart(12, '0');
    return `0190a000-0000-7000-8000-${digits}`;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const timer = this.setTimer(ms, resolve);
      signal?.addEventListener('abort', () => {
        timer.clear();
        reject(signal.reason as Error);
      });
    });
  }

  setTimer(ms: number, fire: () => void): LocalTimer {
    const alarm = { atMs: this.#nowMs + Math.max(0, ms), order: ++this.#order, fire };
    this.#alarms.add(alarm);
    return { clear: () => void this.#alarms.delete(alarm) };
  }

  spawn(): never {
    throw new Error('A simulation starts no processes.');
  }

  /** Moves the clock, firing what becomes due, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    while (this.fireNext(untilMs)) await settle();
    this.moveTo(untilMs);
  }

  /** Moves the clock to the next timer due by then, and fires it. False: there is none. */
  fireNext(untilMs: number): boolean {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.atMs > untilMs) continue;
      if (!next || alarm.atMs < next.atMs || (alarm.atMs === next.atMs && alarm.order < next.order)) next = alarm;
    }
    if (!next) return false;
    this.moveTo(next.atMs);
    this.#alarms.delete(next);
    next.fire();
    return true;
  }

  /** The clock alone. */
  moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }
}

/** All that can happen without the clock moving has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => soon(resolve));
}

/** Time that no simulation has in its hand: handlers may wait for the real world. */
export function realPause(ms: number): Promise<void> {
  return new Promise((resolve) => later(resolve, ms));
}
