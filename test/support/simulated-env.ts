import type { Env, LocalTimer } from '../../src/env.ts';

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  fire(): void;
}

/**
 * A world that runs by hand: its clock moves only in `advance`, its randomness comes from a seed, and what is due fires in
 * order. Between two timers all promises that can settle do settle, so the same seed gives the same run.
 */
export class SimulatedEnv implements Env {
  #nowMs = 0;
  #order = 0;
  #state: number;
  #alarms: Alarm[] = [];
  #uuids = 0;

  constructor(seed = 1) {
    this.#state = seed >>> 0 || 1;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
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
      const timer = this.setTimer(ms, resolve);
      signal?.addEventListener('abort', () => {
        timer.clear();
        reject(signal.reason as Error);
      });
    });
  }

  setTimer(ms: number, fire: () => void): LocalTimer {
    const alarm = { atMs: this.#nowMs + Math.max(0, ms), order: ++this.#order, fire };
    this.#alarms.push(alarm);
    return {
      clear: () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm);
      },
    };
  }

  spawn(): never {
    throw new Error('A simulation starts no processes.');
  }

  /** Moves the clock, firing what becomes due, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#alarms
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!next) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#alarms = this.#alarms.filter((other) => other !== next);
      next.fire();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** All that can happen without the clock moving has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
