/**
 * The server of a cluster: start it, find it, stop it. Holds no state: what the folder says is the truth, and Postgres's own
 * locks decide which of several starters wins.
 */
import type { ChildProcess } from 'node:child_process';
import { chown, lstat, mkdir, open, readFile, readlink, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '../env.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import type { Account } from './account.ts';
import { type Cluster, dataArgument, type Tools } from './cluster.ts';
import { serverSurroundings } from './run-tool.ts';

const DATA_LOCK = 'postmaster.pid';
const SOCKET_LOCK = '.s.PGSQL.5432.lock';
const STOP_PATIENCE_MS = 30_000;

interface Start {
  /** `name=value` pairs. */
  readonly settings?: readonly string[];
  /** Called once if it ends, also while this is still starting it. */
  readonly ended?: (how: string) => void;
}

/** Starts a server in a session of its own: Ctrl-C in a terminal and the death of this process do not reach it. */
export async function startServer(
  env: Env,
  cluster: Cluster,
  { binaries, account }: Tools,
  { settings = [], ended }: Start = {},
): Promise<ChildProcess> {
  await prepareSocketDir(cluster, account);
  await removeStaleLocks(cluster);
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
    // Before anything is waited for: one that cannot start has ended by then, and says so only once.
    server.once('error', (error) => ended?.(error.message));
    server.once('exit', (code, killer) => ended?.(`It ended with ${killer ?? `exit code ${code}`}.`));
    server.unref();
    return server;
  } finally {
    await log.close();
  }
}

/** /tmp is everyone's: a folder that somebody else put there first must not be trusted. */
async function prepareSocketDir({ socketDir }: Cluster, account: Account | null): Promise<void> {
  const me = process.getuid?.();
  await mkdir(socketDir, { mode: 0o700 }).catch(() => undefined);
  const found = await lstat(socketDir).catch(() => null);
  // A server that just ended took it away again: this start fails, and the next one makes it anew.
  if (found === null) return;
  if (!found.isDirectory() || (found.uid !== me && found.uid !== account?.uid)) {
    throw new EmbeddedPostgresError(`${socketDir} belongs to user id ${found.uid}. Remove it, or set DATABASE_URL.`);
  }
  if (account !== null) await chown(socketDir, account.uid, account.gid).catch(() => undefined);
}

/** Process id of the running server, or null. A lock file left by a crash does not count, though it names a process. */
export async function findServer({ data }: Cluster): Promise<number | null> {
  const { pid } = await readLock(path.join(data, DATA_LOCK));
  return pid > 1 && (await isServer(pid, data)) ? pid : null;
}

async function readLock(lock: string): Promise<{ text: string; pid: number }> {
  const text = await readFile(lock, 'utf8').catch(() => '');
  return { text, pid: Number.parseInt(text, 10) };
}

/**
 * Postgres takes whatever has the process number in a lock file for a living server: a zombie that nobody collects, as in
 * containers without an init, or a stranger that got the number later. It would never start again. Should another server
 * write its lock in the instant between our two looks, Postgres's other interlock (shared memory) still lets one run only.
 */
async function removeStaleLocks({ data, socketDir }: Cluster): Promise<void> {
  if (process.platform !== 'linux') return;
  for (const lock of [path.join(data, DATA_LOCK), path.join(socketDir, SOCKET_LOCK)]) {
    const { text, pid } = await readLock(lock);
    const exists = await stat(`/proc/${pid}`).catch(() => null);
    if (exists === null || (await isServer(pid, data))) continue;
    if ((await readLock(lock)).text === text) await rm(lock, { force: true });
  }
}

/** A zombie is none. Root in a container may not ask for the folder; the name has to do then. */
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
