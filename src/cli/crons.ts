/** Commands for recurring work: `cron ls|set|pause|resume|run|preview|backfill|rm`. */
import type { Command } from 'commander';
import type { CronOptions, CronTimes } from '../crons/options.ts';
import { previewCron } from '../crons/preview.ts';
import type { CronView } from '../crons/view.ts';
import { type Duration, formatDuration } from '../duration.ts';
import { systemEnv } from '../env.ts';
import type { Scheduler } from '../scheduler.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine, printTable } from './output.ts';
import { readDurationFlag, readInstant, readJson, readWhole, UsageError } from './usage.ts';
import { plain, relative, short } from './wording.ts';

interface TimeFlags {
  readonly every?: Duration;
  readonly timezone?: string;
  readonly startAt?: Date;
  readonly endAt?: Date;
}

type SetFlags = CommonOptions &
  TimeFlags & {
    readonly job: string;
    readonly cron?: string;
    readonly disabled?: boolean;
  } & Pick<CronOptions, 'input' | 'limit' | 'jitter' | 'missed' | 'missedWindow' | 'overlap' | 'pauseAfterFailures'> & {
    readonly deleteAfterRun?: boolean;
  };

export function addCrons(program: Command): void {
  const cron = program.command('cron').description('recurring work');
  addCommand(cron, 'ls', 'list crons', 'carillon cron ls').action(list);
  addTimes(
    addCommand(
      cron,
      'set',
      'schedule a cron, or change the one of that id',
      `carillon cron set nightly --job send-report --cron '0 2 * * *' --timezone Europe/Berlin`,
    )
      .argument('<id>', 'of the cron')
      .requiredOption('--job <name>', 'what each fire runs')
      .option('--cron <expression>', 'five fields, or six with seconds in front'),
  )
    .option('-i, --input <json>', 'what each run gets', readJson)
    .option('--limit <count>', 'so many fires and no more', readWhole)
    .option('--jitter <duration>', 'each fire is late by up to this', readDurationFlag)
    .option('--missed <policy>', 'after an outage: skip, last, first or all; last unless given')
    .option('--missed-window <duration>', 'what was missed longer ago is left out', readDurationFlag)
    .option('--overlap <policy>', 'while a run goes on: skip, queue, allow or cancelOther; skip unless given')
    .option('--pause-after-failures <count>', 'pause after so many failed runs in a row', readWhole)
    .option('--delete-after-run', 'remove it once its run has ended; with --limit 1')
    .option('--disabled', 'it is there, and paused')
    .action(set);
  addAsking(cron, 'pause', 'fire no more until it is resumed', 'Asked to pause', (scheduler, id) =>
    scheduler.pauseCron(id),
  );
  addAsking(cron, 'resume', 'go on with the next fire after now', 'Asked to resume', (scheduler, id) =>
    scheduler.resumeCron(id),
  );
  addAsking(cron, 'rm', 'remove a cron; its runs go on and stay in history', 'Asked to remove', (scheduler, id) =>
    scheduler.removeCron(id),
  );
  addCommand(cron, 'run', 'run it once more now; its schedule does not move', 'carillon cron run nightly')
    .argument('<id>', 'of the cron')
    .action(async (id: string, options: CommonOptions) => {
      const run = await withScheduler(options, (scheduler) => scheduler.runCron(id));
      if (options.json) printJson({ cron: id, id: run.id, outcome: run.outcome });
      else printLine(`${run.id}  ${run.outcome}`);
    });
  addTimes(
    addCommand(
      cron,
      'preview',
      'when an expression fires next; needs no database',
      `carillon cron preview '0 9 * * MON' --timezone Europe/Berlin -n 5`,
    )
      .argument('[expression]', 'five fields, or six with seconds in front')
      .option('-n, --count <count>', 'so many; 10 unless given', readWhole)
      .option('--from <instant>', 'after this one; now unless given', readInstant),
  ).action(preview);
  addCommand(
    cron,
    'backfill',
    'run every instant of a range that it has passed and has no run for',
    'carillon cron backfill nightly --from 2026-11-01 --to 2026-11-08',
  )
    .argument('<id>', 'of the cron')
    .requiredOption('--from <instant>', 'first instant', readInstant)
    .requiredOption('--to <instant>', 'last instant', readInstant)
    .action(
      async (id: string, { from, to, ...options }: CommonOptions & { readonly from: Date; readonly to: Date }) => {
        const scheduled = await withScheduler(options, (scheduler) => scheduler.backfillCron(id, from, to));
        if (options.json) printJson({ cron: id, scheduled });
        else printLine(`Scheduled ${scheduled} ${scheduled === 1 ? 'run' : 'runs'}.`);
      },
    );
}

function addTimes(command: Command): Command {
  return command
    .option('--every <duration>', 'instead of an expression: 30s, 15m, 24h', readDurationFlag)
    .option('--timezone <name>', 'IANA name, such as Europe/Berlin; UTC unless given')
    .option('--start-at <instant>', 'no fire before it', readInstant)
    .option('--end-at <instant>', 'no fire after it', readInstant);
}

function addAsking(
  parent: Command,
  name: string,
  description: string,
  sentence: string,
  ask: (scheduler: Scheduler, id: string) => Promise<void>,
): void {
  addCommand(parent, name, description, `carillon cron ${name} nightly`)
    .argument('<id>', 'of the cron')
    .action(async (id: string, options: CommonOptions) => {
      await withScheduler(options, (scheduler) => ask(scheduler, id));
      if (options.json) printJson({ cron: id, asked: name });
      else printLine(`${sentence} cron '${plain(id)}'.`);
    });
}

/** Only what was given: the rest is for the checks of the options. */
function timesOf(cron: string | undefined, { every, timezone, startAt, endAt }: TimeFlags): CronTimes {
  if (cron !== undefined && every !== undefined) throw new UsageError('Give an expression or --every, not both.');
  if (cron === undefined && every === undefined) throw new UsageError('Give an expression, or --every.');
  return {
    ...(cron === undefined ? { every } : { cron }),
    ...(timezone !== undefined && { timezone }),
    ...(startAt !== undefined && { startAt }),
    ...(endAt !== undefined && { endAt }),
  } as CronTimes;
}

async function set(id: string, { config, json, cron, disabled, ...flags }: SetFlags): Promise<void> {
  const enabled = disabled === true ? { enabled: false } : {};
  const options = { id, ...flags, ...timesOf(cron, flags), ...enabled } as CronOptions;
  const found = await withScheduler({ config }, async (scheduler) => {
    const { outcome } = await scheduler.scheduleCron(options);
    return { outcome, cron: await scheduler.getCron(id) };
  });
  if (json) return printJson(found);
  printLine(`${plain(id)}  ${found.outcome}${found.cron?.nextAt ? `  next ${found.cron.nextAt.toISOString()}` : ''}`);
}

async function list(options: CommonOptions): Promise<void> {
  const crons = await withScheduler(options, (scheduler) => scheduler.listCrons());
  if (options.json) return printJson({ crons });
  if (crons.length === 0) return printLine('There is no cron.');
  const nowMs = systemEnv.wallMs();
  printTable(
    ['ID', 'TIMES', 'JOB', 'STATE', 'NEXT', 'LAST RUN', 'FIRES', 'SKIPPED', 'MISSED'],
    crons.map((view) => [
      plain(view.id),
      timesText(view),
      plain(view.job),
      stateText(view),
      view.nextAt ? relative(view.nextAt, nowMs) : '',
      view.lastRun ? `${view.lastRun.status} ${relative(view.lastRun.settledAt, nowMs)}` : '',
      String(view.fires),
      String(view.skipped),
      String(view.missed),
    ]),
  );
}

function timesText({ cron, every, timezone }: CronView): string {
  return plain(cron === undefined ? `every ${formatDuration(every ?? 0)}` : `${cron} ${timezone}`);
}

function stateText({ state, pausedBecause, reason }: CronView): string {
  if (reason !== undefined) return short(`set aside: ${reason}`, 60);
  return pausedBecause === undefined ? state : short(`${state}: ${pausedBecause}`, 60);
}

function preview(
  expression: string | undefined,
  { count = 10, from, json, ...flags }: CommonOptions & TimeFlags & { readonly count?: number; readonly from?: Date },
): void {
  const times = timesOf(expression, flags);
  const fires = previewCron(times, count, from ?? new Date(systemEnv.wallMs()));
  const { timezone = 'UTC' } = flags;
  const local = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, dateStyle: 'full', timeStyle: 'long' });
  const rows = fires.map((at) => ({ at, local: local.format(at) }));
  if (json) return printJson({ timezone, fires: rows });
  if (rows.length === 0) return printLine('It does not fire any more.');
  printTable(
    ['INSTANT', `IN ${plain(timezone)}`],
    rows.map((row) => [row.at.toISOString(), row.local]),
  );
}
