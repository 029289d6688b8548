/**
 * What a limit costs: a queue is drained without one, under a limit that never binds, and under one that does; and how many runs of a
 * bound key went on at once. One worker process, full history.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { createScheduler, defineJob, type JobOptions } from '../src/index.ts';
import { perSecond } from './figures.ts';

const JOBS = 5_000;
const ROUNDS = 3;
const KEYS = 10;

interface Input {
  readonly key: string;
}

let running = 0;
let most = 0;
async function run(): Promise<void> {
  most = Math.max(most, ++running);
  await new Promise((resolve) => setImmediate(resolve));
  running -= 1;
}

const key = (input: unknown): string => (input as Input).key;
const job = (name: string, limits: Pick<JobOptions, 'concurrency' | 'rateLimit'>) =>
  defineJob<Input>({ name, queue: name, run, ...limits });

const jobs = [
  job('unlimited', {}),
  job('roomy-concurrency', { concurrency: { key, limit: 10_000 } }),
  job('roomy-rate', { rateLimit: { key, limit: 10_000, per: '1s' } }),
  job('ten-of-each-key', { concurrency: { key, limit: 10 } }),
  job('one-of-each-key', { concurrency: { key, limit: 1 } }),
];

const dataDir = process.env['DATABASE_URL'] ? null : mkdtempSync(join(tmpdir(), 'carillon-bench-'));
if (dataDir) process.env['CARILLON_DATA_DIR'] = dataDir;
const table = new Table({ head: ['drain', `runs per second, ${ROUNDS} rounds`, 'most at once'] });
const rates = new Map<string, string[]>();

try {
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of jobs) {
      most = 0;
      const client = await createScheduler({ definitions: [each], logger: false, worker: false });
      for (let done = 0; done < JOBS; done += 1_000) {
        const items = Array.from({ length: 1_000 }, (_, n) => ({ input: { key: `key ${n % KEYS}` } }));
        await client.scheduleMany(each, items);
      }
      await client.stop();
      const worker = await createScheduler({ definitions: [each], logger: false });
      let settled = 0;
      const drained = new Promise<void>((resolve) => {
        worker.on('settled', () => {
          if (++settled === JOBS) resolve();
        });
      });
      const startedMs = performance.now();
      await worker.start();
      await drained;
      const rate = perSecond(JOBS, performance.now() - startedMs);
      await worker.stop();
      process.stderr.write(`${each.name}: ${rate}, at most ${most} at once\n`);
      rates.set(each.name, [...(rates.get(each.name) ?? []), rate]);
      if (round === ROUNDS - 1) table.push([each.name, (rates.get(each.name) ?? []).join(', '), most]);
    }
  }
  console.log(table.toString());
} finally {
  if (dataDir) rmSync(dataDir, { recursive: true, force: true });
}
