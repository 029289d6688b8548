/** Waiting for workers to have run everything, and checking that each job ran once. */
import type { Report } from '../agent/ledger.ts';
import type { Arena } from '../arena.ts';
import type { BenchProcess } from '../bench-process.ts';

/** Rejects when one of them ends before, or when it takes too long. */
export function allRan(workers: readonly BenchProcess[], count: number, timeoutMs: number): Promise<void> {
  const ran = (): number => workers.reduce((sum, worker) => sum + worker.runs(), 0);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`ran ${ran()} of ${count} jobs in ${Math.round(timeoutMs / 1_000)} s`)),
      timeoutMs,
    );
    const look = (): void => {
      const ended = workers.map((worker) => worker.ended()).find((how) => how !== null);
      if (ended === undefined && ran() < count) return;
      clearTimeout(timer);
      if (ended === undefined) resolve();
      else reject(new Error(ended ?? ''));
    };
    for (const worker of workers) worker.onChange(look);
    look();
  });
}

/** Room for the slowest of them, but not for one that hangs. */
export function patienceMs(count: number): number {
  return 30_000 + count * 2;
}

/** Says so in the results when some job ran never or more than once. */
export function checkOnce(arena: Arena, reports: readonly Report[], count: number): void {
  const counts = reports.map((report) => Buffer.from(report.counts, 'base64'));
  let never = 0;
  let again = 0;
  for (let i = 0; i < count; i++) {
    const runs = counts.reduce((sum, bytes) => sum + (bytes[i] ?? 0), 0);
    if (runs === 0) never++;
    if (runs > 1) again++;
  }
  if (never > 0) arena.note(`${never} of ${count} jobs never ran`);
  if (again > 0) arena.note(`${again} of ${count} jobs ran more than once`);
}
