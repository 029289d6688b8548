import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { orderedUuids } from './env/ordered-uuid.ts';

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
  /** Calls `fire` once after `ms`. Longer than 24.8 days is waited for in pieces. Does not keep the process alive. */
  setTimer(ms: number, fire: () => void): LocalTimer;
  /** Starts a child process. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;
}

/** Node's own timers fire at once above this many milliseconds. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The real world: Node's clocks, timers and randomness. */
export const systemEnv: Env = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => {
    const word = randomFillSync(new Uint32Array(1))[0] ?? 0;
    return word / 2 ** 32;
  },
  uuid: orderedUuids(() => Date.now()),
  sleep: (ms, signal) => sleepFor(ms, undefined, { ref: false, ...(signal && { signal }) }),
  setTimer(ms, fire) {
    let pending: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const pieceMs = Math.min(Math.max(0, leftMs), LONGEST_TIMER_MS);
      pending = setTimeout(() => (leftMs > pieceMs ? arm(leftMs - pieceMs) : fire()), pieceMs);
      pending.unref();
    };
    arm(ms);
    return { clear: () => clearTimeout(pending) };
  },
  spawn: (command, args, options) => spawn(command, [...args], options),
};
