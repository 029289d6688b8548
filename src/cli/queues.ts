/** Commands for what stands still: `queue ls|pause|resume` and `quarantine ls|release`. */
import type { Command } from 'commander';
import { systemEnv } from '../env.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine, printTable } from './output.ts';
import { readActorId } from './usage.ts';
import { plain, relative, short } from './wording.ts';

export function addQueues(program: Command): void {
  const queue = program.command('queue').description('what waits in the queues, and stopping them');
  addCommand(queue, 'ls', 'list queues', 'carillon queue ls').action(listQueues);
  addCommand(queue, 'pause', 'claim nothing from a queue until it is resumed', 'carillon queue pause reports')
    .argument('<queue>')
    .action(async (name: string, options: CommonOptions) => {
      await withScheduler(options, (scheduler) => scheduler.pauseQueue(name));
      if (options.json) printJson({ queue: name, paused: true });
      else printLine(`Queue '${plain(name)}' is paused. What runs goes on; nothing new starts.`);
    });
  addCommand(queue, 'resume', 'go on with a paused queue', 'carillon queue resume reports')
    .argument('<queue>')
    .action(async (name: string, options: CommonOptions) => {
      await withScheduler(options, (scheduler) => scheduler.resumeQueue(name));
      if (options.json) printJson({ queue: name, paused: false });
      else printLine(`Queue '${plain(name)}' goes on.`);
    });

  const quarantine = program.command('quarantine').description('actors set aside because their machine failed');
  addCommand(quarantine, 'ls', 'list them, with the reason', 'carillon quarantine ls').action(listQuarantine);
  addCommand(
    quarantine,
    'release',
    'let actors go on, once what failed is mended',
    'carillon quarantine release 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  )
    .argument('<id...>', 'of the actors', collectIds)
    .action(async (actors: readonly string[], options: CommonOptions) => {
      await withScheduler(options, async (scheduler) => {
        for (const id of actors) await scheduler.release(id);
      });
      if (options.json) printJson({ released: actors });
      else printLine(`Released ${actors.length === 1 ? actors[0] : `${actors.length} actors`}.`);
    });
}

function collectIds(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), readActorId(text)];
}

async function listQueues(options: CommonOptions): Promise<void> {
  const { queues } = await withScheduler(options, (scheduler) => scheduler.stats());
  if (options.json) return printJson({ queues });
  const nowMs = systemEnv.wallMs();
  printTable(
    ['QUEUE', '', 'DUE', 'LATER', 'OLDEST DUE'],
    queues.map(({ queue, paused, due, later, oldestDueAt }) => [
      plain(queue),
      paused ? 'paused' : '',
      String(due),
      String(later),
      oldestDueAt ? relative(oldestDueAt, nowMs) : '',
    ]),
  );
}

async function listQuarantine(options: CommonOptions): Promise<void> {
  const page = await withScheduler(options, (scheduler) => scheduler.list({ status: 'quarantined', limit: 1000 }));
  if (options.json) return printJson(page);
  if (page.items.length === 0) return printLine('No actor is quarantined.');
  printTable(
    ['ID', 'NAME', 'REASON'],
    page.items.map(({ id, name, version, reason }) => [id, `${plain(name)}@${version}`, short(reason ?? '', 300)]),
  );
}
