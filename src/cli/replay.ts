/** `replay`: an actor's past, taken again step by step, and where it differs from what was stored. */
import { emitKeypressEvents } from 'node:readline';
import type { Command } from 'commander';
import colors from 'picocolors';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { internalsOf } from '../definitions.ts';
import { ActorNotFoundError } from '../errors.ts';
import type { ReplayReport, ReplayStep } from '../replay.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { loadConfig } from './config.ts';
import { printJson, printLine, printTable } from './output.ts';
import { eventText } from './show.ts';
import { readActorId, readWhole, UsageError } from './usage.ts';
import { plain, short, stateText } from './wording.ts';

type ReplayFlags = CommonOptions & {
  readonly until?: number;
  readonly against?: string;
  readonly step?: boolean;
};

export function addReplay(program: Command): void {
  addCommand(
    program,
    'replay',
    "take an actor's past again, purely, and compare it with what was stored; fail where they differ",
    'carillon replay 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --against carillon.next.config.ts',
  )
    .argument('<id>', 'of the actor', readActorId)
    .option('--until <seq>', 'no further than this event', readWhole)
    .option('--against <file>', 'with the definition of another configuration: what would it have done?')
    .option('--step', 'walk through it with the arrow keys')
    .action(replay);
}

async function replay(id: string, { until, against, step, ...options }: ReplayFlags): Promise<void> {
  if (step && (options.json || !process.stdin.isTTY))
    throw new UsageError('--step needs a terminal to read keys from, and excludes --json.');
  const report = await withScheduler(options, async (scheduler) => {
    const actor = await scheduler.get(id);
    if (!actor) throw new ActorNotFoundError(id);
    const definition = against === undefined ? undefined : await definitionFrom(against, actor.name);
    return scheduler.replay(id, {
      ...(definition && { definition }),
      ...(until !== undefined && { upTo: until }),
    });
  });
  if (options.json) printJson(report);
  else if (step) await walk(report);
  else print(report);
  if (!report.ok) process.exitCode = 1;
}

/** The newest definition of that name in another configuration. */
async function definitionFrom(file: string, name: string): Promise<AnyDefinition> {
  const { definitions } = await loadConfig(file);
  const [found] = definitions.filter((each) => internalsOf(each).name === name).sort((a, b) => b.version - a.version);
  if (!found) throw new UsageError(`${file} has no definition named '${name}'.`);
  return found;
}

function print({ steps, ...verdict }: ReplayReport): void {
  printTable(
    ['SEQ', 'AT', 'EVENT', 'STATE', 'CHANGED'],
    steps.map((step, index) => [
      String(step.seq),
      step.at.toISOString(),
      eventText(step.event),
      stateText(step.state),
      changes(steps[index - 1]?.context, step.context),
    ]),
  );
  printLine();
  printVerdict(verdict, steps.length);
}

function printVerdict({ ok, firstDifference }: Omit<ReplayReport, 'steps'>, count: number): void {
  if (ok) return printLine(colors.green(`All ${count} steps give what was stored.`));
  if (!firstDifference) return;
  const { seq, path, stored, replayed } = firstDifference;
  printLine(colors.red(`Step ${seq} differs at '${plain(path)}'.`));
  printLine(`  stored    ${short(stored ?? null, 200)}`);
  printLine(`  replayed  ${short(replayed ?? null, 200)}`);
}

/** What one step did to the context: its top-level keys with their new values. */
function changes(before: unknown, after: unknown): string {
  const [old, now] = [before, after].map((value) => (value ?? {}) as Record<string, unknown>) as [Fields, Fields];
  const changed = Object.keys(now).filter((key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]));
  const gone = Object.keys(old).filter((key) => !Object.hasOwn(now, key));
  return [
    ...changed.map((key) => `${plain(key)}=${short(now[key] ?? null, 40)}`),
    ...gone.map((key) => `-${plain(key)}`),
  ].join(' ');
}

type Fields = Readonly<Record<string, unknown>>;

/** One step at a time: left and right, home and end, q to leave. */
async function walk({ steps, ...verdict }: ReplayReport): Promise<void> {
  if (steps.length === 0) return printLine('Nothing has happened to it yet.');
  const keys = process.stdin;
  emitKeypressEvents(keys);
  keys.setRawMode(true);
  let at = 0;
  const moves: Record<string, () => number> = {
    right: () => at + 1,
    down: () => at + 1,
    left: () => at - 1,
    up: () => at - 1,
    home: () => 0,
    end: () => steps.length - 1,
  };
  const draw = (): void => printStep(steps[at] as ReplayStep, steps[at - 1], `${at + 1} of ${steps.length}`);
  try {
    draw();
    await new Promise<void>((resolve) => {
      keys.on('keypress', (_: string, key: { readonly name?: string; readonly ctrl?: boolean }) => {
        if (key.name === 'q' || key.name === 'escape' || (key.ctrl && key.name === 'c')) return resolve();
        const move = moves[key.name ?? ''];
        if (!move) return;
        at = Math.min(Math.max(move(), 0), steps.length - 1);
        draw();
      });
      keys.resume();
    });
  } finally {
    keys.removeAllListeners('keypress');
    keys.setRawMode(false);
    keys.pause();
  }
  printVerdict(verdict, steps.length);
}

function printStep(step: ReplayStep, before: ReplayStep | undefined, place: string): void {
  printLine();
  printLine(`${colors.bold(`Step ${step.seq}`)} ${colors.dim(`(${place}; arrow keys move, q leaves)`)}`);
  printLine(`  ${step.at.toISOString()}  ${eventText(step.event)}`);
  printLine(`  state    ${colors.cyan(stateText(step.state))}`);
  printLine(`  changed  ${changes(before?.context, step.context) || 'nothing'}`);
  printLine(`  context  ${short(step.context ?? null, 500)}`);
}
