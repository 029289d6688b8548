/**
 * How long a run stands still when its worker is killed: from SIGKILL to the start of its handler in another process, with the
 * default settings. `--kills N` sets how many workers die, one after the other, each with runs in its hands.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { milliseconds, spreadOf } from './figures.ts';

const { values: flags } = parseArgs({ options: { kills: { type: 'string' } } });
const KILLS = Number(flags.kills ?? 10);
/** Each worker has a hundred places. */
const RUNS = 50;

const dataDir = process.env['DATABASE_URL'] ? null : mkdtempSync(join(tmpdir(), 'carillon-bench-'));
if (dataDir) process.env['CARILLON_DATA_DIR'] = dataDir;

interface Begun {
  readonly id: string;
  readonly atMs: number;
}

function startHolder(...args: string[]): ChildProcess {
  return fork(join(import.meta.dirname, 'holding-worker.ts'), args, { execArgv: ['--import', 'tsx'] });
}

/** Resolves with the starts of so many runs. */
function begun(worker: ChildProcess, count: number): Promise<readonly Begun[]> {
  return new Promise((resolve) => {
    const starts: Begun[] = [];
    worker.on('message', (message) => {
      if (message === 'ready') return;
      starts.push(message as Begun);
      if (starts.length === count) resolve(starts);
    });
  });
}

try {
  let holder = startHolder();
  await once(holder, 'message');
  const figures: number[] = [];
  for (let kill = 1; kill <= KILLS; kill++) {
    // New ones each time: what has lost two workers is taken for their murderer, and taken up alone.
    const held = begun(holder, RUNS);
    await once(startHolder('schedule', String(RUNS)), 'exit');
    await held;
    const heir = startHolder();
    await once(heir, 'message');
    const taken = begun(heir, RUNS);
    const killedMs = Date.now();
    holder.kill('SIGKILL');
    for (const { atMs } of await taken) figures.push(atMs - killedMs);
    process.stderr.write(`${kill} of ${KILLS}: ${milliseconds(spreadOf(figures.slice(-RUNS)))}\n`);
    heir.send('end');
    holder = heir;
  }
  holder.kill('SIGKILL');
  console.log(
    `SIGKILL to start elsewhere, ${figures.length} runs, p50 / p99 / max: ${milliseconds(spreadOf(figures))}`,
  );
} finally {
  if (dataDir) rmSync(dataDir, { recursive: true, force: true });
}
