/** Crons over hours, outages and changes of clocks, with the store's clock in the test's hand. */
import { beforeAll, describe, expect, test } from 'vitest';
import { nightly, nightlyReport } from '../../../examples/nightly-report.ts';
import { type CronOptions, defineJob, InvalidOptionError, type Scheduler, type Stats } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { installVirtualTime } from '../../support/virtual-time.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const quick = { sweepInterval: '50ms' } as const;

let advance: (ms: number) => Promise<void>;

beforeAll(async () => {
  advance = await installVirtualTime(schedulers.database.pool(), 'carillon');
});

async function now(): Promise<number> {
  const { rows } = await schedulers.database
    .pool()
    .query<{ now: number }>('select (extract(epoch from carillon.now()) * 1000)::float8 as now');
  return rows[0]?.now ?? 0;
}

/** Forward, to the next instant that lies so long after a full hour. */
async function advanceTo(afterHour: number): Promise<number> {
  const from = await now();
  const to = Math.ceil((from - afterHour) / HOUR) * HOUR + afterHour;
  await advance(to - from);
  return to - afterHour;
}

function witness() {
  const runs: { cron: string; nominalAt: number }[] = [];
  const tick = defineJob<{ cron: string }, void>({
    name: 'tick',
    run: ({ input, nominalAt }) => void runs.push({ cron: input.cron, nominalAt: nominalAt.getTime() }),
  });
  const cron = (id: string, given: Partial<CronOptions<typeof tick>>): CronOptions => ({
    id,
    every: '1h',
    job: tick,
    input: { cron: id },
    ...(given as object),
  });
  return { tick, runs, cron };
}

function swept({ duties }: Stats): boolean {
  return duties.every(({ lastPassAgeMs }) => lastPassAgeMs !== null);
}

/** All crons have seen to what is due, and nothing of theirs runs or waits. */
async function atRest(scheduler: Scheduler): Promise<void> {
  const at = await now();
  await waitUntil(
    async () =>
      (await scheduler.listCrons()).every(
        ({ nextAt, running, queued }) => (!nextAt || nextAt.getTime() > at) && running.length + queued.length === 0,
      ),
    { timeoutMs: 20_000, what: 'all crons to rest' },
  );
}

test('after five hours without a worker each policy makes up for what it says, and each run knows its instant', async () => {
  const { tick, runs, cron } = witness();
  const before = await schedulers.open({ definitions: [tick], ...quick });
  await advanceTo(10 * MINUTE);
  const policies = ['skip', 'last', 'first', 'all'] as const;
  await before.applyCrons(policies.map((missed) => cron(missed, { missed })));
  await before.applyCrons([cron('young', { missed: 'all', missedWindow: '150m' })]);
  await waitUntil(async () => (await before.list({ name: 'carillon.cron' })).items.every(({ seq }) => seq > 0));
  await before.stop();
  await advance(5 * HOUR);
  const last = await advanceTo(20 * MINUTE);
  const after = await schedulers.open({ definitions: [tick], ...quick });
  await waitUntil(async () => (await after.listCrons()).every(({ nextAt }) => nextAt?.getTime() === last + HOUR));
  // What is made up for is spread over a minute.
  await advance(MINUTE);
  await atRest(after);
  const ran = (id: string): number[] =>
    runs.filter((run) => run.cron === id).map(({ nominalAt }) => (nominalAt - last) / HOUR);
  expect(ran('skip')).toEqual([]);
  expect(ran('last')).toEqual([0]);
  expect(ran('first')).toEqual([-4]);
  expect(ran('all')).toEqual([-4, -3, -2, -1, 0]);
  expect(ran('young')).toEqual([-2, -1, 0]);
  const missed = Object.fromEntries((await after.listCrons()).map(({ id, missed: count }) => [id, count]));
  expect(missed).toEqual({ skip: 5, last: 4, first: 4, all: 0, young: 2 });
});

test('ten schedulers that all look at once fire each instant once', async () => {
  const { tick, runs, cron } = witness();
  await advanceTo(30 * MINUTE);
  const all = await Promise.all(Array.from({ length: 10 }, () => schedulers.open({ definitions: [tick] })));
  const [first] = all as [Scheduler];
  await first.applyCrons([cron('a', { overlap: 'allow' }), cron('b', { overlap: 'allow' })]);
  await waitUntil(async () => (await first.list({ name: 'carillon.cron' })).items.every(({ seq }) => seq > 0));
  // A sweep that has never looked before a jump of the clock takes the others for dead.
  await waitUntil(async () => (await Promise.all(all.map((each) => each.stats()))).every(swept));
  for (let hour = 1; hour <= 6; hour++) {
    await advanceTo(SECOND);
    await waitUntil(() => runs.length >= 2 * hour, { timeoutMs: 20_000 });
    await atRest(first);
  }
  const fired = runs.map(({ cron: id, nominalAt }) => `${id} ${nominalAt}`);
  expect(new Set(fired).size).toBe(12);
  expect(fired).toHaveLength(12);
  expect((await first.listCrons()).map(({ fires, missed }) => ({ fires, missed }))).toEqual([
    { fires: 6, missed: 0 },
    { fires: 6, missed: 0 },
  ]);
}, 120_000);

test('a thousand crons back from a day without a worker run once each, spread over a minute', async () => {
  const { tick, runs, cron } = witness();
  const before = await schedulers.open({ definitions: [tick], ...quick });
  await advanceTo(10 * MINUTE);
  await before.applyCrons(Array.from({ length: 1000 }, (_, n) => cron(`c${n}`, {})));
  await waitUntil(
    async () => {
      const { items } = await before.list({ name: 'carillon.cron', limit: 1000 });
      return items.every(({ seq }) => seq > 0);
    },
    { timeoutMs: 60_000 },
  );
  await before.stop();
  await advance(DAY);
  await advanceTo(30 * MINUTE);
  const pool = schedulers.database.pool();
  const after = await schedulers.open({ definitions: [tick], ...quick });
  await waitUntil(
    async () => {
      const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from carillon.actors
        where parent is not null and key is null`);
      return (rows[0]?.count ?? 0) + runs.length >= 1000;
    },
    { timeoutMs: 60_000, what: 'a thousand runs' },
  );
  const { rows } = await pool.query<{ second: number; count: number }>(
    `select floor(extract(epoch from wake_at - created_at) / 10)::int as second, count(*)::int as count
    from carillon.actors where parent is not null and in_due group by 1 order by 1`,
  );
  await advance(MINUTE);
  await waitUntil(() => runs.length >= 1000, { timeoutMs: 60_000 });
  await atRest(after);
  expect(runs).toHaveLength(1000);
  expect(new Set(runs.map(({ cron: id }) => id)).size).toBe(1000);
  expect(new Set(runs.map(({ nominalAt }) => nominalAt)).size).toBe(1);
  const later = rows.filter(({ second }) => second > 0);
  expect(later.map(({ second }) => second)).toEqual([1, 2, 3, 4, 5]);
  for (const { count } of later) expect(count).toBeGreaterThan(100);
}, 180_000);

describe('a backfill', () => {
  test('runs each instant that was passed and has no run, once, beside limits and overlaps', async () => {
    const { tick, runs, cron } = witness();
    const scheduler = await schedulers.open({ definitions: [tick], ...quick });
    const hour = await advanceTo(10 * MINUTE);
    await scheduler.applyCrons([cron('x', { limit: 5 })]);
    await waitUntil(async () => (await scheduler.list({ name: 'carillon.cron' })).items.every(({ seq }) => seq > 0));
    await advanceTo(SECOND);
    await waitUntil(() => runs.length === 1);
    await atRest(scheduler);
    const [from, to] = [new Date(hour - 3 * HOUR), new Date(hour + HOUR)];
    expect(await scheduler.backfillCron('x', from, to)).toBe(4);
    await waitUntil(() => runs.length === 5);
    expect(runs.map(({ nominalAt }) => (nominalAt - hour) / HOUR).sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1]);
    await waitUntil(async () =>
      (await scheduler.list({ label: 'cron:x' })).items.every(({ status }) => status === 'done'),
    );
    expect(await scheduler.backfillCron('x', from, to)).toBe(0);
    expect(await scheduler.getCron('x')).toMatchObject({ fires: 1, running: [], skipped: 0 });
  });

  test('leaves alone what the cron is still to see to', async () => {
    const { tick, runs, cron } = witness();
    const scheduler = await schedulers.open({ definitions: [tick], start: false });
    const hour = await advanceTo(10 * MINUTE);
    await scheduler.applyCrons([cron('x', { missed: 'all' })]);
    await advance(3 * HOUR);
    expect(await scheduler.backfillCron('x', new Date(hour), new Date(hour + 3 * HOUR))).toBe(1);
    await scheduler.start();
    await waitUntil(async () => (await scheduler.getCron('x'))?.fires === 1);
    await advance(MINUTE);
    await atRest(scheduler);
    expect(runs.map(({ nominalAt }) => (nominalAt - hour) / HOUR)).toEqual([0, 1, 2, 3]);
  });

  test('of one that was paused reaches what its pause left out', async () => {
    const { tick, runs, cron } = witness();
    const scheduler = await schedulers.open({ definitions: [tick], ...quick });
    const hour = await advanceTo(10 * MINUTE);
    await scheduler.applyCrons([cron('x', { enabled: false })]);
    await advance(2 * HOUR);
    expect(await scheduler.backfillCron('x', new Date(hour + HOUR), new Date(await now()))).toBe(2);
    await waitUntil(() => runs.length === 2);
    await scheduler.resumeCron('x');
    await waitUntil(async () => (await scheduler.getCron('x'))?.nextAt?.getTime() === hour + 3 * HOUR);
  });

  test('is refused for the future, backwards, and for more than a thousand, saying how many', async () => {
    const { tick, cron } = witness();
    const scheduler = await schedulers.open({ definitions: [tick] });
    await scheduler.applyCrons([cron('x', {})]);
    const at = await now();
    const ask = (from: number, to: number): Promise<number> =>
      scheduler.backfillCron('x', new Date(from), new Date(to));
    await expect(ask(at, at + HOUR)).rejects.toThrow(/'to' must not be in the future/);
    await expect(ask(at, at - HOUR)).rejects.toThrow(/'from' must not be after 'to'/);
    await expect(ask(at - 1001 * HOUR, at)).rejects.toThrow(/leaves 1001 fires to run, of at most 1000/);
    await expect(ask(0, at)).rejects.toThrow(/leaves 10000 or more fires to run/);
    await expect(ask(Number.NaN, at)).rejects.toThrow(InvalidOptionError);
  });
});

test('over a change of clocks the nightly report runs exactly once each night', async () => {
  const scheduler = await schedulers.open({ definitions: [nightlyReport], ...quick });
  const nights = async (): Promise<string[]> => {
    const { items } = await scheduler.list({ label: 'cron:nightly-report', limit: 1000 });
    return items.map(({ record }) => String(record?.output)).sort();
  };
  // Noon before the night in which the clocks go forward, next spring or the one after.
  const spring = Date.UTC(new Date(await now()).getUTCFullYear() + 1, 2, 31, 12);
  const changes = spring - new Date(spring).getUTCDay() * DAY - DAY;
  await advance(changes - DAY - (await now()));
  await scheduler.applyCrons([nightly]);
  for (let night = 1; night <= 4; night++) {
    await advance(DAY);
    await waitUntil(async () => (await scheduler.getCron('nightly-report'))?.fires === night);
    // It is noon by now, and what is made up for may wait for a minute.
    await advance(MINUTE);
    await atRest(scheduler);
  }
  const at = (day: number, hour: number, minute: number): string =>
    `eu: ${new Date(changes + day * DAY + (hour - 12) * HOUR + minute * MINUTE).toISOString()}`;
  expect(await nights()).toEqual([at(0, 1, 30), at(1, 1, 0), at(2, 0, 30), at(3, 0, 30)]);
}, 60_000);
