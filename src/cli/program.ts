/** The command line: all commands, and how an error becomes a message and an exit code. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import colors from 'picocolors';
import { CarillonError, InvalidInputError, InvalidOptionError } from '../errors.ts';
import { addActing } from './acting.ts';
import { addCheck } from './check.ts';
import { addCrons } from './crons.ts';
import { addDashboard } from './dashboard.ts';
import { addDemo } from './demo.ts';
import { addDev } from './dev.ts';
import { addDoctor } from './doctor.ts';
import { addFollowups } from './followups.ts';
import { addFork } from './fork.ts';
import { addInit } from './init.ts';
import { addInspect } from './inspect.ts';
import { addMigrate } from './migrate.ts';
import { addQueues } from './queues.ts';
import { addReading } from './reading.ts';
import { addReplay } from './replay.ts';
import { addRetention } from './retention.ts';
import { addRetrying } from './retrying.ts';
import { UsageError } from './usage.ts';
import { plain } from './wording.ts';
import { addWorker } from './worker.ts';

/** Exit codes; 3 is the doctor's and the check's: they found something. */
const FAILURE = 1;
const USAGE = 2;

export function createProgram(): Command {
  const program = new Command('carillon')
    .description('Durable jobs as statecharts: actors that live in Postgres.')
    .version(packageVersion())
    .showHelpAfterError('Run it with --help for what it takes.')
    .showSuggestionAfterError()
    // What comes after the name of a command is that command's, also where the one above has an option of that name.
    .enablePositionalOptions()
    .addHelpText('after', '\nExample:\n  $ carillon demo');
  program.exitOverride();
  addInit(program);
  addDev(program);
  addWorker(program);
  addDashboard(program);
  addDemo(program);
  addActing(program);
  addFollowups(program);
  addReading(program);
  addReplay(program);
  addFork(program);
  addInspect(program);
  addRetrying(program);
  addQueues(program);
  addCrons(program);
  addRetention(program);
  addMigrate(program);
  addCheck(program);
  addDoctor(program);
  return program;
}

/** Runs one command line. Gives its exit code; what went wrong was written to standard error. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has written its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    process.stderr.write(`${colors.red('error:')} ${messageOf(error)}\n`);
    if (process.env['LOG_LEVEL'] === 'debug' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return isUsage(error) ? USAGE : FAILURE;
  }
}

function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function isUsage(error: unknown): boolean {
  return error instanceof UsageError || error instanceof InvalidOptionError || error instanceof InvalidInputError;
}

function messageOf(error: unknown): string {
  // Node tries several addresses and reports them all, in an error without a message of its own.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  if (!(error instanceof Error)) return plain(String(error));
  const code = error instanceof CarillonError ? ` (${error.code})` : '';
  return error.message.split('\n').map(plain).join('\n') + code;
}
