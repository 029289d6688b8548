/** When runs start: delays, instants, and what an operator can move. */
import { expect, test } from 'vitest';
import { ActorNotFoundError, ActorSettledError, defineJob, InvalidStateError } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const HOUR_MS = 3_600_000;

/** A job that says when it was due and when it ran, by the clock of this machine, which the database shares. */
function clockJob() {
  return defineJob({ name: 'clock', run: ({ nominalAt }) => ({ dueAt: nominalAt.getTime(), ranAt: Date.now() }) });
}

test('a delayed run is shown as scheduled until its time, and never starts early', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock] });
  const before = Date.now();
  const handle = await scheduler.schedule(clock, undefined, { delay: '300ms' });
  const view = await scheduler.get(handle.id);
  expect(view).toMatchObject({ status: 'active', state: 'scheduled', attempt: 0, timers: [{ event: 'start' }] });
  const dueAt = view?.wakeAt?.getTime() ?? 0;
  expect(dueAt).toBeGreaterThanOrEqual(before + 300);
  const { output } = await handle.result({ timeout: '10s' });
  expect(output?.dueAt).toBe(dueAt);
  expect(output?.ranAt).toBeGreaterThanOrEqual(dueAt);
});

test('a run `at` an instant never starts before it', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock] });
  const at = new Date(Date.now() + 250);
  const { output } = await (await scheduler.schedule(clock, undefined, { at })).result({ timeout: '10s' });
  expect(output?.dueAt).toBe(at.getTime());
  expect(output?.ranAt).toBeGreaterThanOrEqual(at.getTime());
});

test('fifty runs due at scattered instants all start at or after their own', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock] });
  const items = Array.from({ length: 50 }, (_, index) => ({
    input: undefined,
    options: { delay: 20 + ((index * 37) % 400) },
  }));
  const handles = await scheduler.scheduleMany(clock, items);
  const records = await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  for (const { output } of records) expect(output?.ranAt).toBeGreaterThanOrEqual(output?.dueAt ?? Infinity);
});

test('an `at` in the past is due now, and the view says so', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock], start: false });
  const before = Date.now();
  const handle = await scheduler.schedule(clock, undefined, { at: new Date(before - HOUR_MS) });
  const dueAt = (await scheduler.get(handle.id))?.wakeAt?.getTime() ?? 0;
  expect(dueAt).toBeGreaterThanOrEqual(before);
  expect(dueAt).toBeLessThanOrEqual(Date.now());
  await scheduler.start();
  expect((await handle.result({ timeout: '10s' })).output?.dueAt).toBe(dueAt);
});

test('runNow starts what is scheduled for later', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock] });
  const handle = await scheduler.schedule(clock, undefined, { delay: '1h' });
  await scheduler.runNow(handle.id);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 1 });
});

test('runNow ends the wait for a retry', async () => {
  const flaky = defineJob({
    name: 'flaky',
    retry: { backoff: { base: '1h' } },
    run({ attempt }) {
      if (attempt === 1) throw new Error('once');
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const handle = await scheduler.schedule(flaky);
  const view = await scheduler.waitFor(handle.id, { state: 'retrying', timeout: '10s' });
  expect(view).toMatchObject({ attempt: 1, context: { error: { message: 'once' } } });
  await scheduler.runNow(handle.id);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 2 });
});

test('runNow and reschedule are refused while an attempt runs, once settled, and for nobody', async () => {
  const hold = deferred();
  const held = defineJob({ name: 'held', run: () => hold.promise });
  const scheduler = await schedulers.open({ definitions: [held] });
  const handle = await scheduler.schedule(held);
  await scheduler.waitFor(handle.id, { state: 'dispatching', timeout: '10s' });
  await expect(scheduler.runNow(handle.id)).rejects.toThrow(InvalidStateError);
  await expect(scheduler.reschedule(handle.id, new Date())).rejects.toThrow(InvalidStateError);
  hold.resolve();
  await handle.result({ timeout: '10s' });
  await expect(scheduler.runNow(handle.id)).rejects.toThrow(ActorSettledError);
  await expect(scheduler.reschedule(handle.id, new Date())).rejects.toThrow(ActorSettledError);
  const nobody = '00000000-0000-7000-8000-000000000000';
  await expect(scheduler.runNow(nobody)).rejects.toThrow(ActorNotFoundError);
  await expect(scheduler.reschedule(nobody, new Date())).rejects.toThrow(ActorNotFoundError);
});

test('reschedule moves the first start, earlier and later', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock] });
  const sooner = await scheduler.schedule(clock, undefined, { delay: '1h' });
  const later = await scheduler.schedule(clock, undefined, { delay: 400 });
  const soon = new Date(Date.now() + 200);
  const farAway = new Date(Date.now() + HOUR_MS);
  await scheduler.reschedule(sooner.id, soon);
  await scheduler.reschedule(later.id, farAway);
  const { output } = await sooner.result({ timeout: '10s' });
  expect(output?.dueAt).toBe(soon.getTime());
  expect(output?.ranAt).toBeGreaterThanOrEqual(soon.getTime());
  const view = await waitUntil(async () => {
    const found = await scheduler.get(later.id);
    return found?.wakeAt?.getTime() === farAway.getTime() && found;
  });
  expect(view).toMatchObject({ state: 'scheduled', attempt: 0 });
});

test('cancel ends a run that is scheduled, without an attempt', async () => {
  const clock = clockJob();
  const scheduler = await schedulers.open({ definitions: [clock] });
  const handle = await scheduler.schedule(clock, undefined, { delay: '1h' });
  await handle.cancel('changed my mind');
  const record = await handle.result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'cancelled', reason: 'changed my mind', attempts: 0, startedAt: null });
  await expect(handle.cancel()).rejects.toThrow(ActorSettledError);
});

test('cancel aborts a running attempt and settles as cancelled', async () => {
  const running = deferred();
  const aborted = deferred<unknown>();
  const long = defineJob({
    name: 'long',
    run({ signal }) {
      running.resolve();
      return new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.resolve(signal.reason);
          resolve();
        });
      });
    },
  });
  const scheduler = await schedulers.open({ definitions: [long] });
  const handle = await scheduler.schedule(long);
  await running.promise;
  await handle.cancel();
  expect(await handle.result({ timeout: '10s' })).toMatchObject({
    status: 'cancelled',
    reason: 'cancelled',
    attempts: 1,
    startedAt: expect.any(Date),
  });
  expect(await aborted.promise).toMatchObject({ name: 'AbortError' });
});

test('cancel ends the wait for a retry, and keeps the attempts and the error made', async () => {
  const flaky = defineJob({
    name: 'flaky',
    retry: { backoff: { base: '1h' } },
    run() {
      throw new Error('down');
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const handle = await scheduler.schedule(flaky);
  await scheduler.waitFor(handle.id, { state: 'retrying', timeout: '10s' });
  await handle.cancel('enough');
  const record = await handle.result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'cancelled', reason: 'enough', attempts: 1, error: { message: 'down' } });
});

test('cancelling nobody is refused', async () => {
  const scheduler = await schedulers.open({ definitions: [clockJob()] });
  await expect(scheduler.cancel('00000000-0000-7000-8000-000000000000')).rejects.toThrow(ActorNotFoundError);
});
