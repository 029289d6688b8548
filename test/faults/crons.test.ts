/** Crons whose workers are killed around their fires: every instant has one run, which ends once. */
import { describe, expect, test } from 'vitest';
import type { CronOptions } from '../../src/index.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { CrashPoint } from './fixtures/crash-points.ts';
import { LONG } from './long.ts';
import { closeStagesAfterEach, openStage, PATIENCE_MS, type Stage } from './stage.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

const SECOND = 1000;

const eachSecond: CronOptions = {
  id: 'each second',
  every: SECOND,
  job: 'work',
  input: { ms: 20 },
  missed: 'all',
  overlap: 'allow',
};

interface Run {
  readonly id: string;
  readonly nominalAt: number;
  readonly status: string;
}

async function runsOf({ pool }: Stage): Promise<readonly Run[]> {
  const { rows } = await pool.query<Run>(
    `select id, (substr(role, 2)::json ->> 'nominalAt')::float8 as "nominalAt", status from (
      select id, role, 'active' as status from carillon.actors where parent is not null
      union all select id, role, status from carillon.settled where parent is not null
    ) run order by 2`,
  );
  return rows;
}

/** Stops it from firing and waits for its last run. */
async function comeToRest(stage: Stage): Promise<readonly Run[]> {
  await stage.scheduler.pauseCron('each second');
  await waitUntil(
    async () => {
      const cron = await stage.scheduler.getCron('each second');
      return cron?.state === 'paused' && cron.running.length === 0;
    },
    { timeoutMs: PATIENCE_MS, what: 'the cron to rest' },
  );
  return runsOf(stage);
}

async function expectEachInstantOnce(stage: Stage, atLeast: number): Promise<void> {
  const runs = await comeToRest(stage);
  const [first] = runs;
  expect(runs.map(({ nominalAt }) => nominalAt)).toEqual(runs.map((_, n) => (first?.nominalAt ?? 0) + n * SECOND));
  expect(runs.length).toBeGreaterThanOrEqual(atLeast);
  expect(runs.map(({ status }) => status)).toEqual(runs.map(() => 'done'));
  const cron = await stage.scheduler.getCron('each second');
  expect(cron).toMatchObject({ fires: runs.length, missed: 0, skipped: 0, queued: [] });
  const settled = stage.facts.flatMap((fact) => (fact.what === 'settled' ? [fact.id] : []));
  expect(new Set(settled).size).toBe(settled.length);
  const nominals = new Map(runs.map(({ id, nominalAt }) => [id, nominalAt]));
  for (const fact of stage.facts) {
    if (fact.what !== 'started' || !nominals.has(fact.id)) continue;
    expect(fact.dueAt).toBe(nominals.get(fact.id));
    expect(fact.at).toBeGreaterThanOrEqual(fact.dueAt - 1);
  }
  expect(await stage.store.audit(10)).toEqual([]);
}

function firedUntil(stage: Stage, count: number): Promise<true> {
  return waitUntil(async () => (await runsOf(stage)).length >= count, {
    timeoutMs: PATIENCE_MS,
    what: `${count} instants`,
  });
}

describe('a worker killed around a fire neither skips nor doubles it', () => {
  // A turn of the cron, its run, the news of it: whatever the count of the commit, it is one of them.
  const moments: [CrashPoint, number][] = [
    ['claimed', 1],
    ['committing', 1],
    ['committed', 2],
  ];
  const others: [CrashPoint, number][] = [
    ['committed', 1],
    ['committing', 2],
    ['committed', 3],
  ];
  test.each(LONG ? [...moments, ...others] : moments)('%s, the %ith time', async (at, nth) => {
    const stage = await openStage();
    const [first, second] = await stage.startWorkers({ crash: { at, nth } }, { start: false });
    await stage.scheduler.applyCrons([eachSecond]);
    expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' });
    second.order({ order: 'start' });
    await firedUntil(stage, 2);
    await expectEachInstantOnce(stage, 2);
  });
});

test('workers that die by chance at any call, and are replaced, fire each instant once', async () => {
  const stage = await openStage();
  await stage.scheduler.applyCrons([eachSecond]);
  stage.supervise(2, { leaseMs: 1_500, deathChance: LONG ? 0.01 : 0.03 });
  await waitUntil(() => stage.workers.filter(({ alive }) => !alive).length >= 3, { timeoutMs: 2 * PATIENCE_MS });
  const instants = LONG ? 6 : 3;
  await firedUntil(stage, instants);
  await stage.startWorker();
  await expectEachInstantOnce(stage, instants);
});

test('a rolling restart under load fires each instant once, and none of the load is lost', async () => {
  const stage = await openStage();
  await stage.scheduler.applyCrons([eachSecond]);
  const workers = await stage.startWorkers({}, {});
  const load = Array.from({ length: 60 }, (_, n) => stage.schedule('work', { ms: 50 }, { delay: n * 50 }));
  for (const worker of workers) {
    const before = (await runsOf(stage)).length;
    worker.mortal = true;
    worker.signal('SIGTERM');
    const [{ code }] = await Promise.all([worker.ended, stage.startWorker()]);
    expect(code).toBe(0);
    await firedUntil(stage, before + 1);
  }
  const ids = await Promise.all(load);
  await waitUntil(async () => (await stage.store.progressed(ids)).every(({ status }) => status === 'done'), {
    timeoutMs: PATIENCE_MS,
    what: 'the load',
  });
  await expectEachInstantOnce(stage, 2);
});
