/** What every command shares: its common options, an example in its help, and a scheduler that only schedules and reads. */
import type { Command } from 'commander';
import { type Logger, pino } from 'pino';
import { operatorName } from '../operations/operator-name.ts';
import type { SchedulerOptions } from '../options.ts';
import { createScheduler, type Scheduler } from '../scheduler.ts';
import { loadConfig } from './config.ts';

export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Adds a command that reads the configuration and prints data. */
export function addCommand(parent: Command, usage: string, description: string, example: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option('-c, --config <file>', 'configuration; carillon.config.ts unless given')
    .option('--json', 'print exact JSON')
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

/** For commands that live for a moment: only what went wrong is worth a word, and standard output belongs to the answer. */
export function quietLogger(): Logger {
  const level = process.env['LOG_LEVEL'] ?? 'error';
  return pino({ name: 'carillon', level }, pino.destination({ dest: 2, sync: true }));
}

/** Opens a scheduler without a worker for one command. */
export async function withScheduler<T>(
  { config }: CommonOptions,
  use: (scheduler: Scheduler, options: SchedulerOptions) => Promise<T>,
): Promise<T> {
  const options = await loadConfig(config);
  const operator = options.operator ?? `${operatorName()} (command line)`;
  const scheduler = await createScheduler({ ...options, worker: false, logger: quietLogger(), operator });
  try {
    return await use(scheduler, options);
  } finally {
    await scheduler.stop();
  }
}
