/** Alarms on both backends: an idle process is woken in time, and nothing depends on it being so. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineJob, type Scheduler } from '../../../src/index.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { describeWith } from '../../support/services.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

const clock = defineJob({ name: 'clock', run: ({ nominalAt }) => Date.now() - nominalAt.getTime() });

/** The sweep of the worker never comes, and it schedules nothing itself: only an alarm can wake it. */
async function openIdle(redis?: string): Promise<{ door: Scheduler; worker: Scheduler }> {
  const common = { definitions: [clock], ...(redis !== undefined && { redis }) };
  const worker = await schedulers.open({ ...common, sweepInterval: '1h' });
  const door = await schedulers.open({ ...common, worker: false, sweepInterval: '100ms' });
  return { door, worker };
}

async function expectWokenInTime(door: Scheduler): Promise<void> {
  const handles = [];
  for (const delay of [600, 900]) handles.push(await door.schedule(clock, undefined, { delay }));
  for (const handle of handles) {
    const { output } = await handle.result({ timeout: '10s' });
    expect(output).toBeGreaterThanOrEqual(0);
    expect(output).toBeLessThan(1000);
  }
}

test('on Postgres, an idle worker is woken for what another process scheduled', async () => {
  const { door } = await openIdle();
  await expectWokenInTime(door);
  expect((await door.stats()).alarms.up).toBe(true);
});

test('on Postgres, an idle worker hears at once of what is due now', async () => {
  const { door } = await openIdle();
  const { output } = await (await door.schedule(clock)).result({ timeout: '10s' });
  expect(output).toBeLessThan(1000);
});

describeWith('redis-server', 'on Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = (await startRedis()) as RedisServer;
  });
  afterAll(() => redis.destroy());

  test('an idle worker is woken for what another process scheduled', async () => {
    const { door } = await openIdle(redis.url);
    await expectWokenInTime(door);
  });

  test('everything goes on while Redis is away, and the alarms come back with it', async () => {
    const scheduler = await schedulers.open({ definitions: [clock], redis: redis.url, sweepInterval: '100ms' });
    const before = await scheduler.schedule(clock, undefined, { delay: 800 });
    await redis.kill();
    await waitUntil(async () => !(await scheduler.stats()).alarms.up, { what: 'the alarms to notice' });
    const now = await scheduler.schedule(clock);
    const later = await scheduler.schedule(clock, undefined, { delay: 300 });
    for (const handle of [before, now, later]) {
      const { output } = await handle.result({ timeout: '10s' });
      expect(output).toBeGreaterThanOrEqual(0);
      expect(output).toBeLessThan(3000);
    }
    await redis.restart();
    await waitUntil(async () => (await scheduler.stats()).alarms.up, { what: 'the alarms to come back' });
    const again = await scheduler.schedule(clock, undefined, { delay: 300 });
    expect(await again.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  });

  test('a scheduler that is opened while Redis is away works', async () => {
    await redis.stop();
    const scheduler = await schedulers.open({ definitions: [clock], redis: redis.url, sweepInterval: '100ms' });
    const handle = await scheduler.schedule(clock, undefined, { delay: 300 });
    expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
    await scheduler.stop();
    await redis.restart();
  });
});
