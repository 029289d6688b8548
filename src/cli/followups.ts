/** Commands about follow-ups: `followup`, `followup ls`, `followup cancel`. */
import type { Command } from 'commander';
import type { Duration } from '../duration.ts';
import { systemEnv } from '../env.ts';
import type { FollowupOptions } from '../followups/options.ts';
import type { When } from '../options.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine, printTable } from './output.ts';
import { colored, whenText } from './reading.ts';
import { collect, readDurationFlag, readInstant, UsageError } from './usage.ts';
import { plain } from './wording.ts';

interface FollowupFlags extends CommonOptions {
  readonly thread?: string;
  readonly message?: unknown;
  readonly delay?: Duration;
  readonly at?: Date;
  readonly key?: string;
  readonly idempotencyKey?: string;
  readonly label?: readonly string[];
  readonly keep?: true;
}

export function addFollowups(program: Command): void {
  const followup = addCommand(
    program,
    'followup',
    'send one message to one thread, later',
    `carillon followup --thread agent-7 --message 'Is the build green?' --delay 10m --key build-17`,
  )
    .option('--thread <id>', 'who gets it')
    .option('-m, --message <message>', 'JSON, or else taken as text', readMessage)
    .option('--delay <duration>', 'how much later: 30s, 15m, 24h, 7d', readDurationFlag)
    .option('--at <instant>', 'when: 2026-12-24T18:00:00Z', readInstant)
    .option('--key <key>', 'takes the place of the one that is pending with it')
    .option('--idempotency-key <key>', 'a second one with it is not scheduled')
    .option('--label <label>', 'to find it by; may be given more than once', collect)
    .option('--keep', 'list it also once it has settled')
    .action(schedule);
  addCommand(followup, 'ls', 'list those of a thread', 'carillon followup ls --thread agent-7')
    .requiredOption('--thread <id>', 'whose')
    .action(list);
  addCommand(
    followup,
    'cancel',
    'end what has not settled: of a key, or all of a thread',
    'carillon followup cancel --key build-17',
  )
    .option('--key <key>', 'under which it was scheduled')
    .option('--thread <id>', 'whose')
    .action(cancel);
}

function readMessage(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function schedule(flags: FollowupFlags): Promise<void> {
  const { thread, message, delay, at, key, idempotencyKey, label, keep } = flags;
  if (thread === undefined || message === undefined) throw new UsageError('Give --thread and --message.');
  if ((delay === undefined) === (at === undefined)) throw new UsageError('Give --delay or --at, one of the two.');
  const when: When = at === undefined ? { ...(delay !== undefined && { delay }) } : { at };
  const options: FollowupOptions = {
    ...when,
    threadId: thread,
    message,
    ...(key !== undefined && { key }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(label !== undefined && { labels: [...label] }),
    ...(keep && { deleteAfterRun: false }),
  };
  const { id, outcome, replaced, record } = await withScheduler(flags, (scheduler) =>
    scheduler.scheduleFollowup(options),
  );
  if (flags.json) return printJson({ id, outcome, ...(replaced && { replaced }), ...(record && { record }) });
  printLine(`${id}  ${outcome}`);
  if (replaced !== undefined) printLine(`It took the place of ${replaced}.`);
}

async function list({ thread, ...options }: CommonOptions & { readonly thread: string }): Promise<void> {
  const items = await withScheduler(options, (scheduler) => scheduler.listFollowups({ threadId: thread }));
  if (options.json) return printJson({ items });
  if (items.length === 0) return printLine('No follow-up is pending or kept.');
  const nowMs = systemEnv.wallMs();
  printTable(
    ['ID', 'STATE', 'ATTEMPT', 'WHEN', 'LABELS'],
    items.map((view) => [
      view.id,
      colored(view),
      view.attempt === 0 ? '' : String(view.attempt),
      whenText(view, nowMs),
      plain(view.labels.filter((label) => !label.startsWith('thread:')).join(', ')),
    ]),
  );
}

async function cancel(flags: CommonOptions & { readonly key?: string; readonly thread?: string }): Promise<void> {
  const { key, thread } = flags;
  if ((key === undefined) === (thread === undefined)) throw new UsageError('Give --key or --thread, one of the two.');
  const selector = key === undefined ? { threadId: thread ?? '' } : { key };
  const cancelled = await withScheduler(flags, (scheduler) => scheduler.cancelFollowup(selector));
  if (flags.json) printJson({ ...selector, cancelled });
  else printLine(`Asked ${cancelled === 1 ? '1 follow-up' : `${cancelled} follow-ups`} to end.`);
}
