/** What the bench was asked for. Anything it does not know is refused. */
import { parseArgs } from 'node:util';
import { rows } from './rows/all.ts';
import type { Row } from './rows/row.ts';
import { fullSizes, quickSizes, type Sizes } from './sizes.ts';
import { type BenchedSystem, systems } from './systems.ts';

export interface BenchOptions {
  readonly systems: readonly BenchedSystem[];
  readonly rows: readonly Row[];
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly futureRounds: number;
  readonly json: boolean;
  readonly write: boolean;
  readonly resume: boolean;
}

export class BenchUsageError extends Error {}

export const HELP = `Measures Carillon and its peers on the same Postgres and Redis, one at a time, by turns.

  npm run bench                                    three rounds of everything but the long rows: about half an hour
  npm run bench -- --quick                         smaller numbers, one round: within two minutes
  npm run bench -- --only carillon,pg-boss --rows drain,latency --rounds 5

  --quick            fewer jobs, one round
  --no-peers         Carillon alone; nothing is installed
  --only a,b         these systems: ${systems.map(({ name }) => name).join(', ')}
  --rows a,b         these rows: ${rows.map(({ name }) => name).join(', ')}
  --rounds N         how often every row is measured; 3 unless given
  --future-rounds N  how often again with a million future jobs stored; 1 unless given, 0 leaves it out
  --long             also the rows ${rows.flatMap(({ name, long }) => (long ? [name] : [])).join(' and ')}: about an hour more
  --resume           go on with the run that was cut short
  --write            write bench/RESULTS.md as well
  --json             print the figures as JSON
  --help             this

Postgres is the one of DATABASE_URL, where databases named bench_* are created and dropped, else the one that comes with
Carillon. Redis is the one of BENCH_REDIS_URL, which has to be empty, else a redis-server from the PATH. Progress goes to stderr.
`;

/** Null: only help is wanted. @throws BenchUsageError */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const flags = parse(args);
  if (flags.help) return null;
  const quick = flags.quick ?? false;
  const chosenRows = chosen('--rows', flags.rows, rows);
  const chosenSystems = chosen('--only', flags.only, systems);
  if (flags['no-peers'] && chosenSystems?.some(({ peerPackage }) => peerPackage !== null)) {
    throw new BenchUsageError('--no-peers and a peer in --only exclude each other.');
  }
  const rounds = whole('--rounds', flags.rounds, 1) ?? (quick ? 1 : 3);
  return {
    systems:
      chosenSystems ??
      systems.filter(({ optional, peerPackage }) => !optional && (!flags['no-peers'] || peerPackage === null)),
    rows: chosenRows ?? rows.filter((row) => (flags.long || !row.long) && !(quick && row.slow)),
    sizes: quick ? quickSizes : fullSizes,
    rounds,
    futureRounds: whole('--future-rounds', flags['future-rounds'], 0) ?? (quick ? 0 : 1),
    json: flags.json ?? false,
    write: flags.write ?? false,
    resume: flags.resume ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        'no-peers': { type: 'boolean' },
        only: { type: 'string' },
        rows: { type: 'string' },
        rounds: { type: 'string' },
        'future-rounds': { type: 'string' },
        long: { type: 'boolean' },
        resume: { type: 'boolean' },
        write: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** In their own order, whatever the order of the names. */
function chosen<T extends { readonly name: string }>(
  flag: string,
  text: string | undefined,
  all: readonly T[],
): T[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined) {
    throw new BenchUsageError(`${flag} knows no '${unknown}': ${all.map(({ name }) => name).join(', ')}.`);
  }
  return all.filter(({ name }) => names.includes(name));
}

function whole(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new BenchUsageError(`${flag} takes a whole number from ${least} on, not '${text}'.`);
}
