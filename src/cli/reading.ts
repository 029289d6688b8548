/** Commands that look at actors: `ls` and `show`. */
import type { Command } from 'commander';
import colors from 'picocolors';
import { systemEnv } from '../env.ts';
import type { ActorView } from '../reading/views.ts';
import type { ListOptions } from '../scheduler/call-options.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine, printTable } from './output.ts';
import { printActor, readActor } from './show.ts';
import { readActorId, readWhole } from './usage.ts';
import { plain, relative, statusText } from './wording.ts';

type LsOptions = CommonOptions & {
  readonly status?: ListOptions['status'];
  readonly record?: ListOptions['record'];
  readonly parent?: string;
} & Pick<ListOptions, 'name' | 'queue' | 'state' | 'label' | 'key' | 'limit' | 'cursor'>;

export function addReading(program: Command): void {
  addCommand(program, 'ls', 'list actors, newest first', 'carillon ls --status dropped --name send-invoice')
    .option('--status <status>', 'active, done, dropped or quarantined')
    .option('--record <status>', 'success, failed_dropped, cancelled or expired')
    .option('--name <name>', 'of this definition')
    .option('--queue <queue>', 'in this queue')
    .option('--state <state>', 'in this state')
    .option('--label <label>', 'with this label')
    .option('--key <key>', 'with this idempotency key')
    .option('--parent <id>', 'children of this actor', readActorId)
    .option('--limit <count>', 'at most so many; 50 unless given', readWhole)
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(list);
  addCommand(
    program,
    'show',
    'everything about one actor: why it waits, what it did, how it ended',
    'carillon show 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  )
    .argument('<id>', 'of the actor', readActorId)
    .option('--journal <count>', 'last entries of the journal to show; 10 unless given', readWhole)
    .action(show);
}

async function list({ config, json, parent, ...filter }: LsOptions): Promise<void> {
  const page = await withScheduler({ config }, (scheduler) =>
    scheduler.list({ ...filter, ...(parent !== undefined && { parentId: parent }) }),
  );
  if (json) return printJson(page);
  if (page.items.length === 0) return printLine('No actor fits.');
  const nowMs = systemEnv.wallMs();
  printTable(
    ['ID', 'NAME', 'STATE', 'ATTEMPT', 'QUEUE', 'WHEN'],
    page.items.map((view) => [
      view.id,
      plain(view.name),
      colored(view, nowMs),
      view.attempt === 0 ? '' : String(view.attempt),
      plain(view.queue),
      whenText(view, nowMs),
    ]),
  );
  if (page.cursor !== undefined) printLine(colors.dim(`More: add --cursor ${page.cursor}`));
}

/** What is next for it, or when it ended. */
export function whenText(view: ActorView, nowMs: number): string {
  if (view.settledAt) return `settled ${relative(view.settledAt, nowMs)}`;
  if (view.effects.some((effect) => effect.running)) return 'running';
  if (view.wakeAt) return `due ${relative(view.wakeAt, nowMs)}`;
  return `created ${relative(view.createdAt, nowMs)}`;
}

export function colored(view: ActorView, nowMs = systemEnv.wallMs()): string {
  const text = statusText(view, nowMs);
  if (view.recovering) return colors.yellow(text);
  if (view.status === 'done') return colors.green(text);
  if (view.status === 'dropped' || view.status === 'quarantined') return colors.red(text);
  return colors.cyan(text);
}

async function show(id: string, options: CommonOptions & { readonly journal?: number }): Promise<void> {
  const found = await withScheduler(options, (scheduler, { definitions }) => readActor(scheduler, id, definitions));
  if (options.json) return printJson(found);
  printActor(found, options.journal ?? 10, systemEnv.wallMs());
}
