/** The demo's workers: started, killed, and asked afterwards which runs they settled. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemEnv } from '../../env.ts';
import { dataDir } from '../../scheduler/connections.ts';
import type { Scheduler } from '../../scheduler.ts';
import { startWorkerProcess, type WorkerProcess } from '../worker-process.ts';

export interface DemoWorker {
  readonly label: string;
  readonly pid: number;
  readonly log: string;
  /** True once it ended by itself, or by us. */
  readonly gone: boolean;
  /** SIGKILL: it gets no chance to hand anything back. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Ids of the runs it told its log it settled. */
  settled(): Promise<readonly string[]>;
}

const READY_PATIENCE_MS = 20_000;
const STOP_PATIENCE_MS = 5_000;

/** The configuration its workers and the commands that look at it use: from the sources, or built. */
export function demoConfig(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./carillon.config.${extension}`, import.meta.url));
}

/** Starts one and waits until the store has heard of it. `outlive`: it goes on when the demo ends. */
export async function startDemoWorker(label: string, scheduler: Scheduler, outlive: boolean): Promise<DemoWorker> {
  await mkdir(dataDir(), { recursive: true });
  const log = path.join(dataDir(), `demo-worker-${label.toLowerCase()}.log`);
  const file = openSync(log, 'w');
  const args = ['--config', demoConfig(), '--json', '--events', '--timeout', '2s'];
  const process = startWorkerProcess(args, { outlive, output: file, env: workerEnvironment() });
  closeSync(file);
  let gone = false;
  void process.ended.then(() => {
    gone = true;
  });
  const worker: DemoWorker = {
    label,
    pid: process.pid,
    log,
    get gone() {
      return gone;
    },
    kill: () => end(process, 'SIGKILL'),
    stop: () => end(process, 'SIGTERM'),
    settled: async () => (await readFile(log, 'utf8')).split('\n').flatMap(settledId),
  };
  await ready(worker, scheduler).catch(async (error: unknown) => {
    await worker.kill();
    throw error;
  });
  if (outlive) process.child.unref();
  return worker;
}

function workerEnvironment(): NodeJS.ProcessEnv {
  return { LOG_LEVEL: 'error', ...process.env };
}

async function ready(worker: DemoWorker, scheduler: Scheduler): Promise<void> {
  const startMs = systemEnv.monotonicMs();
  for (;;) {
    const { workers } = await scheduler.stats();
    if (workers.some(({ pid, alive }) => pid === worker.pid && alive)) return;
    if (worker.gone || systemEnv.monotonicMs() - startMs > READY_PATIENCE_MS) {
      const said = (await readFile(worker.log, 'utf8')).trim().split('\n').slice(-8).join('\n');
      throw new Error(
        `Worker ${worker.label} (process ${worker.pid}) did not start. Its log ${worker.log} ends:\n${said}`,
      );
    }
    await systemEnv.sleep(50);
  }
}

async function end(worker: WorkerProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  worker.signal(signal);
  const enough = systemEnv.setTimer(STOP_PATIENCE_MS, () => worker.signal('SIGKILL'));
  await worker.ended;
  enough.clear();
}

function settledId(line: string): string[] {
  // A killed process may leave half a line.
  if (!line.startsWith('{"event":"settled"') || !line.endsWith('}')) return [];
  return [(JSON.parse(line) as { id: string }).id];
}
