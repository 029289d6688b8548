import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';
import { putLoadOn, randomFrom } from './load.ts';
import { LONG } from './long.ts';
import { closeStagesAfterEach, endAfterTest, openStage, PATIENCE_MS, type Stage } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

const ROUNDS = LONG ? 8 : 1;
/** A sweep, and what a busy machine takes. */
const LATE_MS = 5_000;

async function openOnRedis(): Promise<{ stage: Stage; redis: RedisServer }> {
  const redis = await startRedis();
  if (redis === null) throw new Error('There is no redis-server.');
  endAfterTest(() => redis.destroy());
  return { stage: await openStage({ redis: redis.url }), redis };
}

function expectNothingLate(stage: Stage): void {
  for (const { id, notBefore, name } of stage.promised) {
    if (name === 'work') expect((stage.starts(id)[0]?.at ?? Number.NaN) - notBefore).toBeLessThan(LATE_MS);
  }
}

describeWith('redis-server', 'Redis under load', () => {
  test('is flushed, stops and comes back empty: every run settles once, and none is much too late', async () => {
    const { stage, redis } = await openOnRedis();
    await stage.startWorkers({ sweepMs: 1_000 }, { sweepMs: 1_000 });
    const load = putLoadOn(stage, ROUNDS * 120, randomFrom(4));
    for (let round = 0; round < ROUNDS; round++) {
      const before = round * 90;
      await stage.settledCount(before + 10);
      await redis.flush();
      await stage.settledCount(before + 30);
      await redis.kill();
      await stage.settledCount(before + 60);
      await redis.restart();
      await stage.settledCount(before + 80);
      await redis.flush();
    }
    await load.done;
    await expectAllWell(stage);
    expectNothingLate(stage);
    await waitUntil(async () => (await stage.scheduler.stats()).alarms.up, { timeoutMs: PATIENCE_MS });
  });

  test('rings two hundred false alarms: nothing begins early or twice', async () => {
    const { stage, redis } = await openOnRedis();
    await stage.startWorkers({ sweepMs: 1_000, leaseMs: 20_000 }, { sweepMs: 1_000, leaseMs: 20_000 });
    for (let run = 0; run < 30; run++) await stage.schedule('work', { ms: 10 }, { delay: 2_500 + 50 * run });
    const queue = new Queue('carillon.default.default', {
      prefix: 'carillon',
      connection: { host: '127.0.0.1', port: redis.port },
    });
    queue.on('error', () => undefined);
    endAfterTest(() => queue.close());
    const rings = Array.from({ length: 200 }, (_, ring) => ({
      name: 'wake',
      data: {},
      opts: { jobId: `due-${ring}`, delay: 15 * ring, removeOnComplete: true },
    }));
    await queue.addBulk(rings);
    await expectAllWell(stage);
    expectNothingLate(stage);
    await waitUntil(async () => (await queue.count()) === 0, { timeoutMs: PATIENCE_MS, what: 'all alarms to ring' });
    for (const { id } of stage.promised) expect(stage.starts(id)).toMatchObject([{ attempt: 1 }]);
  });

  test('is away from the start: the sweep finds what is due', async () => {
    const { stage, redis } = await openOnRedis();
    await redis.kill();
    await stage.startWorker({ sweepMs: 1_000 });
    for (let run = 0; run < 10; run++) await stage.schedule('work', {}, { delay: 2_500 + 100 * run });
    await expectAllWell(stage);
    expectNothingLate(stage);
  });
});
