/** The tools of the other tests: a fault that is not injected proves nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { startProcess } from '../support/processes.ts';
import { startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';

expectNothingLeftBehind();

async function connectTo(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

describe('a test database', () => {
  test('is its own, and closed to all after close() though a client was not given back', async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await one.pool().query('create table only_here ()');
    const { rows } = await other.pool().query("select to_regclass('only_here') as found");
    expect(rows).toEqual([{ found: null }]);
    await one.pool().connect();
    await Promise.all([one.close(), other.close()]);
    await expect(connectTo(one.connectionString)).rejects.toThrow('not currently accepting connections');
  });
});

describe('the template', () => {
  test('is migrated; an empty database is not', async () => {
    const [migrated, empty] = await Promise.all([createTestDatabase(), createTestDatabase({ empty: true })]);
    const found = "select to_regclass('carillon.actors') is not null as found";
    expect((await migrated.pool().query(found)).rows).toEqual([{ found: true }]);
    expect((await empty.pool().query(found)).rows).toEqual([{ found: false }]);
    await Promise.all([migrated.close(), empty.close()]);
  });
});

describe('a proxy before Postgres', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.pool().query('create table written (what text)');
  });
  afterAll(() => database.close());

  const written = async (): Promise<unknown[]> => (await database.pool().query('select what from written')).rows;

  test('loses the reply to a COMMIT that took effect', async () => {
    const proxy = await startProxy(database.connectionString);
    const client = await connectTo(proxy.through(database.connectionString));
    const lost = proxy.loseReply(/^COMMIT/);
    await client.query('begin');
    await client.query("insert into written values ('in a transaction')");
    await expect(client.query('commit')).rejects.toThrow();
    await lost;
    expect(await written()).toContainEqual({ what: 'in a transaction' });
    await proxy.destroy();
  });

  test('loses the reply to a single statement that took effect', async () => {
    const proxy = await startProxy(database.connectionString);
    const client = await connectTo(proxy.through(database.connectionString));
    const lost = proxy.loseReply(/^INSERT/);
    await expect(client.query('insert into written values ($1)', ['alone'])).rejects.toThrow();
    await lost;
    expect(await written()).toContainEqual({ what: 'alone' });
    await proxy.destroy();
  });

  test('goes silent and comes back', async () => {
    const proxy = await startProxy(database.connectionString);
    const client = await connectTo(proxy.through(database.connectionString));
    proxy.stall();
    let answered = false;
    const answer = client.query('select 1').then(() => {
      answered = true;
    });
    const late = connectTo(proxy.through(database.connectionString));
    await waitUntil(() => proxy.count() === 2);
    await database.pool().query('select pg_sleep(0.1)');
    expect(answered).toBe(false);
    proxy.resume();
    await answer;
    await (await late).end();
    await client.end();
    await waitUntil(() => proxy.count() === 0);
    await proxy.destroy();
  });

  test('cuts a connection in use and serves the next one', async () => {
    const proxy = await startProxy(database.connectionString);
    const client = await connectTo(proxy.through(database.connectionString));
    const sleeping = expect(client.query('select pg_sleep(10)')).rejects.toThrow();
    proxy.cut();
    await sleeping;
    await (await connectTo(proxy.through(database.connectionString))).end();
    await proxy.destroy();
  });
});

describe('a Postgres server of its own', () => {
  test('keeps committed rows and its address through a kill and an immediate stop', async () => {
    const server = await startPostgresServer();
    const before = await connectTo(server.connectionString);
    await before.query('create table kept (n int)');
    await before.query('insert into kept values (1)');
    await server.kill();
    await server.start();
    const between = await connectTo(server.connectionString);
    await between.query('insert into kept values (2)');
    await server.restart('immediate');
    const after = await connectTo(server.connectionString);
    expect((await after.query('select n from kept order by n')).rows).toEqual([{ n: 1 }, { n: 2 }]);
    await after.end();
    await server.destroy();
  });
});

describe('a child process', () => {
  test('speaks in JSON lines, takes them, can be frozen and killed', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), `carillon-test-${process.pid}-`));
    const file = path.join(folder, 'echo.mts');
    await writeFile(file, "process.stdin.on('data', (d) => process.stdout.write(d)); console.log('noise');");
    const child = startProcess(file);
    child.write({ n: 1 });
    expect(await child.line<{ n: number }>((line) => line.n === 1)).toEqual({ n: 1 });
    child.freeze();
    child.write({ n: 2 });
    child.thaw();
    await child.line<{ n: number }>((line) => line.n === 2);
    expect(child.output()).toContain('noise');
    await child.kill();
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await rm(folder, { recursive: true });
  });
});

describeWith('redis-server', 'a Redis server of its own', () => {
  test('is emptied by flush() and by a restart, on the same port', async () => {
    const server = await startRedis();
    if (server === null) throw new Error('There is no redis-server.');
    const client = new Redis(server.url);
    client.on('error', () => undefined);
    await client.set('key', 'value');
    await server.flush();
    expect(await client.get('key')).toBeNull();
    await client.set('key', 'value');
    await server.kill();
    await server.restart();
    expect(await client.get('key')).toBeNull();
    client.disconnect();
    await server.destroy();
  });
});
