/**
 * The demo's script. It schedules the examples, kills the worker with SIGKILL while a report is half written, starts another
 * one, and checks every promise afterwards. Whatever happens, no process of it stays behind unless it was asked to keep one.
 */
import path from 'node:path';
import colors from 'picocolors';
import { systemEnv } from '../../env.ts';
import type { Scheduler } from '../../scheduler.ts';
import { printLine, printTable } from '../output.ts';
import { stopSignal } from '../stop-signal.ts';
import { plain } from '../wording.ts';
import { Board } from './board.ts';
import { type Cast, PAGES, scheduleCast } from './cast.ts';
import { type DemoWorker, demoConfig, startDemoWorker } from './demo-worker.ts';
import { type Endpoint, openEndpoint } from './endpoint.ts';
import { openStage, type Stage } from './stage.ts';
import { judge, type Verdict } from './verdict.ts';

const FAILURES = 2;
/** When so many pages are written, the worker dies. */
const KILL_AT_PAGE = 8;
const ANSWER_AFTER_MS = 1_500;
const PATIENCE_MS = 50_000;

/** Gives the exit code: 0 when everything happened as promised. */
export async function runDemo({ keep }: { readonly keep: boolean }): Promise<number> {
  const stop = stopSignal();
  const enough = AbortSignal.any([stop, deadline()]);
  const workers: DemoWorker[] = [];
  let stage: Stage | null = null;
  let endpoint: Endpoint | null = null;
  let kept = false;
  try {
    printLine('Starting Postgres and a worker …');
    stage = await openStage();
    printLine(colors.dim(`Postgres: ${stage.shown}, tables in schema ${stage.schema}.`));
    endpoint = await openEndpoint(FAILURES);
    enough.throwIfAborted();
    const verdict = await play(stage.scheduler, endpoint, workers, enough, keep);
    tell(verdict);
    kept = keep;
    if (keep) tellKept(workers);
    return verdict.promises.every((promise) => promise.kept) ? 0 : 1;
  } catch (error) {
    if (!enough.aborted) throw error;
    const why = stop.aborted
      ? 'Stopped.'
      : `This did not end within ${PATIENCE_MS / 1000} s: something did not happen.`;
    process.stderr.write(`${why}\n`);
    return 1;
  } finally {
    // What still runs when the demo is stopped would be waited for, and its tables are dropped anyway.
    if (!kept) await Promise.all(workers.map((worker) => (enough.aborted ? worker.kill() : worker.stop())));
    await endpoint?.close();
    await stage?.close({ keep: kept });
  }
}

function deadline(): AbortSignal {
  const controller = new AbortController();
  systemEnv.setTimer(PATIENCE_MS, () => controller.abort());
  return controller.signal;
}

async function play(
  scheduler: Scheduler,
  endpoint: Endpoint,
  workers: DemoWorker[],
  enough: AbortSignal,
  keep: boolean,
): Promise<Verdict> {
  const first = await startDemoWorker('A', scheduler, keep);
  workers.push(first);
  const cast = await scheduleCast(scheduler, endpoint);
  const board = new Board(scheduler, Object.values(cast));
  const failed = new AbortController();
  const signal = AbortSignal.any([enough, failed.signal]);
  board.open().catch((error: unknown) => failed.abort(error));
  try {
    board.say(`Worker A (process ${first.pid}) is up. Five runs are scheduled.`);
    await Promise.all([
      killAndReplace(board, cast, scheduler, workers, signal, keep),
      answer(board, cast, scheduler, signal),
      board.until(() => Object.values(cast).every((role) => board.view(role)?.settledAt !== undefined), signal),
    ]);
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error;
  } finally {
    await board.close();
  }
  return judge(scheduler, cast, endpoint, workers);
}

async function killAndReplace(
  board: Board,
  cast: Cast,
  scheduler: Scheduler,
  workers: DemoWorker[],
  signal: AbortSignal,
  keep: boolean,
): Promise<void> {
  const page = (): number => (board.view(cast.report)?.progress as { page?: number } | undefined)?.page ?? 0;
  await board.until(() => page() >= KILL_AT_PAGE, signal);
  await workers[0]?.kill();
  board.say(colors.red(`Worker A is dead: SIGKILL at page ${page()} of ${PAGES}, without a goodbye.`));
  const second = await startDemoWorker('B', scheduler, keep);
  workers.push(second);
  board.say(`Worker B (process ${second.pid}) is up. It takes over once A's lease of 3 s has run out.`);
}

async function answer(board: Board, cast: Cast, scheduler: Scheduler, signal: AbortSignal): Promise<void> {
  await board.until(() => board.view(cast.approved)?.state === 'waiting', signal);
  await systemEnv.sleep(ANSWER_AFTER_MS, signal);
  await scheduler.send(cast.approved.id, { type: 'approve', by: 'Ada' });
  board.say("Sent 'approve' to the first approval.");
}

function tell({ promises, rows }: Verdict): void {
  printLine();
  printTable(['RUN', 'OUTCOME', 'ATTEMPTS', 'DUE → STARTED', 'SETTLED BY', 'WHAT HAPPENED'], rows);
  printLine();
  for (const { promise, kept, found } of promises) {
    printLine(kept ? `${colors.green('✓')} ${promise}` : `${colors.red('✗')} ${promise}; found ${plain(found)}`);
  }
  printLine();
  const broken = promises.filter(({ kept }) => !kept).length;
  printLine(
    broken === 0 ? 'Everything happened as promised.' : `${broken} of ${promises.length} promises were broken.`,
  );
}

function tellKept(workers: readonly DemoWorker[]): void {
  const worker = workers.at(-1);
  const carillon = import.meta.url.endsWith('.ts') ? 'npm run carillon --' : 'carillon';
  printLine();
  printLine(`Worker ${worker?.label} (process ${worker?.pid}) and Postgres go on. Look around:`);
  for (const command of ['dashboard', 'ls', 'show <id>', 'queue ls', 'doctor']) {
    printLine(`  ${carillon} ${command} --config ${path.relative('', demoConfig())}`);
  }
  printLine('Stop both (the last one to leave stops Postgres):');
  printLine(`  kill ${worker?.pid}`);
}
