/** Opening, starting and stopping a scheduler. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import {
  createScheduler,
  DefinitionVersionError,
  defineActor,
  defineJob,
  InvalidOptionError,
  type Scheduler,
  SchedulerStoppedError,
} from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

function pingJob() {
  return defineJob({ name: 'ping', run: () => 'pong' });
}

async function connections(): Promise<number> {
  const { rows } = await schedulers.database
    .pool({ max: 1 })
    .query<{ count: number }>(
      'select count(*)::int as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
  return rows[0]?.count ?? 0;
}

test('a scheduler that was not started schedules and reads, and runs nothing', async () => {
  const ping = pingJob();
  const scheduler = await schedulers.open({ definitions: [ping], start: false });
  const handle = await scheduler.schedule(ping);
  expect((await scheduler.stats()).workers).toEqual([]);
  expect(await scheduler.get(handle.id)).toMatchObject({ state: 'scheduled', attempt: 0 });
  await scheduler.start();
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: 'pong' });
});

test('starting twice makes one worker; stopping twice, or unstarted, is quiet', async () => {
  const ping = pingJob();
  const scheduler = await schedulers.open({ definitions: [ping] });
  await Promise.all([scheduler.start(), scheduler.start()]);
  expect((await scheduler.stats()).workers).toHaveLength(1);
  await Promise.all([scheduler.stop(), scheduler.stop()]);
  await scheduler.stop();
  const unstarted = await schedulers.open({ definitions: [ping], start: false });
  await unstarted.stop();
});

test('a stopped scheduler refuses everything with SchedulerStoppedError', async () => {
  const ping = pingJob();
  const scheduler = await schedulers.open({ definitions: [ping] });
  const handle = await scheduler.schedule(ping, undefined, { delay: '1h' });
  const waiting = expect(handle.result()).rejects.toThrow(SchedulerStoppedError);
  await scheduler.stop();
  await waiting;
  const calls: Record<string, (id: string, stopped: Scheduler) => Promise<unknown>> = {
    start: (_, stopped) => stopped.start(),
    schedule: (_, stopped) => stopped.schedule(ping),
    scheduleMany: (_, stopped) => stopped.scheduleMany(ping, [{ input: undefined }]),
    scheduleFollowup: (_, stopped) => stopped.scheduleFollowup({ threadId: 't', message: 1, delay: '1h' }),
    listFollowups: (_, stopped) => stopped.listFollowups({ threadId: 't' }),
    cancelFollowup: (_, stopped) => stopped.cancelFollowup({ key: 'k' }),
    send: (id, stopped) => stopped.send(id, { type: 'x' }),
    cancel: (id, stopped) => stopped.cancel(id),
    runNow: (id, stopped) => stopped.runNow(id),
    reschedule: (id, stopped) => stopped.reschedule(id, new Date()),
    release: (id, stopped) => stopped.release(id),
    pauseQueue: (_, stopped) => stopped.pauseQueue('default'),
    resumeQueue: (_, stopped) => stopped.resumeQueue('default'),
    get: (id, stopped) => stopped.get(id),
    list: (_, stopped) => stopped.list(),
    explain: (id, stopped) => stopped.explain(id),
    waitFor: (id, stopped) => stopped.waitFor(id, { timeout: '5s' }),
    history: (id, stopped) => stopped.history(id),
    stats: (_, stopped) => stopped.stats(),
    result: () => handle.result({ timeout: '5s' }),
  };
  for (const [name, call] of Object.entries(calls)) {
    await expect(call(handle.id, scheduler), name).rejects.toThrow(SchedulerStoppedError);
  }
});

test('stop waits for what runs, and leaves no connection behind', async () => {
  const running = deferred();
  const slow = defineJob({
    name: 'slow',
    async run() {
      running.resolve();
      await new Promise((resolve) => setTimeout(resolve, 150));
      return 'finished';
    },
  });
  const scheduler = await schedulers.open({ definitions: [slow] });
  const handle = await scheduler.schedule(slow);
  await running.promise;
  await scheduler.stop();
  await waitUntil(async () => (await connections()) === 0, { what: 'all connections to be closed' });
  const reader = await schedulers.open({ definitions: [slow], start: false });
  expect((await reader.get(handle.id))?.record).toMatchObject({ status: 'success', output: 'finished', attempts: 1 });
});

test('stop hands back what does not finish in time, and it runs elsewhere without spending a retry', async () => {
  const seen: { attempt: number; key: string }[] = [];
  const aborted = deferred<unknown>();
  const running = deferred();
  const stubborn = defineJob({
    name: 'stubborn',
    retry: { maxRetries: 0 },
    run({ attempt, idempotencyKey, signal }) {
      seen.push({ attempt, key: idempotencyKey });
      if (seen.length > 1) return 'elsewhere';
      running.resolve();
      return new Promise<string>(() => {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason));
      });
    },
  });
  const first = await schedulers.open({ definitions: [stubborn] });
  const handle = await first.schedule(stubborn);
  await running.promise;
  await first.stop({ timeout: 50 });
  expect(await aborted.promise).toMatchObject({ name: 'AbortError', code: 'ABORTED_STOPPING' });
  const second = await schedulers.open({ definitions: [stubborn] });
  const record = await second.getHandle(handle.id, stubborn).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'success', output: 'elsewhere', attempts: 1 });
  expect(seen.map(({ attempt }) => attempt)).toEqual([1, 1]);
  expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
});

test('a schedule that is under way when stop is called is stored or refused, never half done', async () => {
  const ping = pingJob();
  const scheduler = await schedulers.open({ definitions: [ping] });
  const calls = Array.from({ length: 50 }, () => scheduler.schedule(ping));
  const stopping = scheduler.stop();
  const results = await Promise.allSettled(calls);
  await stopping;
  const reader = await schedulers.open({ definitions: [ping], start: false });
  for (const result of results) {
    if (result.status === 'fulfilled') expect(await reader.get(result.value.id)).not.toBeNull();
    else expect(result.reason).toBeInstanceOf(SchedulerStoppedError);
  }
});

test('a pool that was passed in is used and left open', async () => {
  const ping = pingJob();
  const pool = schedulers.database.pool();
  const scheduler = await createScheduler({ definitions: [ping], postgres: pool, logger: false, namespace: 'pooled' });
  await scheduler.start();
  expect(await (await scheduler.schedule(ping)).result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  await scheduler.stop();
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('options and definitions that cannot work are refused when the scheduler is opened', async () => {
  const machine = setup({}).createMachine({});
  const twins = [defineActor({ name: 'twin', machine }), defineActor({ name: 'twin', machine })];
  await expect(schedulers.open({ definitions: twins })).rejects.toThrow(DefinitionVersionError);
  const unknown = { definitions: [], tyop: 1 } as never;
  await expect(schedulers.open(unknown)).rejects.toThrow(/'tyop' is unknown/);
  await expect(schedulers.open({ definitions: [], sweepInterval: '0ms' })).rejects.toThrow(InvalidOptionError);
  await expect(schedulers.open({ definitions: [{ kind: 'job', name: 'x', version: 1 }] })).rejects.toThrow(
    InvalidOptionError,
  );
});
