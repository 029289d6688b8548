import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { serverAccount } from '../../src/embedded/account.ts';
import { findBinaries, findPackage } from '../../src/embedded/binaries.ts';
import { locateCluster } from '../../src/embedded/cluster.ts';
import { openEmbeddedPostgres } from '../../src/embedded.ts';
import { systemEnv } from '../../src/env.ts';
import { ROOT } from '../support/built.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startProcess } from '../support/processes.ts';

expectNothingLeftBehind();

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
/** A checkout below a private folder, as `mktemp -d` makes it, can be run by nobody but its owner. */
const othersMayRead =
  isRoot && spawnSync('test', ['-r', path.join(ROOT, 'package.json')], { uid: NOBODY, gid: NOBODY }).status === 0;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), `carillon-test-${process.pid}-`));
  await chmod(folder, 0o755);
});

afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

describe('the programs', () => {
  async function copyPackage(at: string): Promise<{ root: string; version: string }> {
    const { root, version } = await findPackage();
    await cp(root, at, { recursive: true, verbatimSymlinks: true });
    return { root: at, version };
  }

  test('run though install scripts never made their library links, and node_modules stays as it is', async () => {
    const source = await copyPackage(path.join(folder, 'package'));
    const links = JSON.parse(await readFile(path.join(source.root, 'native/pg-symlinks.json'), 'utf8')) as {
      target: string;
    }[];
    for (const { target } of links) await rm(path.join(source.root, target), { force: true });
    const cacheDir = path.join(folder, 'cache');
    const account = await serverAccount(folder + '/none');
    const [found, sameTime] = await Promise.all([
      findBinaries(systemEnv, source, account, cacheDir),
      findBinaries(systemEnv, source, account, cacheDir),
    ]);
    expect(found).toEqual(sameTime);
    expect(found.postgres.startsWith(cacheDir)).toBe(true);
    await expect(stat(path.join(source.root, links[0]?.target ?? ''))).rejects.toThrow('ENOENT');
  });

  test.runIf(isRoot)('run for another user though npm put them where only root may go', async () => {
    const home = path.join(folder, 'home');
    await mkdir(home, { mode: 0o700 });
    const source = await copyPackage(path.join(home, 'package'));
    const cacheDir = path.join(folder, 'cache');
    const found = await findBinaries(systemEnv, source, await serverAccount(folder + '/none'), cacheDir);
    expect(found.postgres.startsWith(cacheDir)).toBe(true);
  });

  test('missing for a platform: the error names the way out', async () => {
    const error = { code: 'EMBEDDED_POSTGRES', message: expect.stringContaining('DATABASE_URL') };
    await expect(findPackage('linux', 'mips')).rejects.toMatchObject(error);
    await expect(findPackage('win32', 'x64')).rejects.toMatchObject(error);
  });
});

describe.runIf(isRoot)('as root', () => {
  test('the data may lie in a home nobody else can enter', async () => {
    const home = path.join(folder, 'home');
    await mkdir(home, { mode: 0o700 });
    const server = await openEmbeddedPostgres({ dataDir: path.join(home, '.carillon'), env: systemEnv });
    const client = new Client(server.connectionString);
    client.on('error', () => undefined);
    await client.connect();
    expect((await client.query('select current_user as who')).rows).toEqual([{ who: 'postgres' }]);
    await client.end();
    await server.close();
  });

  const title = 'an ordinary user runs it as itself, and root then serves that data as that user';
  test.runIf(othersMayRead)(`${title} [needs a checkout that others may read]`, async () => {
    const dataDir = path.join(folder, '.carillon');
    await mkdir(dataDir);
    await chown(dataDir, NOBODY, NOBODY);
    const script = new URL('../support/embedded-tenant.ts', import.meta.url);
    const tenant = startProcess(script, { args: [dataDir, `${NOBODY}`] });
    onTestFinished(() => tenant.kill());
    const opened = await tenant.line<Record<string, unknown>>(() => true);
    expect(opened).toMatchObject({ opened: true, created: true });
    const cluster = await locateCluster(dataDir);
    expect((await stat(cluster?.data ?? '')).uid).toBe(NOBODY);
    tenant.write({ close: true });
    await tenant.ended;
    const server = await openEmbeddedPostgres({ dataDir, env: systemEnv });
    expect(server).toMatchObject({ created: false, adopted: false });
    await server.close();
  });
});
