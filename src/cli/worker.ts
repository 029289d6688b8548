/** `carillon worker`: runs what is due until it is told to stop, and then stops cleanly. */
import type { Command } from 'commander';
import colors from 'picocolors';
import type { Duration } from '../duration.ts';
import { systemEnv } from '../env.ts';
import type { SchedulerOptions, WorkerOptions } from '../options.ts';
import { createScheduler, type Scheduler } from '../scheduler.ts';
import { addCommand, type CommonOptions } from './command.ts';
import { loadConfig } from './config.ts';
import { type MetricsServer, serveMetrics } from './metrics-server.ts';
import { printLine } from './output.ts';
import { aborted, stopSignal } from './stop-signal.ts';
import { tuneHeap } from './tune-heap.ts';
import { collect, readDurationFlag, readPort, readWhole, UsageError } from './usage.ts';
import { plain, stateText } from './wording.ts';

interface WorkerFlags extends CommonOptions {
  readonly queue?: readonly string[];
  readonly concurrency?: number;
  readonly timeout?: Duration;
  readonly events?: boolean;
  readonly metricsPort?: number;
}

export function addWorker(program: Command): void {
  addCommand(
    program,
    'worker',
    'run what is due, until SIGTERM or Ctrl-C',
    'carillon worker --queue mail --queue reports --concurrency 20',
  )
    .option('--queue <queue>', 'serve only this one; may be given more than once', collect)
    .option('--concurrency <count>', 'runs at the same time; 100 unless given', readWhole)
    .option(
      '--timeout <duration>',
      'how long what runs may take to finish once stopped; 30s unless given',
      readDurationFlag,
    )
    .option('--metrics-port <port>', 'serve metrics to Prometheus at http://127.0.0.1:<port>/metrics', readPort)
    .option('--events', 'print one line for everything that happens')
    .action(work);
}

async function work(flags: WorkerFlags): Promise<void> {
  tuneHeap();
  const stop = stopSignal();
  const config = await loadConfig(flags.config);
  const scheduler = await createScheduler({ ...config, worker: workerOptions(config, flags) });
  let metrics: MetricsServer | null = null;
  try {
    if (flags.metricsPort !== undefined) metrics = await serveMetrics(scheduler, flags.metricsPort);
    if (flags.events) tellEvents(scheduler, flags.json === true);
    if (!stop.aborted) {
      await scheduler.start();
      tellReady(config, metrics, flags.json === true);
      await aborted(stop);
    }
  } finally {
    await metrics?.close();
    await scheduler.stop(flags.timeout === undefined ? {} : { timeout: flags.timeout });
  }
}

function workerOptions({ worker = {} }: SchedulerOptions, { queue, concurrency }: WorkerFlags): WorkerOptions {
  if (worker === false) {
    throw new UsageError('The configuration says `worker: false`. Take that out, or use a configuration for workers.');
  }
  return { ...worker, ...(queue && { queues: queue }), ...(concurrency !== undefined && { concurrency }) };
}

function tellReady({ definitions }: SchedulerOptions, metrics: MetricsServer | null, json: boolean): void {
  const names = definitions.map(({ name }) => name);
  const where = metrics && { metrics: metrics.url };
  if (json) return printLine(JSON.stringify({ event: 'ready', pid: process.pid, definitions: names, ...where }));
  printLine(`Worker ${process.pid} is ready for ${names.join(', ')}. Stop it with Ctrl-C.`);
  if (where) printLine(colors.dim(`Metrics: ${where.metrics}`));
}

function tellEvents(scheduler: Scheduler, json: boolean): void {
  const tell = (event: string, data: { readonly id: string; readonly name: string }, text: string): void => {
    const time = new Date(systemEnv.wallMs()).toISOString();
    if (json) printLine(JSON.stringify({ event, at: time, ...data }));
    else printLine(`${colors.dim(time.slice(11, 23))} ${colors.dim(data.id)} ${plain(data.name)} ${text}`);
  };
  scheduler.on('transition', (event) => tell('transition', event, stateText(event.state)));
  scheduler.on('quarantined', (event) => tell('quarantined', event, colors.red(`quarantined: ${plain(event.reason)}`)));
  scheduler.on('settled', (event) => {
    const { status, reason } = event.record;
    const how = status === 'success' ? colors.green('success') : colors.red(plain(`${status}: ${reason}`));
    tell('settled', event, how);
  });
}
