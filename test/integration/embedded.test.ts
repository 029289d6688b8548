import { spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { serverAccount } from '../../src/embedded/account.ts';
import { locateCluster } from '../../src/embedded/cluster.ts';
import { findServer } from '../../src/embedded/server.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/embedded.ts';
import { type Env, systemEnv } from '../../src/env.ts';
import type { TenantOrder } from '../support/embedded-tenant.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';

expectNothingLeftBehind();

let folder: string;
let dataDir: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), `carillon-test-${process.pid}-`));
  await chmod(folder, 0o755);
  dataDir = path.join(folder, '.carillon');
});

afterEach(async () => {
  const cluster = await locateCluster(dataDir);
  const left = await stopEmbeddedPostgres(dataDir, systemEnv);
  if (cluster !== null) await rm(cluster.socketDir, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  expect(left).toBe('not running');
});

async function open(): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({ dataDir, env: systemEnv });
  onTestFinished(() => server.close());
  return server;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new Client(server.connectionString);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function startTenant(): Promise<{ process: TestProcess; opened: Record<string, unknown> }> {
  const tenant = startProcess(new URL('../support/embedded-tenant.ts', import.meta.url), { args: [dataDir] });
  onTestFinished(() => tenant.kill());
  const opened = await tenant.line<Record<string, unknown>>((line) => 'opened' in line || 'failed' in line);
  return { process: tenant, opened };
}

function tell(tenant: TestProcess, order: TenantOrder): void {
  tenant.write(order);
}

async function postmaster(): Promise<number | null> {
  const cluster = await locateCluster(dataDir);
  return cluster && findServer(cluster);
}

describe('starting and stopping', () => {
  test('the first start creates a durable, private server, and its rows outlive it', async () => {
    const first = await open();
    expect(first).toMatchObject({ created: true, adopted: false });
    const [settings] = await query(
      first,
      "select current_setting('fsync') fsync, current_setting('synchronous_commit') commit, current_setting('listen_addresses') tcp",
    );
    expect(settings).toEqual({ fsync: 'on', commit: 'on', tcp: '' });
    const { mode } = await stat(String(first.connection.host));
    expect(mode & 0o777).toBe(0o700);
    expect(await readFile(path.join(dataDir, '.gitignore'), 'utf8')).toBe('*\n');
    await query(first, 'create table kept as select 1 as n');
    await first.close();
    expect(await postmaster()).toBeNull();

    const second = await open();
    expect(second).toMatchObject({ created: false, adopted: false });
    expect(second.connectionString).toBe(first.connectionString);
    expect(await query(second, 'select n from kept')).toEqual([{ n: 1 }]);
    await second.close();
  });

  test('two projects have two servers', async () => {
    const one = await open();
    const copy = path.join(folder, 'copy');
    await one.close();
    await cp(dataDir, path.join(copy, '.carillon'), { recursive: true, preserveTimestamps: true });
    await rm(path.join(copy, '.carillon', 'postgres'), { recursive: true });
    const again = await open();
    const other = await openEmbeddedPostgres({ dataDir: path.join(copy, '.carillon'), env: systemEnv });
    expect(other).toMatchObject({ created: true, adopted: false });
    expect(other.connectionString).not.toBe(again.connectionString);
    await other.close();
    await again.close();
  });

  test('deleted data is not mistaken for the server that still runs on it', async () => {
    const ghost = await open();
    await query(ghost, 'create table ghostly ()');
    const ghostPid = await postmaster();
    await rm(path.join(dataDir, 'postgres'), { recursive: true, force: true });
    const fresh = await open();
    expect(fresh).toMatchObject({ created: true, adopted: false });
    expect(await query(fresh, "select to_regclass('ghostly') as found")).toEqual([{ found: null }]);
    if (ghostPid !== null) process.kill(ghostPid, 'SIGQUIT');
    await ghost.close();
    await fresh.close();
  });

  test('a server that cannot start says why', async () => {
    await (await open()).close();
    await writeFile(path.join(dataDir, 'postgres', 'postgresql.auto.conf'), 'no_such_setting = 1\n');
    await expect(open()).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES',
      message: expect.stringContaining('no_such_setting'),
    });
  });

  // Long before that is heard of here, as on a machine with much else to do.
  test('a server that ended while it was being started is not waited for', { timeout: 40_000 }, async () => {
    await (await open()).close();
    await writeFile(path.join(dataDir, 'postgres', 'postgresql.auto.conf'), 'no_such_setting = 1\n');
    const busy: Env = {
      ...systemEnv,
      spawn(command, args, options) {
        const started = systemEnv.spawn(command, args, options);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
        return started;
      },
    };
    await expect(openEmbeddedPostgres({ dataDir, env: busy })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES',
      message: expect.stringMatching(/exit code 1\..*no_such_setting/s),
    });
  });

  test('a program that cannot be started says why', async () => {
    await (await open()).close();
    const barred: Env = {
      ...systemEnv,
      spawn: (command, args, options) =>
        systemEnv.spawn(args[0] === '-D' ? `${command}-is-gone` : command, args, options),
    };
    await expect(openEmbeddedPostgres({ dataDir, env: barred })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES',
      message: expect.stringContaining('ENOENT'),
    });
  });
});

describe('sharing', () => {
  test('the server runs until its last process leaves, whoever started it', async () => {
    const mine = await open();
    const { process: tenant, opened } = await startTenant();
    expect(opened).toMatchObject({ adopted: true, created: false });
    await mine.close();
    tell(tenant, { query: 'select 1 as still_here' });
    await tenant.line((line: { rows?: unknown[] }) => line.rows !== undefined);
    expect(await stopEmbeddedPostgres(dataDir, systemEnv)).toBe('in use');
    tell(tenant, { close: true });
    await tenant.line((line: { closed?: boolean }) => line.closed === true);
    expect(await postmaster()).toBeNull();
    expect(await tenant.ended).toEqual({ code: 0, signal: null });
  });

  test('a process killed without closing counts no longer', async () => {
    const mine = await open();
    const { process: tenant } = await startTenant();
    await tenant.kill();
    await waitUntil(async () => {
      const [row] = await query(
        mine,
        "select count(*)::int n from pg_stat_activity where application_name = 'carillon-tenant'",
      );
      return (row as { n: number }).n === 1;
    });
    await mine.close();
    expect(await postmaster()).toBeNull();
  });

  test('after the last process was killed the next one adopts its server', async () => {
    const { process: tenant } = await startTenant();
    tell(tenant, { query: 'create table kept as select 1 as n' });
    await tenant.line((line: { rows?: unknown[] }) => line.rows !== undefined);
    const pid = await postmaster();
    await tenant.kill();
    const next = await open();
    expect(next.adopted).toBe(true);
    expect(await postmaster()).toBe(pid);
    expect(await query(next, 'select n from kept')).toEqual([{ n: 1 }]);
    await next.close();
    expect(await postmaster()).toBeNull();
  });

  test('a program that forgets to close still ends', async () => {
    const { process: tenant } = await startTenant();
    tell(tenant, { forget: true });
    expect(await tenant.ended).toEqual({ code: 0, signal: null });
    const next = await open();
    expect(next.adopted).toBe(true);
    await next.close();
  });

  test('a server left behind can be stopped without opening it', async () => {
    const { process: tenant } = await startTenant();
    await tenant.kill();
    await waitUntil(async () => (await stopEmbeddedPostgres(dataDir, systemEnv)) === 'stopped');
    expect(await postmaster()).toBeNull();
  });

  test('processes that start at the same time on nothing get one server', async () => {
    const tenants = await Promise.all(Array.from({ length: 4 }, () => startTenant()));
    expect(tenants.map(({ opened }) => opened['created']).filter(Boolean)).toHaveLength(1);
    expect(tenants.map(({ opened }) => opened['adopted']).filter((adopted) => adopted === false)).toHaveLength(1);
    for (const { process: tenant } of tenants) tell(tenant, { close: true });
    await Promise.all(tenants.map(({ process: tenant }) => tenant.ended));
    expect(await postmaster()).toBeNull();
  });

  test('opening while the last one leaves always ends with a running server', async () => {
    let last = await open();
    for (let round = 0; round < 12; round += 1) {
      const [next] = await Promise.all([openEmbeddedPostgres({ dataDir, env: systemEnv }), last.close()]);
      expect(await query(next, 'select 1 as n')).toEqual([{ n: 1 }]);
      last = next;
    }
    await last.close();
    expect(await postmaster()).toBeNull();
  });

  test('all leaving at the same time stops the server once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const tenants = await Promise.all([open(), open(), open(), open()]);
      await Promise.all(tenants.map((tenant) => tenant.close()));
      expect(await postmaster()).toBeNull();
    }
  });
});

describe('after a crash of the server', () => {
  const crash = async (): Promise<void> => {
    const pid = await postmaster();
    if (pid === null) throw new Error('No server runs.');
    process.kill(pid, 'SIGKILL');
    await waitUntil(async () => (await postmaster()) !== pid);
  };

  test('opening starts it again with every committed row', async () => {
    const { process: tenant } = await startTenant();
    tell(tenant, { query: 'create table kept as select n from generate_series(1, 1000) n' });
    await tenant.line((line: { rows?: unknown[] }) => line.rows !== undefined);
    await tenant.kill();
    await crash();
    const next = await open();
    expect(next).toMatchObject({ adopted: false, created: false });
    expect(await query(next, 'select count(*)::int as n from kept')).toEqual([{ n: 1000 }]);
    await next.close();
  });

  test('the processes that use it start it again by themselves, and still know who leaves last', async () => {
    const [one, other] = [await open(), await open()];
    await query(one, 'create table kept as select 1 as n');
    await crash();
    const rows = await waitUntil(() => query(one, 'select n from kept').catch(() => null), {
      what: 'the server to be back',
    });
    expect(rows).toEqual([{ n: 1 }]);
    await waitUntil(async () => {
      const [row] = await query(
        one,
        "select count(*)::int n from pg_stat_activity where application_name = 'carillon-tenant'",
      );
      return (row as { n: number }).n === 2;
    });
    await one.close();
    expect(await query(other, 'select n from kept')).toEqual([{ n: 1 }]);
    await other.close();
    expect(await postmaster()).toBeNull();
  });

  test('a lock file that names a stranger does not keep it from starting', async () => {
    const before = await open();
    await query(before, 'create table kept as select 1 as n');
    const cluster = await locateCluster(dataDir);
    const lock = path.join(cluster?.data ?? '', 'postmaster.pid');
    const left = await readFile(lock, 'utf8');
    await before.close();
    const account = await serverAccount(cluster?.data ?? '');
    const stranger = spawn('sleep', ['60'], account === null ? {} : { uid: account.uid, gid: account.gid });
    onTestFinished(() => void stranger.kill('SIGKILL'));
    await writeFile(lock, left.replace(/^\d+/, `${stranger.pid}`));
    const after = await open();
    expect(await query(after, 'select n from kept')).toEqual([{ n: 1 }]);
    await after.close();
  });

  test('closing right after it neither hangs nor leaves a server', async () => {
    const server = await open();
    await crash();
    await server.close();
    expect(await postmaster()).toBeNull();
  });

  test('closing while it starts again leaves no server', async () => {
    const server = await open();
    await crash();
    await waitUntil(async () => (await postmaster()) !== null, { what: 'a new server' });
    await server.close();
    expect(await postmaster()).toBeNull();
  });
});
