/** Commands that have dropped runs begin again: `retry` and `retry-failed`. */
import type { Command } from 'commander';
import type { FailedSelector, RetryFailedOptions, RetryFailedResult } from '../operations/operations.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine } from './output.ts';
import { readActorId, readInstant, readWhole, UsageError } from './usage.ts';
import { plain } from './wording.ts';

interface RetryFlags extends CommonOptions {
  readonly name?: string;
  readonly queue?: string;
  readonly id?: readonly string[];
  readonly error?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit?: number;
  readonly preview?: boolean;
  readonly atomic?: boolean;
}

export function addRetrying(program: Command): void {
  addCommand(program, 'retry', 'have a dropped run begin again', 'carillon retry 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b')
    .argument('<id>', 'of the actor', readActorId)
    .action(async (id: string, options: CommonOptions) => {
      await withScheduler(options, (scheduler) => scheduler.retry(id));
      if (options.json) printJson({ id, retried: true });
      else printLine(`${id} begins again.`);
    });
  addCommand(
    program,
    'retry-failed',
    'have many dropped runs begin again: those of a definition, of a queue, or with these ids',
    'carillon retry-failed --name send-invoice --error E_TIMEOUT --preview',
  )
    .option('--name <name>', 'of this definition')
    .option('--queue <queue>', 'in this queue')
    .option('--id <id>', 'this one; may be given more than once', collectIds)
    .option('--error <text>', 'whose last error has this class or code, or these words in its message')
    .option('--since <instant>', 'settled then or later', readInstant)
    .option('--until <instant>', 'settled before', readInstant)
    .option('--limit <count>', 'at most so many', readWhole)
    .option('--preview', 'count them and show some, and move nothing')
    .option('--atomic', 'move nothing when the idempotency key of one of them is in conflict')
    .action(retryFailed);
}

function collectIds(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, readActorId(text)];
}

/** Before anything is opened: two selectors must not silently prefer one, and none must not mean all. */
function selectorOf({ name, queue, id }: RetryFlags): FailedSelector {
  const given = [name !== undefined && { name }, queue !== undefined && { queue }, id !== undefined && { ids: id }];
  const [selector, another] = given.filter((each) => each !== false);
  if (selector === undefined || another !== undefined) {
    throw new UsageError('Give exactly one of --name, --queue and --id.');
  }
  return selector;
}

async function retryFailed(flags: RetryFlags): Promise<void> {
  const selector = selectorOf(flags);
  const { error, since, until, limit, preview, atomic } = flags;
  const options: RetryFailedOptions = {
    ...(error !== undefined && { error }),
    ...(since && { since }),
    ...(until && { until }),
    ...(limit !== undefined && { limit }),
    ...(preview && { preview }),
    ...(atomic && { atomic }),
  };
  const result = await withScheduler(flags, (scheduler) => scheduler.retryFailed(selector, options));
  if (flags.json) printJson(result);
  else tell(result, preview === true, atomic === true);
  if (result.conflicts.length > 0 || result.raced > 0) process.exitCode = 1;
}

function tell(result: RetryFailedResult, preview: boolean, atomic: boolean): void {
  const { ids, matched, retried, raced, conflicts, pruned } = result;
  if (preview) {
    printLine(`${matched} would begin again${matched > ids.length ? `, such as` : ''}${ids.length > 0 ? ':' : '.'}`);
    for (const id of ids) printLine(`  ${id}`);
  } else {
    printLine(`${matched} matched, ${retried} begin again, ${raced} raced, ${conflicts.length} in conflict.`);
    for (const { id, key, heldBy } of conflicts)
      printLine(`  ${id} stays dropped: its key '${plain(key)}' belongs to ${heldBy ?? 'another run'}.`);
    if (atomic && conflicts.length > 0) printLine('Nothing was moved.');
  }
  if (pruned === undefined) printLine('How many more there were that are past their retention is not known.');
  else if (pruned > 0) printLine(`${pruned} more were dropped there and are past their retention: they are gone.`);
}
