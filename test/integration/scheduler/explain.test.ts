/** Why an actor is not moving, in each situation. */
import { expect, test } from 'vitest';
import { ActorNotFoundError, defineJob, type Scheduler } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { door } from '../../support/door.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const nobody = '00000000-0000-7000-8000-000000000000';

const reasons = async (scheduler: Scheduler, id: string): Promise<string[]> =>
  (await scheduler.explain(id)).waitingFor.map((waiting) => waiting.for);

test('a job in each of its states says what it waits for', async () => {
  const hold = deferred();
  const job = defineJob({
    name: 'job',
    retry: { maxRetries: 1, backoff: { base: '1h' } },
    async run({ attempt }) {
      if (attempt === 1) throw new Error('once');
      await hold.promise;
    },
  });
  const scheduler = await schedulers.open({ definitions: [job] });
  const handle = await scheduler.schedule(job, undefined, { delay: '1h' });
  const scheduled = await scheduler.explain(handle.id);
  expect(scheduled).toMatchObject({ state: 'scheduled', waitingFor: [{ for: 'timer', at: expect.any(Date) }] });
  expect(scheduled.nextWakeAt).toEqual((await scheduler.get(handle.id))?.wakeAt);
  await scheduler.runNow(handle.id);
  await scheduler.waitFor(handle.id, { state: 'retrying', timeout: '10s' });
  const retrying = await scheduler.explain(handle.id);
  expect(retrying.waitingFor[0]).toMatchObject({ for: 'timer' });
  expect(retrying.accepts).toEqual(expect.arrayContaining(['job.cancel', 'job.runNow']));
  await scheduler.runNow(handle.id);
  await waitUntil(async () => (await reasons(scheduler, handle.id)).includes('effect'));
  hold.resolve();
  await handle.result({ timeout: '10s' });
  expect(await scheduler.explain(handle.id)).toMatchObject({
    waitingFor: [{ for: 'nothing', detail: expect.stringContaining('success') }],
    nextWakeAt: null,
    accepts: [],
  });
  await expect(scheduler.explain(nobody)).rejects.toThrow(ActorNotFoundError);
});

test('an actor that waits for mail says which events it accepts', async () => {
  const scheduler = await schedulers.open({ definitions: [door] });
  const { id } = await scheduler.schedule(door);
  await scheduler.waitFor(id, { state: 'closed', timeout: '10s' });
  const explanation = await scheduler.explain(id);
  expect(explanation).toMatchObject({ waitingFor: [{ for: 'event' }], nextWakeAt: null });
  expect([...explanation.accepts].sort()).toEqual(['bolt', 'turn']);
});

test('a due run without any worker says so', async () => {
  const ping = defineJob({ name: 'ping', run: () => 1 });
  const scheduler = await schedulers.open({ definitions: [ping], start: false });
  const { id } = await scheduler.schedule(ping);
  expect((await scheduler.explain(id)).waitingFor[0]).toMatchObject({
    for: 'worker',
    detail: expect.stringContaining('No worker is alive'),
  });
});

test('a due run behind a full worker waits for a slot', async () => {
  const hold = deferred();
  const busy = defineJob({ name: 'busy', run: () => hold.promise });
  const scheduler = await schedulers.open({ definitions: [busy], worker: { concurrency: 1 } });
  const first = await scheduler.schedule(busy);
  const second = await scheduler.schedule(busy);
  await waitUntil(async () => (await reasons(scheduler, first.id)).includes('effect'));
  expect((await scheduler.explain(second.id)).waitingFor[0]).toMatchObject({ for: 'slot' });
  hold.resolve();
  await second.result({ timeout: '10s' });
});
