import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { uuidV7 } from './uuid-v7.ts';

/** A timer that can be taken back. Clearing one that already fired does nothing. */
export interface LocalTimer {
  clear(): void;
}

/**
 * The one seam through which Carillon reads clocks, draws randomness, waits and starts processes, so that a run can be
 * simulated and repeated from a seed. Nothing here decides that something is due: only the store's clock does.
 */
export interface Env {
  /** Milliseconds that never go back. Only differences mean anything. */
  monotonicMs(): number;
  /** This machine's wall clock, in milliseconds since 1970. For logs; it may be an hour wrong. */
  wallMs(): number;
  /** A number in [0, 1). */
  random(): number;
  /** A new time-ordered UUID (version 7). */
  uuid(): string;
  /** Resolves after `ms`; rejects with the signal's reason when that aborts first. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `fire` once after `ms`. Longer than 24.8 days is waited for in pieces. Does not keep the process alive. `sharp`: not
   * a moment before, and hardly after; the last half of a millisecond may be spent in turning the event loop.
   */
  setTimer(ms: number, fire: () => void, sharp?: boolean): LocalTimer;
  /** Starts a child process. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;
}

/** Node's own timers fire at once above this many milliseconds. */
const LONGEST_TIMER_MS = 2_147_483_647;
/** So near to its end, another timer would end later than the loop can turn. */
const SHARP_MS = 0.5;

/** The real world: Node's clocks, timers and randomness. */
export const systemEnv: Env = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => {
    const word = randomFillSync(new Uint32Array(1))[0] ?? 0;
    return word / 2 ** 32;
  },
  uuid: () => uuidV7(Date.now()),
  sleep: (ms, signal) => sleepFor(ms, undefined, { ref: false, ...(signal && { signal }) }),
  setTimer(ms, fire, sharp = false) {
    const dueMs = performance.now() + ms;
    let timeout: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    const arm = (leftMs: number): void => {
      timeout = setTimeout(ring, Math.min(Math.max(0, leftMs), LONGEST_TIMER_MS));
      timeout.unref();
    };
    // Node counts whole milliseconds from the beginning of the turn in which a timer is set, so it may call early, and late.
    const ring = (): void => {
      const leftMs = dueMs - performance.now();
      if (sharp && leftMs > 0 && leftMs < SHARP_MS) immediate = setImmediate(ring);
      else if (leftMs > (sharp ? 0 : 1)) arm(leftMs);
      else fire();
    };
    arm(ms);
    return {
      clear: () => {
        clearTimeout(timeout);
        clearImmediate(immediate);
      },
    };
  },
  spawn: (command, args, options) => spawn(command, [...args], options),
};
