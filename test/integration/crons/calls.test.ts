/** What a scheduler does with crons, call by call, with a real clock. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  ActorNotFoundError,
  type CronView,
  DropError,
  defineJob,
  InvalidInputError,
  InvalidOptionError,
  InvalidStateError,
  type RunContext,
  type Scheduler,
  UnknownDefinitionError,
} from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

/** A job that tells of each of its runs. */
function witness(handle: (context: RunContext<{ n: number }>) => unknown = () => undefined) {
  const runs: { id: string; nominalAt: number; n: number }[] = [];
  const tick = defineJob({
    name: 'tick',
    input: z.object({ n: z.number().default(1) }),
    retry: { maxRetries: 0 },
    run(context) {
      runs.push({ id: context.id, nominalAt: context.nominalAt.getTime(), n: context.input.n });
      return handle(context);
    },
  });
  return { tick, runs };
}

/** Once that holds for the cron. */
function cronOnce(scheduler: Scheduler, id: string, holds: (view: CronView) => boolean): Promise<CronView> {
  return waitUntil(
    async () => {
      const view = await scheduler.getCron(id);
      return view && holds(view) && view;
    },
    { what: `cron '${id}'` },
  );
}

test('a cron runs its job at each instant of its times, with the input its schema gave', async () => {
  const { tick, runs } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  const handle = await scheduler.scheduleCron({ id: 'each second', cron: '* * * * * *', job: tick, input: {} });
  expect(handle.outcome).toBe('scheduled');
  await waitUntil(() => runs.length >= 3);
  const [first = 0] = runs.map(({ nominalAt }) => nominalAt);
  expect(first % 1000).toBe(0);
  expect(runs.slice(0, 3)).toMatchObject([0, 1000, 2000].map((later) => ({ nominalAt: first + later, n: 1 })));
  const { items } = await scheduler.list({ label: 'cron:each second' });
  expect(items.map(({ id, parentId, name }) => ({ id, parentId, name }))).toContainEqual({
    id: runs[0]?.id,
    parentId: handle.id,
    name: 'tick',
  });
});

test('getCron and listCrons show it; list finds its actor by its key', async () => {
  const { tick, runs } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  const startAt = new Date(Date.now() - 500);
  const { id } = await scheduler.scheduleCron({
    id: 'b',
    every: '1s',
    startAt,
    job: 'tick',
    limit: 1,
    input: { n: 4 },
  });
  await scheduler.scheduleCron({
    id: 'a',
    cron: '@yearly',
    timezone: 'Europe/Berlin',
    job: 'tick',
    input: {},
    jitter: '1h',
  });
  const retired = await cronOnce(scheduler, 'b', ({ state }) => state === 'retired');
  expect(retired).toEqual({
    id: 'b',
    actorId: id,
    state: 'retired',
    job: 'tick',
    every: 1000,
    timezone: 'UTC',
    startAt,
    nextAt: null,
    lastRun: {
      id: runs[0]?.id,
      nominalAt: new Date(startAt.getTime() + 1000),
      status: 'success',
      settledAt: expect.any(Date),
    },
    running: [],
    queued: [],
    fires: 1,
    skipped: 0,
    missed: 0,
    failures: 0,
    declared: false,
    policies: { missed: 'last', overlap: 'skip', jitter: 0, limit: 1, deleteAfterRun: false },
    createdAt: expect.any(Date),
  });
  const all = await scheduler.listCrons();
  expect(all.map((view) => view.id)).toEqual(['a', 'b']);
  expect(all[0]).toMatchObject({ state: 'waiting', cron: '@yearly', timezone: 'Europe/Berlin' });
  expect(all[0]?.nextAt?.getTime()).toBeGreaterThan(Date.now());
  expect((await scheduler.list({ key: 'cron:b' })).items).toMatchObject([
    { id, name: 'carillon.cron', state: 'retired' },
  ]);
  expect(await scheduler.getCron('c')).toBeNull();
});

test('is shown the same before a worker has looked at it', async () => {
  const { tick } = witness();
  const scheduler = await schedulers.open({ definitions: [tick], start: false });
  await scheduler.scheduleCron({ id: 'on', every: '1h', job: tick, input: {} });
  await scheduler.scheduleCron({ id: 'off', every: '1h', job: tick, input: {}, enabled: false });
  const before = await scheduler.listCrons();
  expect(before).toMatchObject([
    { id: 'off', state: 'paused', nextAt: null, pausedBecause: 'declared so' },
    { id: 'on', state: 'waiting', nextAt: expect.any(Date) },
  ]);
  await scheduler.start();
  await waitUntil(async () => (await scheduler.list({ key: 'cron:off' })).items[0]?.seq === 1);
  await waitUntil(async () => (await scheduler.list({ key: 'cron:on' })).items[0]?.seq === 1);
  expect(await scheduler.listCrons()).toEqual(before);
});

test('scheduling it again changes it, and says whether there was anything to change', async () => {
  const { tick, runs } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  const base = { id: 'x', job: tick, input: { n: 1 } } as const;
  const first = await scheduler.scheduleCron({ ...base, every: '1s' });
  await waitUntil(() => runs.length > 0);
  const same = await scheduler.scheduleCron({ ...base, every: '1s' });
  expect([same.outcome, same.id]).toEqual(['skipped_in_flight', first.id]);
  const changed = await scheduler.scheduleCron({ ...base, every: '1h', input: { n: 2 } });
  expect([changed.outcome, changed.id]).toEqual(['updated', first.id]);
  const view = await cronOnce(scheduler, 'x', ({ every }) => every === 3_600_000);
  expect(view.fires).toBeGreaterThan(0);
  await scheduler.runCron('x');
  await waitUntil(() => runs.at(-1)?.n === 2);
});

test('removed, its id is free at once, whoever declares it in the same moment', async () => {
  const { tick, runs } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  const options = { id: 'x', every: '1h', job: tick, input: {} } as const;
  for (let round = 0; round < 20; round++) {
    await scheduler.scheduleCron(options);
    await scheduler.removeCron('x');
    const { id } = await scheduler.scheduleCron(options);
    await waitUntil(async () => {
      const { items } = await scheduler.list({ key: 'cron:x', status: 'active' });
      return items.length === 1 && items[0]?.mail === 0 && items[0].state === 'waiting';
    });
    expect((await scheduler.getCron('x'))?.actorId).toBe(id);
    await scheduler.removeCron('x');
    await waitUntil(async () => (await scheduler.getCron('x')) === null);
  }
  expect(runs).toEqual([]);
});

test('a removed cron settles as cancelled; its runs go on, and no letter brings it back', async () => {
  const hold = deferred();
  const { tick, runs } = witness(() => hold.promise);
  const scheduler = await schedulers.open({ definitions: [tick] });
  const cron = await scheduler.scheduleCron({ id: 'x', every: '1s', job: tick, input: {} });
  await waitUntil(() => runs.length === 1);
  await scheduler.removeCron('x');
  expect(await cron.result({ timeout: '10s' })).toMatchObject({ status: 'cancelled', reason: 'removed' });
  hold.resolve();
  const run = scheduler.getHandle(runs[0]?.id ?? '');
  expect(await run.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  await expect(scheduler.resumeCron('x')).rejects.toThrow("No cron 'x'.");
});

test('runCron runs once more at once, also when paused, and moves nothing', async () => {
  const { tick, runs } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  await scheduler.scheduleCron({ id: 'x', every: '1h', job: tick, input: { n: 7 } });
  await scheduler.pauseCron('x');
  await cronOnce(scheduler, 'x', ({ state }) => state === 'paused');
  const before = Date.now();
  const handle = await scheduler.runCron('x');
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  expect(runs).toMatchObject([{ id: handle.id, n: 7 }]);
  expect(runs[0]?.nominalAt).toBeGreaterThanOrEqual(before - 1000);
  const view = await cronOnce(scheduler, 'x', ({ lastRun }) => lastRun?.id === handle.id);
  expect(view).toMatchObject({ state: 'paused', fires: 0, running: [], pausedBecause: 'asked to' });
  await scheduler.resumeCron('x');
  const next = await cronOnce(scheduler, 'x', ({ state }) => state === 'waiting');
  expect(next.nextAt?.getTime()).toBeGreaterThan(Date.now());
});

test('failing runs pause it and say so, in its view and in the log', async () => {
  const { tick, runs } = witness(() => {
    throw new DropError('broken');
  });
  const scheduler = await schedulers.open({ definitions: [tick] });
  await scheduler.scheduleCron({ id: 'x', every: '1s', job: tick, input: {}, pauseAfterFailures: 2 });
  const view = await cronOnce(scheduler, 'x', ({ state }) => state === 'paused');
  expect(view).toMatchObject({ failures: 2, fires: 2, nextAt: null });
  expect(view.pausedBecause).toContain('2 runs in a row failed');
  await waitUntil(() => schedulers.log.some((line) => JSON.stringify(line).includes("Cron 'x' is paused: 2 runs")));
  expect(runs).toHaveLength(2);
});

test('deleteAfterRun takes the cron away once its run has ended, on a drop as on a success; the run stays', async () => {
  const { tick, runs } = witness(({ input }) => {
    if (input.n === 2) throw new DropError('broken');
  });
  const scheduler = await schedulers.open({ definitions: [tick] });
  const once = { every: '1s', job: tick, limit: 1, deleteAfterRun: true } as const;
  const handles = [
    await scheduler.scheduleCron({ id: 'good', ...once, input: { n: 1 } }),
    await scheduler.scheduleCron({ id: 'bad', ...once, input: { n: 2 } }),
  ];
  for (const handle of handles)
    expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: { fires: 1 } });
  expect(await scheduler.listCrons()).toEqual([]);
  expect(runs).toHaveLength(2);
  const { items } = await scheduler.list({ label: 'cron:bad' });
  expect(items).toMatchObject([{ status: 'dropped', parentId: handles[1]?.id }]);
});

test('what an application cannot say to it by an event, nobody can', async () => {
  const { tick } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  const { id } = await scheduler.scheduleCron({ id: 'x', every: '1h', job: tick, input: {} });
  await scheduler.send(id, { type: 'cron.pause' });
  await scheduler.send(id, { type: 'child.settled', nominalAt: 0, child: id, status: 'failed_dropped' });
  await waitUntil(async () => (await scheduler.get(id))?.mail === 0);
  expect(await scheduler.getCron('x')).toMatchObject({ state: 'waiting', failures: 0 });
  await expect(scheduler.runNow(id)).rejects.toThrow(InvalidStateError);
});

test('pausing one that retired is refused; unknown ids are named', async () => {
  const { tick } = witness();
  const scheduler = await schedulers.open({ definitions: [tick] });
  await scheduler.scheduleCron({ id: 'x', every: '1s', job: tick, input: {}, limit: 1 });
  await cronOnce(scheduler, 'x', ({ state }) => state === 'retired');
  await expect(scheduler.pauseCron('x')).rejects.toThrow(InvalidStateError);
  for (const call of ['removeCron', 'pauseCron', 'resumeCron', 'runCron'] as const) {
    await expect(scheduler[call]('nobody')).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler[call]('nobody')).rejects.toThrow("No cron 'nobody'.");
    await expect(scheduler[call]('')).rejects.toThrow(InvalidOptionError);
  }
  await expect(scheduler.backfillCron('nobody', new Date(0), new Date(1))).rejects.toThrow("No cron 'nobody'.");
});

test('its job has to be known here, and its input has to fit, also beside all that a cron keeps', async () => {
  const { tick } = witness();
  const other = defineJob({ name: 'other', run: () => undefined });
  const scheduler = await schedulers.open({ definitions: [tick], maxPayload: 100_000 });
  const cron = { id: 'x', every: '1h' } as const;
  await expect(scheduler.scheduleCron({ ...cron, job: 'unknown' })).rejects.toThrow(UnknownDefinitionError);
  await expect(scheduler.scheduleCron({ ...cron, job: other })).rejects.toThrow(UnknownDefinitionError);
  await expect(scheduler.scheduleCron({ ...cron, job: 'tick', input: { n: 'x' } })).rejects.toThrow(/input\.n/);
  const large = defineJob<{ text: string }, void>({ name: 'large', run: () => undefined });
  const second = await schedulers.open({ definitions: [large], maxPayload: 100_000, start: false });
  const text = (length: number): { text: string } => ({ text: 'x'.repeat(length) });
  await expect(second.scheduleCron({ ...cron, job: large, input: text(60_000) })).rejects.toThrow(InvalidInputError);
  expect((await second.scheduleCron({ ...cron, job: large, input: text(59_000) })).outcome).toBe('scheduled');
  const third = await schedulers.open({ definitions: [large], maxPayload: 4_000, start: false });
  await expect(third.scheduleCron({ ...cron, job: large, input: text(2_000) })).rejects.toThrow(/leaves 2000 for/);
  expect((await third.scheduleCron({ ...cron, id: 'y', job: large, input: text(500) })).outcome).toBe('scheduled');
});
