/** What a scheduler tells of its actors: waiting for them, listing them, counting them. */
import { describe, expect, test } from 'vitest';
import {
  ActorNotFoundError,
  ActorSettledError,
  DropError,
  defineJob,
  type Scheduler,
  WaitTimeoutError,
} from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { door } from '../../support/door.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const nobody = '00000000-0000-7000-8000-000000000000';

async function openDoor(): Promise<{ scheduler: Scheduler; id: string }> {
  const scheduler = await schedulers.open({ definitions: [door] });
  const { id } = await scheduler.schedule(door);
  await scheduler.waitFor(id, { state: 'closed', timeout: '10s' });
  return { scheduler, id };
}

describe('waitFor', () => {
  test('a state it is in already, and a nested one by its path, answer at once', async () => {
    const { scheduler, id } = await openDoor();
    expect((await scheduler.waitFor(id, { state: 'closed' })).state).toEqual({ closed: 'free' });
    expect((await scheduler.waitFor(id, { state: 'closed.free' })).seq).toBe(1);
  });

  test('a state entered later ends the wait, also when it was left again at once', async () => {
    const { scheduler, id } = await openDoor();
    const bolted = scheduler.waitFor(id, { state: 'closed.bolted', timeout: '10s' });
    const opened = scheduler.waitFor(id, { state: 'open', timeout: '10s' });
    await scheduler.get(id);
    for (const type of ['bolt', 'turn', 'turn']) await scheduler.send(id, { type });
    await Promise.all([bolted, opened]);
  });

  test('without a state it waits for the end, and a final view answers at once', async () => {
    const { scheduler, id } = await openDoor();
    const ended = scheduler.waitFor(id, { timeout: '10s' });
    for (const type of ['turn', 'leave']) await scheduler.send(id, { type });
    expect(await ended).toMatchObject({ status: 'done', state: 'left', record: { status: 'success' } });
    expect(await scheduler.waitFor(id)).toMatchObject({ status: 'done' });
    expect(await scheduler.waitFor(id, { state: 'left' })).toMatchObject({ status: 'done' });
  });

  test('settling without ever entering the state is an error of its own', async () => {
    const { scheduler, id } = await openDoor();
    const never = scheduler.waitFor(id, { state: 'closed.bolted', timeout: '10s' });
    const refused = expect(never).rejects.toThrow(ActorSettledError);
    for (const type of ['turn', 'leave']) await scheduler.send(id, { type });
    await refused;
  });

  test('a timeout names what was waited for and how long, and the actor goes on', async () => {
    const { scheduler, id } = await openDoor();
    const late = scheduler.waitFor(id, { state: 'open', timeout: 60 });
    await expect(late).rejects.toThrow(WaitTimeoutError);
    await expect(late).rejects.toThrow(/state 'open' within 60 ms/);
    await expect(scheduler.getHandle(id).result({ timeout: '60ms' })).rejects.toThrow(/a final state within 60 ms/);
    expect((await scheduler.get(id))?.status).toBe('active');
  });

  test('an actor that does not exist is an error at once', async () => {
    const { scheduler } = await openDoor();
    await expect(scheduler.waitFor(nobody)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.getHandle(nobody).result()).rejects.toThrow(ActorNotFoundError);
    expect(await scheduler.get(nobody)).toBeNull();
  });

  test('a waiter in another process hears of it as well', async () => {
    const { scheduler, id } = await openDoor();
    const other = await schedulers.open({ definitions: [door], worker: false });
    const opened = other.waitFor(id, { state: 'open', timeout: '10s' });
    await scheduler.send(id, { type: 'turn' });
    expect((await opened).context).toEqual({ turns: 1 });
  });
});

describe('list', () => {
  const good = defineJob({ name: 'good', run: () => 1 });
  const bad = defineJob({
    name: 'bad',
    queue: 'other',
    run() {
      throw new DropError('no');
    },
  });

  test('every filter narrows, and all of them hold at once', async () => {
    const scheduler = await schedulers.open({ definitions: [good, bad, door] });
    const done = await scheduler.schedule(good, undefined, { labels: ['a', 'b'], idempotencyKey: 'k' });
    const dropped = await scheduler.schedule(bad, undefined, { labels: ['b'] });
    const later = await scheduler.schedule(good, undefined, { delay: '1h', labels: ['b'], idempotencyKey: 'later' });
    const closed = await scheduler.schedule(door);
    const cancelled = await scheduler.schedule(good, undefined, { delay: '1h' });
    await cancelled.cancel();
    for (const handle of [done, dropped, cancelled]) await handle.result({ timeout: '10s' });
    await scheduler.waitFor(closed.id, { state: 'closed', timeout: '10s' });
    const ids = async (filter: Parameters<Scheduler['list']>[0]): Promise<string[]> =>
      (await scheduler.list(filter)).items.map(({ id }) => id);
    const all = [cancelled, closed, later, dropped, done].map(({ id }) => id);
    expect(await ids({})).toEqual(all);
    expect(await ids({ status: 'done' })).toEqual([done.id]);
    expect(await ids({ status: 'dropped' })).toEqual([cancelled.id, dropped.id]);
    expect(await ids({ status: 'active' })).toEqual([closed.id, later.id]);
    expect(await ids({ record: 'cancelled' })).toEqual([cancelled.id]);
    expect(await ids({ record: 'failed_dropped' })).toEqual([dropped.id]);
    expect(await ids({ state: 'scheduled' })).toEqual([later.id]);
    expect(await ids({ state: '{"closed":"free"}' })).toEqual([closed.id]);
    expect(await ids({ name: 'good' })).toEqual([cancelled.id, later.id, done.id]);
    expect(await ids({ queue: 'other' })).toEqual([dropped.id]);
    expect(await ids({ label: 'b' })).toEqual([later.id, dropped.id, done.id]);
    expect(await ids({ label: 'b', name: 'good', status: 'done' })).toEqual([done.id]);
    expect(await ids({ key: 'later' })).toEqual([later.id]);
    expect(await ids({ key: 'k' })).toEqual([done.id]);
    expect(await ids({ name: 'nothing' })).toEqual([]);
  });

  test('pages follow each other by cursor, newest first, without gap or overlap', async () => {
    const scheduler = await schedulers.open({ definitions: [good], start: false });
    const handles = await scheduler.scheduleMany(
      good,
      Array.from({ length: 23 }, () => ({ input: undefined })),
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await scheduler.list({ name: 'good', limit: 10, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(pages).toBe(3);
    expect(seen).toEqual(handles.map(({ id }) => id).reverse());
  });
});

test('stats count queues, actors, workers, duties and alarms', async () => {
  const hold = deferred();
  const wait = defineJob({ name: 'wait', queue: 'slow', run: () => hold.promise });
  const scheduler = await schedulers.open({ definitions: [wait], worker: { concurrency: 2, lease: '20s' } });
  await scheduler.schedule(wait, undefined, { delay: '1h' });
  const handles = [];
  for (let n = 0; n < 4; n += 1) handles.push(await scheduler.schedule(wait));
  const stats = await waitUntil(async () => {
    const found = await scheduler.stats();
    return found.workers[0]?.held === 2 && found.duties.every(({ lastPassAgeMs }) => lastPassAgeMs !== null) && found;
  });
  expect(stats).toMatchObject({ active: 5, quarantined: 0, parked: 0, alarms: { up: true } });
  expect(stats.queues.find(({ queue }) => queue === 'slow')).toMatchObject({
    paused: false,
    due: 2,
    later: 1,
    oldestDueAt: expect.any(Date),
  });
  expect(stats.workers).toMatchObject([{ pid: process.pid, concurrency: 2, alive: true, held: 2 }]);
  expect(stats.duties.every(({ errors }) => errors === 0)).toBe(true);
  hold.resolve();
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
});
