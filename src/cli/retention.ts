/** Commands about what is kept: `prune`, `key release` and `audit`. */
import type { Command } from 'commander';
import { systemEnv } from '../env.ts';
import type { AuditOptions } from '../operations/operations.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine, printTable } from './output.ts';
import { readInstant, readWhole } from './usage.ts';
import { plain, relative, short } from './wording.ts';

type AuditFlags = CommonOptions & Omit<AuditOptions, 'action'> & { readonly action?: AuditOptions['action'] };

export function addRetention(program: Command): void {
  addCommand(
    program,
    'prune',
    'let history go whose retention has passed, without waiting for the sweep',
    'carillon prune',
  ).action(async (options: CommonOptions) => {
    const { pruned, total } = await withScheduler(options, async (scheduler) => ({
      pruned: await scheduler.prune(),
      total: await scheduler.pruned(),
    }));
    if (options.json) return printJson({ ...pruned, total });
    const { done, dropped, carried, blocked } = pruned;
    printLine(
      `${done} successful and ${dropped} dropped runs are gone; ${carried} are carried for flows that still run.`,
    );
    if (blocked > 0)
      printLine(
        `${blocked} ${blocked === 1 ? 'day' : 'days'} could not be emptied: something reads there. Try again later.`,
      );
  });

  const key = program.command('key').description('idempotency keys');
  addCommand(
    key,
    'release',
    'free an idempotency key, whoever holds it',
    `carillon key release invoice-A-17 --reason 'sent by hand'`,
  )
    .argument('<key>')
    .requiredOption('--reason <reason>', 'kept in the audit')
    .action(async (name: string, options: CommonOptions & { readonly reason: string }) => {
      const released = await withScheduler(options, (scheduler) => scheduler.releaseKey(name, options.reason));
      if (options.json) printJson({ key: name, released });
      else printLine(released ? `'${plain(name)}' is free.` : `Nobody has '${plain(name)}'.`);
      if (!released) process.exitCode = 1;
    });

  addCommand(program, 'audit', 'what operators did, newest first', 'carillon audit --action retry --limit 20')
    .option('--who <who>', 'by them')
    .option('--action <action>', 'cancel, runNow, reschedule, retry, retryFailed, release, pauseQueue, …')
    .option('--target <target>', 'done to this actor, queue or key')
    .option('--since <instant>', 'then or later', readInstant)
    .option('--until <instant>', 'before', readInstant)
    .option('--limit <count>', 'at most so many; 50 unless given', readWhole)
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(showAudit);
}

async function showAudit({ config, json, ...filter }: AuditFlags): Promise<void> {
  const page = await withScheduler({ ...(config !== undefined && { config }) }, (scheduler) => scheduler.audit(filter));
  if (json) return printJson(page);
  if (page.items.length === 0) return printLine('Nothing was done that fits.');
  const nowMs = systemEnv.wallMs();
  printTable(
    ['WHEN', 'WHO', 'ACTION', 'TARGET', 'BEFORE', 'AFTER'],
    page.items.map(({ at, who, action, target, reason, before, after }) => [
      relative(at, nowMs),
      plain(who),
      action,
      plain(target) + (reason === undefined ? '' : ` (${short(reason, 60)})`),
      short(before ?? '', 40),
      short(after ?? '', 40),
    ]),
  );
  if (page.cursor !== undefined) printLine(`More: add --cursor ${page.cursor}`);
}
