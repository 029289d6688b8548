/**
 * One Postgres cluster in a folder: create it, start its server, find it, stop it. Holds no state: the folder is the
 * truth, and Postgres's own lock file decides which of several starters wins.
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '../env.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import { type Account, serverAccount } from './account.ts';
import { type Binaries, findBinaries, findPackage } from './binaries.ts';
import { runTool, serverSurroundings } from './run-tool.ts';

/** Where everything of one cluster is. */
export interface Cluster {
  readonly folder: string;
  readonly data: string;
  readonly log: string;
  /** The only way in: a folder nobody else may enter, with the socket in it. */
  readonly socketDir: string;
}

/** Half-made clusters older than this were left by a process that died making them. */
const ABANDONED_MS = 600_000;

/** Looks at a folder, which must exist. The socket lives elsewhere because its path may be 103 bytes long at most. */
export async function locateCluster(dataDir: string): Promise<Cluster> {
  const folder = await realpath(dataDir);
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return {
    folder,
    data: path.join(folder, 'postgres'),
    log: path.join(folder, 'postgres.log'),
    socketDir: path.join('/tmp', `carillon-${digest}`),
  };
}

/** True when the cluster was created at some time, whether or not its server runs. */
export function clusterExists(cluster: Cluster): Promise<boolean> {
  return access(path.join(cluster.data, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

/** The programs and the account for this cluster. */
export interface Tools {
  readonly binaries: Binaries;
  readonly account: Account | null;
}

export async function prepareTools(env: Env, cluster: Cluster): Promise<Tools> {
  const account = await serverAccount(cluster.data);
  // Another account may be unable to enter the project's folder, so its copy has to be in a public place.
  const cacheDir = account === null ? cluster.folder : '/var/cache/carillon';
  return { account, binaries: await findBinaries(env, await findPackage(), account, cacheDir) };
}

/** False: another process created it first. The folder appears complete or not at all. */
export async function createCluster(env: Env, cluster: Cluster, tools: Tools): Promise<boolean> {
  await removeAbandoned(env, cluster);
  const unfinished = path.join(cluster.folder, `creating-${env.uuid()}`);
  await mkdir(unfinished, { mode: 0o700 });
  try {
    if (tools.account !== null) await chown(unfinished, tools.account.uid, tools.account.gid);
    const args = [
      '-D',
      dataArgument(unfinished, tools.account),
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
    ];
    const { code, output } = await runTool(env, tools.binaries.initdb, args, tools.account, unfinished);
    if (code !== 0) throw new EmbeddedPostgresError(`Creating the database in ${cluster.folder} failed: ${output}`);
    await rename(unfinished, cluster.data);
    await syncFolder(cluster.folder);
    return true;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (await clusterExists(cluster)) return false;
    throw error;
  }
}

async function removeAbandoned(env: Env, cluster: Cluster): Promise<void> {
  for (const name of await readdir(cluster.folder)) {
    if (!name.startsWith('creating-')) continue;
    const found = await stat(path.join(cluster.folder, name)).catch(() => null);
    if (found && env.wallMs() - found.mtimeMs > ABANDONED_MS) {
      await rm(path.join(cluster.folder, name), { recursive: true, force: true });
    }
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

/** Starts a server of its own session: Ctrl-C in a terminal and the death of this process do not reach it. */
export async function startServer(
  env: Env,
  cluster: Cluster,
  tools: Tools,
  settings: readonly string[] = [],
): Promise<ChildProcess> {
  await prepareSocketDir(cluster, tools.account);
  const log = await open(cluster.log, 'a', 0o600);
  try {
    const own = [`unix_socket_directories=${cluster.socketDir}`, 'unix_socket_permissions=0700', 'listen_addresses='];
    const flags = [...own, ...settings].flatMap((setting) => ['-c', setting]);
    const server = env.spawn(tools.binaries.postgres, ['-D', dataArgument(cluster.data, tools.account), ...flags], {
      ...serverSurroundings(tools.account),
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
export async function serverPid(cluster: Cluster): Promise<number | null> {
  const lockFile = await readFile(path.join(cluster.data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(lockFile, 10);
  return pid > 1 && (await isPostgres(pid)) ? pid : null;
}

/** A process number is reused sooner or later, in containers at once; and a zombie still has one. */
async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    return /\((postgres)\) [^ZX]/.test(status);
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Fast shutdown: open transactions roll back, everything committed is on disk. Resolves when the process is gone. */
export async function stopServer(env: Env, cluster: Cluster, pid: number): Promise<void> {
  const patienceMs = 30_000;
  const startMs = env.monotonicMs();
  process.kill(pid, 'SIGINT');
  while ((await serverPid(cluster)) === pid) {
    if (env.monotonicMs() - startMs > patienceMs)
      throw new EmbeddedPostgresError(
        `Postgres process ${pid} did not stop within ${patienceMs} ms. See ${cluster.log}.`,
      );
    await env.sleep(10);
  }
  // Fails, as it should, when the next server already put its socket there.
  await rmdir(cluster.socketDir).catch(() => undefined);
}

/** The end of the server's log, for error messages. */
export async function readLogTail(cluster: Cluster): Promise<string> {
  const log = await readFile(cluster.log, 'utf8').catch(() => '');
  return log.slice(-1500).trim();
}
