/** What one process's worker ran: how often each job, when, and how late. */
import { sharedMs, wallMs } from './clock.ts';
import type { Started } from './contract.ts';

export interface Report {
  /** Starts of handlers, warm-ups left out. */
  readonly runs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of every start that can be late: after it was sent, or after it was due. */
  readonly lateness: readonly number[];
  /** How often each job ran: one byte a job, in base64. */
  readonly counts: string;
  /** Processor time of this process since its first start. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

export interface Ledger {
  readonly started: Started;
  /** Forgets everything, and expects so many jobs. */
  expect(count: number): void;
  runs(): number;
  report(): Report;
}

/** `complete` is called when as many starts were counted as were expected. */
export function openLedger(complete: () => void): Ledger {
  let counts = Buffer.alloc(0);
  let lateness: number[] = [];
  let runs = 0;
  let firstMs = 0;
  let lastMs = 0;
  let cpu = process.cpuUsage();
  return {
    started({ i, sentMs, dueMs, held }) {
      lastMs = sharedMs();
      if (i < 0) return undefined;
      if (runs === 0) {
        firstMs = lastMs;
        cpu = process.cpuUsage();
      }
      if (sentMs !== undefined) lateness.push(lastMs - sentMs);
      else if (dueMs !== undefined) lateness.push(wallMs() - dueMs);
      counts[i] = Math.min(255, (counts[i] ?? 0) + 1);
      if (++runs === counts.length) complete();
      return held ? new Promise(() => undefined) : undefined;
    },
    expect(count) {
      counts = Buffer.alloc(count);
      lateness = [];
      runs = 0;
    },
    runs: () => runs,
    report() {
      const { user, system } = process.cpuUsage(cpu);
      return {
        runs,
        firstMs,
        lastMs,
        lateness,
        counts: counts.toString('base64'),
        cpuMs: (user + system) / 1_000,
        rssBytes: process.memoryUsage().rss,
      };
    },
  };
}
