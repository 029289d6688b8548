/** On what the figures were measured: without it they say nothing. */
import { execFile } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import { startBenchProcess } from './bench-process.ts';
import type { Databases } from './databases.ts';
import { peersNode, peerVersion } from './peers.ts';
import type { BenchedSystem } from './systems.ts';

export interface Circumstances {
  readonly machine: string;
  readonly postgres: string;
  readonly redis: string;
  readonly node: string;
  readonly commit: string;
  readonly systems: readonly {
    readonly title: string;
    readonly version: string;
    readonly settings: readonly string[];
  }[];
}

export async function circumstances(
  { postgres, redis }: Databases,
  systems: readonly BenchedSystem[],
): Promise<Circumstances> {
  const peers = systems.filter(({ peerPackage }) => peerPackage !== null);
  const settings = Object.entries(postgres.settings).map(([name, value]) => `${name} ${value}`);
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`,
    postgres: `${postgres.version}; ${settings.join(', ')}`,
    redis: redis === null ? 'none: there is no redis-server on this machine' : `${redis.version}; ${redis.settings}`,
    node: `${process.version}${peers.length > 0 ? `; peers ${await versionOf(peersNode())}` : ''}`,
    commit: await commit(),
    systems: await Promise.all(
      systems.map(async (system) => ({
        title: system.title,
        version: system.peerPackage === null ? '' : await peerVersion(system.peerPackage),
        settings: Object.values(await settingsOf(system, postgres.urlOf('postgres'), redis?.urlOf(0))),
      })),
    ),
  };
}

async function settingsOf(
  system: BenchedSystem,
  databaseUrl: string,
  redisUrl = 'redis://127.0.0.1',
): Promise<Readonly<Record<string, string>>> {
  const env = { DATABASE_URL: databaseUrl, ...(system.store !== 'postgres' && { REDIS_URL: redisUrl }) };
  const process = startBenchProcess(system, env);
  try {
    return { ...(await process.ask('settings')) };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  } finally {
    await process.stop();
  }
}

async function versionOf(node: string): Promise<string> {
  return (await promisify(execFile)(node, ['--version'])).stdout.trim();
}

async function commit(): Promise<string> {
  try {
    const git = async (...args: string[]): Promise<string> =>
      (await promisify(execFile)('git', args, { cwd: import.meta.dirname })).stdout.trim();
    const changed = await git('status', '--porcelain', '--untracked-files=no');
    return (await git('rev-parse', '--short', 'HEAD')) + (changed ? ', with changes' : '');
  } catch {
    return 'unknown';
  }
}
