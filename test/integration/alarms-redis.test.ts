/** Alarms when Redis stops, hangs or comes late, and what connections they hold there. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AlarmOptions } from '../../src/alarms.ts';
import {
  ALARM_PROCESS,
  closeAlarmsAfterEach,
  listenTo,
  openAlarms,
  openUp,
  recordingLogger,
} from '../support/alarms.ts';
import { startProcess } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';

closeAlarmsAfterEach();

describeWith('redis-server', 'alarms on Redis', () => {
  let server: RedisServer;
  let client: Redis;
  const backend = (): AlarmOptions['backend'] => ({ kind: 'redis', connection: server.url });

  beforeAll(async () => {
    server = (await startRedis()) as RedisServer;
    client = new Redis(server.url);
    client.on('error', () => undefined);
  });
  beforeEach(() => server.flush());
  afterAll(async () => {
    client.disconnect();
    await server.destroy();
  });

  test('without Redis, arming returns at once, the log says so once, and it heals', async () => {
    const { logger, lines } = recordingLogger();
    const alarms = await openUp(backend(), { logger });
    const wakes = await listenTo(alarms, 'mail');
    await server.stop();
    await waitUntil(() => !alarms.state().up, { what: 'the alarms to be down' });
    const start = performance.now();
    for (let index = 0; index < 1_000; index += 1) alarms.arm('mail', Date.now() + 2_000 + index, Date.now());
    expect(performance.now() - start).toBeLessThan(200);
    await waitUntil(() => alarms.state().armed === 0, { what: 'the additions to fail' });
    for (let sweep = 0; sweep < 5; sweep += 1) {
      alarms.topUp([{ queue: 'mail', at: Date.now() + 3_000 }], Date.now());
      await waitUntil(() => alarms.state().armed === 0, { what: 'the addition to fail' });
    }
    expect(alarms.state()).toMatchObject({ up: false, lastError: expect.any(String) });
    expect(lines.map(({ level }) => level)).toEqual([40]);

    await server.restart();
    await waitUntil(
      () => {
        alarms.topUp([{ queue: 'mail', at: Date.now() + 1_500 }], Date.now());
        return wakes.length > 0;
      },
      { what: 'a wake-up after the restart' },
    );
    expect(alarms.state().up).toBe(true);
    expect(lines.map(({ level }) => level)).toEqual([40, 30]);
  });

  test('a Redis that hangs is noticed, and heals', async () => {
    const { logger, lines } = recordingLogger();
    const alarms = await openUp(backend(), { logger });
    const wakes = await listenTo(alarms, 'mail');
    server.freeze();
    try {
      alarms.arm('mail', Date.now() + 9_000, Date.now());
      await waitUntil(() => !alarms.state().up, { what: 'the alarms to be down' });
      expect(lines).toHaveLength(1);
      expect(alarms.state().armed).toBe(0);
    } finally {
      server.thaw();
    }
    await waitUntil(
      () => {
        alarms.topUp([{ queue: 'mail', at: Date.now() + 1_500 }], Date.now());
        return wakes.length > 0 && alarms.state().up;
      },
      { what: 'a wake-up after it went on', timeoutMs: 15_000 },
    );
  });

  test('they can be created while Redis is away, and come up with it', async () => {
    await server.stop();
    const { logger, lines } = recordingLogger();
    const alarms = await openAlarms(backend(), { logger });
    const wakes = await listenTo(alarms, 'mail');
    alarms.arm('mail', Date.now() + 900, Date.now());
    await waitUntil(() => lines.length > 0, { what: 'the log line' });
    expect(alarms.state().up).toBe(false);
    await server.restart();
    await waitUntil(() => alarms.state().up, { what: 'the alarms to be up' });
    alarms.arm('mail', Date.now() + 900, Date.now());
    await waitUntil(() => wakes.length > 0, { what: 'a wake-up' });
    expect(lines).toHaveLength(2);
  });

  test.each(['stopped', 'frozen', 'running'])('closing takes less than a second with Redis %s', async (state) => {
    const alarms = await openUp(backend());
    await listenTo(alarms, 'mail', 'files');
    alarms.arm('mail', Date.now() + 5_000, Date.now());
    await waitUntil(async () => (await client.keys('*:due-*')).length === 1, { what: 'the alarm' });
    if (state === 'stopped') await server.stop();
    if (state === 'frozen') server.freeze();
    try {
      alarms.arm('files', Date.now() + 5_000, Date.now());
      const start = performance.now();
      await alarms.close();
      expect(performance.now() - start).toBeLessThan(1_000);
    } finally {
      server.thaw();
      if (state === 'stopped') await server.restart();
    }
  });

  test('a process that closed its alarms can end', async () => {
    const child = startProcess(ALARM_PROCESS, { args: ['redis', server.url] });
    await child.line((line) => line === 'woken and closed');
    const start = performance.now();
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test('a Redis passed in lends its settings only: it is neither used nor closed, and its timeouts do not count', async () => {
    const own = new Redis(server.url, { commandTimeout: 50, maxRetriesPerRequest: 1, keyPrefix: 'mine:' });
    own.on('error', () => undefined);
    const alarms = await openUp({ kind: 'redis', connection: own });
    const wakes = await listenTo(alarms, 'mail');
    alarms.arm('mail', Date.now() + 1_500, Date.now());
    await waitUntil(() => wakes.length > 0, { what: 'the wake-up' });
    expect(alarms.state().up).toBe(true);
    expect((await client.keys('mine:carillon:*')).length).toBeGreaterThan(0);
    await alarms.close();
    expect(await own.ping()).toBe('PONG');
    own.disconnect();
  });

  test('it holds one connection, and one more for each queue it serves', async () => {
    const count = async (): Promise<number> =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length;
    const before = await waitUntil(async () => (await count()) === 1 && 1, {
      what: 'the connections of before to be gone',
    });
    const alarms = await openUp(backend());
    alarms.arm('a', Date.now() + 5_000, Date.now());
    alarms.arm('b', Date.now() + 5_000, Date.now());
    await waitUntil(async () => (await client.keys('*:due-*')).length === 2, { what: 'the alarms' });
    expect((await count()) - before).toBe(1);
    await listenTo(alarms, 'c', 'd');
    await waitUntil(async () => (await count()) - before === 3, { what: 'two more connections' });
    await alarms.close();
    await waitUntil(async () => (await count()) === before, { what: 'the connections to be gone' });
  });
});
