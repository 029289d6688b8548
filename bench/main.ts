/**
 * Schedule, drain, latency and timer lateness of one machine, first on an empty store, then with many future jobs in it.
 * Full history on. `--quick` takes smaller numbers; `--future N` sets how many future jobs.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { createScheduler, type Scheduler } from '../src/index.ts';
import { milliseconds, perSecond, spreadOf } from './figures.ts';
import { definitions, later, noop, starts } from './jobs.ts';

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean' }, future: { type: 'string' } } });
const quick = flags.quick ?? false;
const JOBS = quick ? 10_000 : 20_000;
const FUTURE = Number(flags.future ?? (quick ? 100_000 : 1_000_000));
const TIMERS = quick ? 300 : 1_000;
const LATENCIES = quick ? 300 : 1_000;
const MONTH_MS = 30 * 86_400_000;

const table = new Table({ head: ['row', 'empty', `${FUTURE.toLocaleString('en')} future jobs`] });

async function bulk(scheduler: Scheduler): Promise<string> {
  const items = Array.from({ length: 1_000 }, () => ({ input: { sentMs: 0 } }));
  const startedMs = performance.now();
  for (let done = 0; done < JOBS; done += items.length) await scheduler.scheduleMany(noop, items);
  return perSecond(JOBS, performance.now() - startedMs);
}

/** Every promise resolves when its job is durable; 50 callers at once, as in a busy web server. */
async function singles(scheduler: Scheduler): Promise<string> {
  let left = JOBS;
  const startedMs = performance.now();
  const caller = async (): Promise<void> => {
    while (left-- > 0) await scheduler.schedule(noop, { sentMs: 0 });
  };
  await Promise.all(Array.from({ length: 50 }, caller));
  return perSecond(JOBS, performance.now() - startedMs);
}

/** What one worker process settles per second, from its first claim to the last run settled. */
async function drain(): Promise<string> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: ['--import', 'tsx'] });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  let startedMs = 0;
  await new Promise<void>((resolve) => {
    worker.on('message', (settled) => {
      startedMs ||= performance.now();
      if (settled === JOBS) resolve();
    });
  });
  const tookMs = performance.now() - startedMs;
  worker.send('stop');
  await exited;
  return perSecond(JOBS, tookMs);
}

async function latency(scheduler: Scheduler): Promise<string> {
  const figures: number[] = [];
  starts.heard = ({ sentMs }) => figures.push(performance.now() - sentMs);
  for (let sent = 0; sent < LATENCIES + 50; sent++) {
    await scheduler.schedule(noop, { sentMs: performance.now() });
    await sleep(10);
  }
  while (figures.length < LATENCIES + 50) await sleep(10);
  return milliseconds(spreadOf(figures.slice(50)));
}

async function lateness(scheduler: Scheduler): Promise<string> {
  const figures: number[] = [];
  starts.heard = ({ sentMs }) => figures.push(Date.now() - sentMs);
  const spreadMs = quick ? 3_000 : 10_000;
  const baseMs = Date.now() + 3_000;
  const items = Array.from({ length: TIMERS }, (_, index) => {
    const dueMs = baseMs + Math.round((index * spreadMs) / TIMERS);
    return { input: { sentMs: dueMs }, options: { at: new Date(dueMs) } };
  });
  await scheduler.scheduleMany(noop, items);
  while (figures.length < TIMERS) await sleep(50);
  return milliseconds(spreadOf(figures));
}

const dataDir = process.env['DATABASE_URL'] ? null : mkdtempSync(join(tmpdir(), 'carillon-bench-'));
if (dataDir) process.env['CARILLON_DATA_DIR'] = dataDir;
const client = await createScheduler({ definitions, logger: false, worker: false });
const rows = new Map<string, string[]>();

async function measure(
  name: string,
  run: (scheduler: Scheduler) => Promise<string>,
  scheduler = client,
): Promise<void> {
  const figure = await run(scheduler);
  process.stderr.write(`${name}: ${figure}\n`);
  rows.set(name, [...(rows.get(name) ?? []), figure]);
}

async function round(): Promise<void> {
  await measure('bulk schedule', bulk);
  await measure(`drain ${JOBS.toLocaleString('en')}`, drain);
  await measure('single schedules, 50 in flight', singles);
  await measure('drain them', drain);
  const worker = await createScheduler({ definitions, logger: false });
  await worker.start();
  await measure('schedule to start, same process, p50 / p99 / max', latency, worker);
  await measure('timer lateness, p50 / p99 / max', lateness, worker);
  starts.heard = null;
  await worker.stop();
}

try {
  await round();
  const items = Array.from({ length: 1_000 }, (_, n) => ({
    input: { n },
    options: { at: new Date(Date.now() + MONTH_MS + n * 1_000) },
  }));
  for (let stored = 0; stored < FUTURE; stored += items.length) await client.scheduleMany(later, items);
  await round();
  for (const [name, figures] of rows) table.push([name, ...figures]);
  console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? ''}, Node ${process.version}`);
  console.log(table.toString());
} finally {
  await client.stop();
  if (dataDir) rmSync(dataDir, { recursive: true, force: true });
}
