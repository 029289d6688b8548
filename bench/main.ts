/** `npm run bench`: Carillon and its peers, measured by the same code on the same servers. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { killProcesses } from './bench-process.ts';
import { build } from './build.ts';
import { circumstances } from './circumstances.ts';
import { compare } from './comparison.ts';
import { openDatabases } from './databases.ts';
import { openMeasurements } from './measurements.ts';
import { type BenchOptions, BenchUsageError, HELP, readOptions } from './options.ts';
import { installPeers } from './peers.ts';
import { asMarkdown, asText } from './results.ts';
import { measureAll, type Plan } from './rounds.ts';
import { removeAbandoned } from './servers/abandoned.ts';
import { openPostgres } from './servers/postgres.ts';
import { openRedis } from './servers/redis.ts';

const RESULTS = path.join(import.meta.dirname, 'RESULTS.md');

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function bench(options: BenchOptions, command: string): Promise<void> {
  const { systems, sizes, rows, rounds, futureRounds } = options;
  const of = JSON.stringify({ sizes, rounds, futureRounds });
  const measurements = await openMeasurements(of, options.resume);
  await build();
  const absent = new Map<string, string>();
  if (systems.some(({ peerPackage }) => peerPackage !== null)) {
    const reason = await installPeers(say);
    if (reason !== null) for (const { name, peerPackage } of systems) if (peerPackage) absent.set(name, reason);
  }
  const cleanUps: (() => Promise<void>)[] = [];
  const cleanUp = async (): Promise<void> => {
    killProcesses();
    for (const one of cleanUps.splice(0).reverse()) await one().catch((error) => say(String(error)));
  };
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stopping.abort();
      say('Stopping. --resume goes on from here.');
      void cleanUp().then(() => process.exit(130));
    });
  try {
    await removeAbandoned();
    const postgres = await openPostgres();
    cleanUps.push(() => postgres.close());
    const redis = await openRedis();
    if (redis) cleanUps.push(() => redis.close());
    const settings = Object.entries(postgres.settings).map(([name, value]) => `${name} ${value}`);
    say(`Postgres ${postgres.version}: ${settings.join(', ')}`);
    say(redis ? `Redis ${redis.version}: ${redis.settings}` : 'THERE IS NO redis-server: BullMQ on Redis is left out.');
    if (redis === null)
      for (const { name, store } of systems) if (store !== 'postgres') absent.set(name, 'no redis-server');
    const databases = openDatabases(postgres, redis);
    cleanUps.push(() => databases.close());
    const plan: Plan = { rows, systems, absent, sizes, rounds, futureRounds };
    await measureAll({ plan, databases, measurements, say, stopped: stopping.signal });
    if (stopping.signal.aborted) return;
    const comparisons = (['empty', 'future'] as const)
      .map((store) => compare(measurements, store, plan))
      .filter(({ lines }) => lines.length > 0);
    const present = systems.filter(({ name }) => !absent.has(name));
    const results = {
      comparisons,
      systems,
      sizes,
      rounds,
      command,
      circumstances: await circumstances(databases, present),
    };
    if (options.json) {
      console.log(JSON.stringify({ circumstances: results.circumstances, measurements: measurements.all }, null, 2));
    } else console.log(asText(results));
    if (options.write) await writeFile(RESULTS, asMarkdown(results, new Date()));
  } finally {
    await cleanUp();
  }
}

try {
  const args = process.argv.slice(2);
  const options = readOptions(args);
  if (options === null) process.stdout.write(HELP);
  else await bench(options, ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '));
} catch (error) {
  if (!(error instanceof BenchUsageError)) throw error;
  say(`${error.message} See npm run bench -- --help.`);
  process.exitCode = 2;
}
