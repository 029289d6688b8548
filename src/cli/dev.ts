/** `carillon dev`: a Postgres, a worker and a dashboard that start again when a file changes, and a list of what happens. */

import path from 'node:path';
import type { Command } from 'commander';
import colors from 'picocolors';
import { systemEnv } from '../env.ts';
import { findConfig, loadConfig } from './config.ts';
import { printLine } from './output.ts';
import { openPostgresAddress } from './postgres-address.ts';
import { aborted, stopSignal } from './stop-signal.ts';
import { UsageError } from './usage.ts';
import { watchTree } from './watch-tree.ts';
import { startCommandProcess, startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** An editor that saves several files makes one restart. */
const GATHER_MS = 150;
const STOP_PATIENCE_MS = 10_000;

export function addDev(program: Command): void {
  program
    .command('dev')
    .description('run a worker and the dashboard, which restart when a file changes, with a Postgres if there is none')
    .option('-c, --config <file>', 'configuration; carillon.config.ts unless given')
    .addHelpText('after', '\nExample:\n  $ carillon dev')
    .action(develop);
}

async function develop({ config }: { readonly config?: string }): Promise<void> {
  const stop = stopSignal();
  const file = findConfig(config);
  // Loaded here only for its address, and to refuse at once what is not there.
  const { postgres } = await loadConfig(config);
  if (file === null) throw new UsageError('There is no configuration.');
  // Held here, so that the server does not stop between two workers.
  const address = await openPostgresAddress(postgres === undefined ? {} : { postgres });
  printLine(colors.dim(`Postgres: ${address.shown}. Watching ${path.dirname(file)}. Stop with Ctrl-C.`));
  let worker: WorkerProcess | null = null;
  let dashboard: WorkerProcess | null = null;
  let restarting: Promise<void> = Promise.resolve();
  const restart = (why: string): void => {
    restarting = restarting.then(async () => {
      if (stop.aborted) return;
      if (worker) printLine(colors.dim(`${why} changed: restarting the worker`));
      // Charts and contexts are read with the code that made them, so the dashboard needs the new one as well.
      await Promise.all([end(worker), end(dashboard)]);
      worker = startWorker(file);
      dashboard = startDashboard(file);
    });
  };
  restart('');
  const watching = watchTree(path.dirname(file), GATHER_MS, restart);
  try {
    await aborted(stop);
  } finally {
    watching.close();
    await restarting;
    await Promise.all([end(worker), end(dashboard)]);
    await address.close();
  }
}

function startWorker(file: string): WorkerProcess {
  const args = ['--config', file, '--events', '--timeout', '3s'];
  // Its log says what fails; what happens is said by its events.
  const worker = startWorkerProcess(args, {
    output: 'pipe',
    env: { LOG_LEVEL: 'error', ...process.env, ...(colors.isColorSupported && { FORCE_COLOR: '1' }) },
  });
  worker.child.stdout?.pipe(process.stdout, { end: false });
  void worker.ended.then((how) => {
    if (how !== 0 && how !== 'SIGTERM' && how !== 'SIGINT')
      printLine(colors.red(`The worker ended (${how}). It starts again when a file changes.`));
  });
  return worker;
}

function startDashboard(file: string): WorkerProcess {
  const env = { LOG_LEVEL: 'error', ...process.env, ...(colors.isColorSupported && { FORCE_COLOR: '1' }) };
  const dashboard = startCommandProcess('dashboard', ['--config', file], { output: 'pipe', env });
  dashboard.child.stdout?.pipe(process.stdout, { end: false });
  return dashboard;
}

async function end(worker: WorkerProcess | null): Promise<void> {
  if (!worker) return;
  worker.signal('SIGTERM');
  const enough = systemEnv.setTimer(STOP_PATIENCE_MS, () => worker.signal('SIGKILL'));
  await worker.ended;
  enough.clear();
}
