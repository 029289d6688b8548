/**
 * The database of one project, as it lies in a folder: where everything is, and how it comes into being, complete or not at
 * all.
 */
import { createHash } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '../env.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Account, serverAccount } from './account.ts';
import { type Binaries, findBinaries, findPackage } from './binaries.ts';
import { runTool } from './run-tool.ts';

/** A cluster that exists, whether or not its server runs. */
export interface Cluster {
  readonly data: string;
  readonly log: string;
  /** The only way in: a folder nobody else may enter, with the socket in it. */
  readonly socketDir: string;
}

/** The programs for a cluster, and the account that runs them (null: this process's own). */
export interface Tools {
  readonly binaries: Binaries;
  readonly account: Account | null;
}

const DATA = 'postgres';
const IDENTITY = 'carillon.id';
/** Half-made clusters older than this were left by a process that died making them. */
const ABANDONED_MS = 600_000;

/**
 * The cluster in this folder, or null. Its socket lives elsewhere because the path may be 103 bytes long at most. Named after
 * place and identity, it leads neither to the server of a copied project nor to one still running on deleted data.
 */
export async function locateCluster(folder: string): Promise<Cluster | null> {
  try {
    const data = path.join(await realpath(folder), DATA);
    const identity = await readFile(path.join(data, IDENTITY), 'utf8');
    const digest = createHash('sha256').update(`${data} ${identity}`).digest('hex').slice(0, 16);
    return { data, log: path.join(folder, 'postgres.log'), socketDir: path.join('/tmp', `carillon-${digest}`) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new EmbeddedPostgresError(`This user may not read the data in ${folder}.`, { cause: error });
  }
}

export async function prepareTools(env: Env, folder: string): Promise<Tools> {
  const account = await serverAccount(path.join(folder, DATA));
  // Another account may be unable to enter the project's folder, so its copy has to be in a public place.
  const cacheDir = account === null ? path.resolve(folder) : '/var/cache/carillon';
  return { account, binaries: await findBinaries(env, await findPackage(), account, cacheDir) };
}

/** False: another process created it first. The data appears complete or not at all. */
export async function createCluster(env: Env, folder: string, tools: Tools): Promise<boolean> {
  await removeAbandoned(env, folder);
  const unfinished = path.resolve(folder, `creating-${env.uuid()}`);
  await mkdir(unfinished, { mode: 0o700 });
  try {
    if (tools.account !== null) await chown(unfinished, tools.account.uid, tools.account.gid);
    const data = dataArgument(unfinished, tools.account);
    const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
    const { code, output } = await runTool(env, tools.binaries.initdb, args, tools.account, unfinished);
    if (code !== 0) throw new EmbeddedPostgresError(`Creating the database in ${folder} failed: ${output}`);
    await writeFile(path.join(unfinished, IDENTITY), env.uuid());
    await rename(unfinished, path.join(folder, DATA));
    await syncFolder(folder);
    return true;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if ((await locateCluster(folder)) !== null) return false;
    throw error;
  }
}

async function removeAbandoned(env: Env, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('creating-')) continue;
    const abandoned = path.join(folder, name);
    const found = await stat(abandoned).catch(() => null);
    if (found && env.wallMs() - found.mtimeMs > ABANDONED_MS) await rm(abandoned, { recursive: true, force: true });
  }
}

/** Postgres syncs what is inside; without this a power cut could take the renamed folder itself. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync();
  await handle.close();
}

/**
 * On Linux another account reaches the data through its working directory, which we enter for it: the folders above (a
 * home with mode 0700) may be closed to it, and stay so.
 */
export function dataArgument(data: string, account: Account | null): string {
  return account !== null && process.platform === 'linux' ? '/proc/self/cwd' : data;
}
