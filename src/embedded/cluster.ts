/**
 * One Postgres cluster in a folder: create it, start its server, find it, stop it. Holds no state: the folder is the
 * truth, and Postgres's own lock file decides which of several starters wins.
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '../env.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Account, serverAccount } from './account.ts';
import { type Binaries, findBinaries, findPackage } from './binaries.ts';
import { runTool, serverSurroundings } from './run-tool.ts';

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
const STOP_PATIENCE_MS = 30_000;

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
function dataArgument(data: string, account: Account | null): string {
  return account !== null && process.platform === 'linux' ? '/proc/self/cwd' : data;
}

/** Starts a server in a session of its own: Ctrl-C in a terminal and the death of this process do not reach it. */
export async function startServer(
  env: Env,
  cluster: Cluster,
  { binaries, account }: Tools,
  settings: readonly string[] = [],
): Promise<ChildProcess> {
  await prepareSocketDir(cluster, account);
  const access = [`unix_socket_directories=${cluster.socketDir}`, 'unix_socket_permissions=0700', 'listen_addresses='];
  const flags = [...access, ...settings].flatMap((setting) => ['-c', setting]);
  const log = await open(cluster.log, 'a', 0o600);
  try {
    const server = env.spawn(binaries.postgres, ['-D', dataArgument(cluster.data, account), ...flags], {
      ...serverSurroundings(account),
      cwd: cluster.data,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    server.unref();
    return server;
  } finally {
    await log.close();
  }
}

/** /tmp is everyone's: a folder that somebody else put there first must not be trusted. */
async function prepareSocketDir({ socketDir }: Cluster, account: Account | null): Promise<void> {
  const owner = account?.uid ?? process.getuid?.();
  const made = await mkdir(socketDir, { mode: 0o700 }).then(
    () => true,
    () => false,
  );
  if (made && account !== null) await chown(socketDir, account.uid, account.gid);
  const found = await lstat(socketDir);
  if (!found.isDirectory() || found.uid !== owner) {
    throw new EmbeddedPostgresError(
      `${socketDir} is not ours (owner ${found.uid}, expected ${owner}). Remove it, or set DATABASE_URL.`,
    );
  }
  await chmod(socketDir, 0o700);
}

/** Process id of the running server, or null. A lock file left by a crash does not count, though it names a process. */
export async function findServer({ data }: Cluster): Promise<number | null> {
  const lockFile = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(lockFile, 10);
  return pid > 1 && (await isServer(pid, data)) ? pid : null;
}

/** A process number is reused sooner or later, in containers at once; and a zombie still has one. */
async function isServer(pid: number, data: string): Promise<boolean> {
  if (process.platform !== 'linux') {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (!/\(postgres\) [^ZX]/.test(status)) return false;
  // Root in a container may not look; the name has to do then.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => data);
  return folder === data;
}

/** Fast shutdown: open transactions roll back, everything committed is on disk. Resolves when the process is gone. */
export async function stopServer(env: Env, cluster: Cluster, pid: number): Promise<void> {
  const startMs = env.monotonicMs();
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // It just died by itself, or the loop below says that it does not stop.
  }
  while ((await findServer(cluster)) === pid) {
    if (env.monotonicMs() - startMs > STOP_PATIENCE_MS) {
      throw new EmbeddedPostgresError(`Postgres process ${pid} does not stop. See ${cluster.log}.`);
    }
    await env.sleep(10);
  }
  // Fails, as it should, when the next server already put its socket there.
  await rmdir(cluster.socketDir).catch(() => undefined);
}

/** The end of the server's log, for error messages. */
export async function readLogTail({ log }: Cluster): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  return text.slice(-1500).trim();
}
