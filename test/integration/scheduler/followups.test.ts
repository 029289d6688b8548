/** Follow-ups on a real Postgres: one message to one thread, later. */
import { expect, test } from 'vitest';
import {
  type ActorView,
  type Delivery,
  defineJob,
  type FollowupOptions,
  type Scheduler,
  ThreadNotFoundError,
} from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { type OpenOptions, useSchedulers } from '../../support/scheduler.ts';
import { installVirtualTime } from '../../support/virtual-time.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const PATIENCE = { timeout: '20s' } as const;

interface Told {
  readonly said: Omit<Delivery, 'signal'>[];
  readonly scheduler: Scheduler;
}

async function open(
  answer: (delivery: Delivery) => void | Promise<void> = () => {},
  options: Partial<OpenOptions> = {},
): Promise<Told> {
  const said: Told['said'] = [];
  const threads = {
    deliver: async ({ signal, ...rest }: Delivery) => {
      said.push(rest);
      await answer({ signal, ...rest });
    },
  };
  return { said, scheduler: await schedulers.open({ definitions: [], threads, ...options }) };
}

const later = (options: Partial<FollowupOptions> = {}): FollowupOptions =>
  ({ threadId: 't', message: 'hello', delay: '1h', ...options }) as FollowupOptions;

test('a message is delivered once it is due, as it was given, with an id and a key of its own', async () => {
  const { scheduler, said } = await open();
  const message = { text: 'check the build', since: new Date(5), odd: [undefined, 'NUL \0'] };
  const handle = await scheduler.scheduleFollowup({ threadId: 't-1', message, delay: '1s', labels: ['agent'] });
  const record = await handle.result(PATIENCE);
  expect(record).toMatchObject({ status: 'success', attempts: 1, startedAt: expect.any(Date), output: undefined });
  const { id } = handle;
  expect(said).toEqual([{ threadId: 't-1', message, followupId: id, idempotencyKey: `${id}/deliver`, attempt: 1 }]);
  expect(await scheduler.get(id)).toMatchObject({
    name: 'carillon.followup',
    queue: 'followups',
    state: 'delivered',
    status: 'done',
    labels: ['thread:t-1', 'agent'],
  });
  const { createdAt } = (await scheduler.get(id)) as ActorView;
  expect(record.startedAt?.getTime()).toBeGreaterThanOrEqual(createdAt.getTime() + 1_000);
  expect((await scheduler.history(id)).map(({ state }) => state)).toEqual(['scheduled', 'delivering', 'delivered']);
});

test('64 calls with one key from two processes leave one pending, and every caller is told the truth', async () => {
  const { scheduler } = await open();
  const { scheduler: other } = await open();
  const handles = await Promise.all(
    Array.from({ length: 64 }, (_, nth) => (nth % 2 === 0 ? scheduler : other).scheduleFollowup(later({ key: 'k' }))),
  );
  const replaced = handles.flatMap((handle) => handle.replaced ?? []);
  expect(handles.filter(({ outcome }) => outcome === 'replaced')).toHaveLength(63);
  expect(new Set(replaced).size).toBe(63);
  const records = await Promise.all(replaced.map((id) => scheduler.getHandle(id).result(PATIENCE)));
  for (const record of records) expect(record).toMatchObject({ status: 'cancelled', reason: 'replaced', attempts: 0 });
  const [left] = handles.filter(({ id }) => !replaced.includes(id));
  const listed = await scheduler.listFollowups({ threadId: 't' });
  expect(listed.map(({ id, state }) => [id, state])).toEqual([[left?.id, 'scheduled']]);
});

test('run now, reschedule, explain and cancel know the states of a follow-up', async () => {
  const hold = deferred();
  const { scheduler } = await open(({ attempt }) => {
    if (attempt === 1) throw new Error('busy');
    return hold.promise;
  });
  const retry = { backoff: { base: '1h' } } as const;
  const handle = await scheduler.scheduleFollowup(later({ retry }));
  const { id } = handle;
  const at = new Date(Date.now() + 7_200_000);
  await scheduler.reschedule(id, at);
  await waitUntil(async () => (await scheduler.get(id))?.timers[0]?.dueAt.getTime() === at.getTime());
  expect(await scheduler.explain(id)).toMatchObject({
    state: 'scheduled',
    accepts: ['job.cancel', 'job.reschedule', 'job.runNow'],
    nextWakeAt: at,
  });
  await scheduler.runNow(id);
  await scheduler.waitFor(id, { state: 'retrying', ...PATIENCE });
  await expect(scheduler.reschedule(id, at)).rejects.toMatchObject({ code: 'INVALID_STATE' });
  await scheduler.runNow(id);
  await waitUntil(async () => (await scheduler.get(id))?.effects[0]?.running);
  await expect(scheduler.runNow(id)).rejects.toThrow(/it is in "delivering", where nothing waits for its time/);
  await expect(scheduler.reschedule(id, at)).rejects.toThrow(/it has begun \("delivering"\)/);
  expect((await scheduler.explain(id)).waitingFor).toMatchObject([{ for: 'effect' }, { for: 'timer' }]);
  await scheduler.cancel(id, 'enough');
  expect(await handle.result(PATIENCE)).toMatchObject({ status: 'cancelled', reason: 'enough', attempts: 2 });
  await expect(scheduler.runNow(id)).rejects.toMatchObject({ code: 'ACTOR_SETTLED' });
  hold.resolve();
});

test('list and cancel go through all of a thread, page after page, and through nothing else', async () => {
  const { scheduler } = await open();
  const count = 1_050;
  const ids = await Promise.all(
    Array.from({ length: count }, async () => (await scheduler.scheduleFollowup(later())).id),
  );
  await scheduler.scheduleFollowup(later({ threadId: 't2', key: 'k' }));
  expect((await scheduler.listFollowups({ threadId: 't' })).map(({ id }) => id).sort()).toEqual(ids.sort());
  expect(await scheduler.cancelFollowup({ threadId: 't' })).toBe(count);
  await Promise.all(ids.map((id) => scheduler.getHandle(id).result(PATIENCE)));
  expect(await scheduler.listFollowups({ threadId: 't' })).toEqual([]);
  expect(await scheduler.cancelFollowup({ threadId: 't' })).toBe(0);
  expect(await scheduler.cancelFollowup({ key: 'k' })).toBe(1);
  expect(await scheduler.cancelFollowup({ key: 'nobody' })).toBe(0);
});

test('the longest thread and key are found again, and a job with the same label is nobody here', async () => {
  const threadId = 'ä'.repeat(256);
  const key = 'k'.repeat(512);
  const innocent = defineJob({ name: 'innocent', run: () => 1 });
  const { scheduler } = await open(undefined, { definitions: [innocent] });
  const job = await scheduler.schedule(innocent, undefined, { delay: '1h', labels: ['key:short', 'thread:t'] });
  const first = await scheduler.scheduleFollowup(later({ threadId, key }));
  const second = await scheduler.scheduleFollowup(later({ threadId, key }));
  expect(second.replaced).toBe(first.id);
  expect((await scheduler.list({ label: `thread:${threadId}` })).items).toHaveLength(2);
  expect((await scheduler.scheduleFollowup(later({ key: 'short' }))).outcome).toBe('scheduled');
  expect(await scheduler.cancelFollowup({ threadId: 't' })).toBe(1);
  expect(await scheduler.get(job.id)).toMatchObject({ status: 'active', mail: 0 });
});

test('selectors and filters name exactly one thing', async () => {
  const { scheduler } = await open();
  const wrong = [{}, { key: 'k', threadId: 't' }, { key: '' }, { thread: 't' }, undefined] as never[];
  for (const selector of wrong) {
    await expect(scheduler.cancelFollowup(selector)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(scheduler.listFollowups(selector)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  }
});

test("an instant is judged by the database's clock, and one that has passed is refused and never forgotten", async () => {
  const { scheduler } = await open();
  const pool = schedulers.database.pool();
  const advance = await installVirtualTime(pool, 'carillon');
  await advance(3_600_000);
  const soon = new Date(Date.now() + 60_000);
  await expect(scheduler.scheduleFollowup(later({ delay: undefined, at: soon }))).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    option: 'at',
  });
  const ahead = new Date(Date.now() + 3_660_000);
  const { id } = await scheduler.scheduleFollowup(later({ delay: undefined, at: ahead }));
  expect((await scheduler.get(id))?.wakeAt).toEqual(ahead);
  await installVirtualTime(pool, 'carillon');
});

test('a worker that was told its queues serves follow-ups only where it can reach threads', async () => {
  const client = (await open(undefined, { worker: false })).scheduler;
  await schedulers.open({ definitions: [], worker: { queues: ['default'] } });
  const handle = await client.scheduleFollowup(later({ delay: '1s' }));
  const { id } = handle;
  await waitUntil(async () =>
    (await client.explain(id)).waitingFor.some(({ detail }) => /serves queue 'foll/.test(detail)),
  );
  await open(undefined, { worker: { queues: ['default'] } });
  expect(await handle.result(PATIENCE)).toMatchObject({ status: 'success', attempts: 1 });
});

test('a worker without a gateway looks past it, and one that has a gateway delivers it', async () => {
  const blind = await schedulers.open({ definitions: [] });
  const { id } = await blind.scheduleFollowup(later());
  await blind.runNow(id);
  const { context } = await blind.waitFor(id, { state: 'waitingForGateway', ...PATIENCE });
  expect(context).toMatchObject({ attempt: 1, retries: {}, error: { code: 'MISSING_GATEWAY' } });
  await blind.stop();
  const { scheduler, said } = await open();
  expect(await scheduler.getHandle(id).result(PATIENCE)).toMatchObject({ status: 'success' });
  expect(said).toMatchObject([{ followupId: id, idempotencyKey: `${id}/deliver` }]);
});

test('a stored follow-up that cannot be read is set aside with its reason, and not thrown away', async () => {
  const { scheduler, said } = await open();
  const { id } = await scheduler.scheduleFollowup(later());
  const healthy = await scheduler.scheduleFollowup(later({ delay: '1s' }));
  await schedulers.database.pool().query(`update carillon.actors set input = '1{"threadId' where id = $1`, [id]);
  await scheduler.runNow(id);
  await waitUntil(async () => (await scheduler.get(id))?.status === 'quarantined');
  expect((await scheduler.get(id))?.reason).toBeTruthy();
  expect(await healthy.result(PATIENCE)).toMatchObject({ status: 'success' });
  expect(said).toHaveLength(1);
});

test('1,000 that fail at once do not delay a healthy one', { timeout: 120_000 }, async () => {
  const settled: string[] = [];
  const { scheduler, said } = await open(({ threadId }) => {
    if (threadId === 'healthy') return;
    if (threadId.startsWith('gone')) throw new ThreadNotFoundError(threadId);
    throw new Error('busy');
  });
  scheduler.on('settled', ({ id }) => settled.push(id));
  // All of them are due before the first is looked at, however long it takes to schedule them.
  await scheduler.pauseQueue('followups');
  const due = { delay: '1s', retry: { backoff: { base: '1s', jitter: 0 } } } as const;
  const bad = await Promise.all(
    Array.from({ length: 1_000 }, (_, nth) => scheduler.scheduleFollowup(later({ ...due, threadId: `bad-${nth}` }))),
  );
  const healthy = await scheduler.scheduleFollowup(later({ ...due, threadId: 'healthy' }));
  const beside = await Promise.all(
    Array.from({ length: 20 }, (_, nth) => scheduler.scheduleFollowup(later({ ...due, threadId: `gone-${nth}` }))),
  );
  await waitUntil(async () => {
    const { queues } = await scheduler.stats();
    return queues.find(({ queue }) => queue === 'followups')?.due === 1_021;
  });
  await scheduler.resumeQueue('followups');
  const record = await healthy.result({ timeout: '60s' });
  expect(record).toMatchObject({ status: 'success', attempts: 1 });
  await Promise.all([...bad, ...beside].map((handle) => handle.result({ timeout: '60s' })));
  const failing = new Set(bad.map(({ id }) => id));
  // Each of these waited 7 s between its attempts: the healthy one came before the first that was through.
  const before = settled.slice(0, settled.indexOf(healthy.id)).filter((id) => failing.has(id));
  expect(before).toEqual([]);
  expect(said.filter(({ threadId }) => threadId.startsWith('bad'))).toHaveLength(4_000);
  expect(said.filter(({ threadId }) => threadId.startsWith('gone'))).toHaveLength(20);
  // A drop is logged once its worker hears that it is stored, which others may hear before.
  const dropped = () => new Set(schedulers.log.flatMap(({ msg, id }) => (msg === 'dropped' ? [id] : [])));
  await waitUntil(() => dropped().size === 1_020);
});
