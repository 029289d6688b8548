/** What operators ask besides: letting history go, recovering now, and reading who did what. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { setup } from 'xstate';
import {
  ActorNotFoundError,
  DropError,
  defineActor,
  defineJob,
  InvalidOptionError,
  type Scheduler,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { installVirtualTime } from '../../support/virtual-time.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const DAY_MS = 86_400_000;

const pool = () => schedulers.database.pool();
afterEach(async () => {
  // Real time again, for the next test.
  await pool().query(`create or replace function carillon.now() returns timestamptz language sql stable parallel safe
    as $$ select date_trunc('milliseconds', statement_timestamp()) $$`);
  await pool().query('truncate carillon.pruned, carillon.audit, carillon.set_aside');
});

const fail = (): never => {
  throw new DropError('no', { reason: 'refused' });
};

async function run(scheduler: Scheduler, name: string, key?: string): Promise<string> {
  const handle = await scheduler.schedule(name, undefined, key === undefined ? {} : { idempotencyKey: key });
  await handle.result({ timeout: '10s' });
  return handle.id;
}

test('what is past its retention is gone, counted, and told apart from what never failed', async () => {
  const definitions = [
    defineJob({ name: 'kept', queue: 'mail', run: fail }),
    defineJob({ name: 'brief', queue: 'mail', retention: { dropped: 0 }, run: fail }),
    defineJob({ name: 'fine', queue: 'mail', retention: { done: 0 }, run: () => 'x'.repeat(20_000) }),
    defineJob({ name: 'calm', queue: 'other', run: () => 1 }),
  ];
  const worker = await schedulers.open({ definitions });
  const kept = await run(worker, 'kept');
  const brief = await run(worker, 'brief');
  const fine = await run(worker, 'fine', 'k');
  await worker.stop();
  const advance = await installVirtualTime(pool(), 'carillon');
  await advance(DAY_MS);
  const scheduler = await schedulers.open({ definitions, start: false, operator: 'ada' });
  expect(await scheduler.prune()).toEqual({ done: 1, dropped: 1, carried: 0, blocked: 0 });
  expect([await scheduler.get(brief), await scheduler.get(fine)]).toEqual([null, null]);
  await expect(scheduler.retry(brief)).rejects.toThrow(ActorNotFoundError);
  await expect(scheduler.explain(brief)).rejects.toThrow(/its retention has passed/);
  expect(await scheduler.pruned()).toEqual([
    { name: 'brief', queue: 'mail', status: 'failed_dropped', reason: 'refused', count: 1 },
    { name: 'fine', queue: 'mail', status: 'success', count: 1 },
  ]);

  const preview = { preview: true };
  expect(await scheduler.retryFailed({ queue: 'mail' }, preview)).toMatchObject({ matched: 1, pruned: 1 });
  expect(await scheduler.retryFailed({ name: 'brief' }, preview)).toMatchObject({ matched: 0, pruned: 1 });
  expect(await scheduler.retryFailed({ name: 'kept' }, preview)).toMatchObject({ matched: 1, pruned: 0 });
  expect(await scheduler.retryFailed({ queue: 'other' }, preview)).toMatchObject({ matched: 0, pruned: 0 });
  expect(await scheduler.retryFailed({ ids: [brief] }, preview)).not.toHaveProperty('pruned');
  const since = new Date();
  expect(await scheduler.retryFailed({ queue: 'mail' }, { ...preview, since })).not.toHaveProperty('pruned');
  expect(await scheduler.retryFailed({ queue: 'other' }, { ...preview, since })).toMatchObject({ pruned: 0 });

  const again = await scheduler.schedule('fine', undefined, { idempotencyKey: 'k' });
  expect(again).toMatchObject({ id: fine, outcome: 'skipped_idempotent' });
  expect(again.record?.output).toBe('x'.repeat(20_000));
  expect(await scheduler.retryFailed({ queue: 'mail' })).toMatchObject({ ids: [kept], retried: 1, pruned: 1 });
  expect((await scheduler.audit({ action: 'prune' })).items).toMatchObject([{ who: 'ada', after: { pruned: 2 } }]);
});

test('the sweep prunes by itself', async () => {
  const brief = defineJob({ name: 'brief', retention: { dropped: 0 }, run: fail });
  const first = await schedulers.open({ definitions: [brief] });
  const id = await run(first, 'brief');
  await first.stop();
  const advance = await installVirtualTime(pool(), 'carillon');
  await advance(DAY_MS);
  const second = await schedulers.open({ definitions: [brief] });
  await waitUntil(async () => (await second.get(id)) === null, { timeoutMs: 20_000 });
  expect((await second.audit()).items).toEqual([]);
});

test('every action of an operator is in the audit, with who it was, and how it was before', async () => {
  const door = defineActor({
    name: 'door',
    machine: setup({ types: { events: {} as { type: 'go' } } }).createMachine({
      initial: 'open',
      states: {
        open: {
          on: {
            go: {
              guard: () => {
                throw new Error('the hinge is broken');
              },
              target: 'open',
            },
          },
        },
      },
    }),
  });
  const refuse = defineJob({ name: 'refuse', run: fail });
  const scheduler = await schedulers.open({ definitions: [refuse, door], operator: 'ada' });
  const id = await run(scheduler, 'refuse');
  await scheduler.retry(id);
  await scheduler.waitFor(id, { timeout: '10s' });
  await scheduler.retryFailed({ name: 'refuse' });
  await scheduler.waitFor(id, { timeout: '10s' });
  const later = await scheduler.schedule('refuse', undefined, { delay: '1h', idempotencyKey: 'k' });
  const at = new Date(Date.now() + 7_200_000);
  await scheduler.reschedule(later.id, at);
  await scheduler.releaseKey('k', 'not needed');
  await later.cancel('enough');
  await later.result({ timeout: '10s' });
  await scheduler.pauseQueue('mail');
  await scheduler.resumeQueue('mail');
  const broken = await scheduler.schedule(door);
  await scheduler.waitFor(broken.id, { state: 'open', timeout: '10s' });
  await broken.send({ type: 'go' });
  await waitUntil(async () => (await scheduler.get(broken.id))?.status === 'quarantined');
  await scheduler.release(broken.id);

  const { items } = await scheduler.audit();
  expect(items.map(({ action }) => action)).toEqual([
    'release',
    'resumeQueue',
    'pauseQueue',
    'cancel',
    'releaseKey',
    'reschedule',
    'retryFailed',
    'retry',
  ]);
  expect(items.every(({ who, at: when }) => who === 'ada' && when instanceof Date)).toBe(true);
  const of = (action: string) => items.find((item) => item.action === action);
  expect(of('retry')).toMatchObject({ target: id, before: { [id]: 'failed_dropped: refused' } });
  expect(of('retryFailed')).toMatchObject({ target: 'name refuse', before: { [id]: 'failed_dropped: refused' } });
  expect(of('reschedule')).toMatchObject({
    target: later.id,
    before: { state: 'scheduled' },
    after: { to: at.toISOString() },
  });
  expect(of('cancel')).toMatchObject({ target: later.id, reason: 'enough' });
  expect(of('releaseKey')).toMatchObject({ target: 'k', reason: 'not needed', before: { actor: later.id } });
  expect(of('pauseQueue')).toMatchObject({ target: 'mail', before: { paused: false }, after: { paused: true } });
  expect(of('release')).toMatchObject({ target: broken.id, before: { quarantine: expect.stringContaining('hinge') } });
  expect((await scheduler.audit({ target: id })).items.map(({ action }) => action)).toEqual(['retryFailed', 'retry']);
  const page = await scheduler.audit({ limit: 3 });
  const rest = await scheduler.audit({ cursor: page.cursor ?? '' });
  expect([...page.items, ...rest.items]).toEqual(items);
  await expect(scheduler.audit({ action: 'fly' as never })).rejects.toThrow(InvalidOptionError);
});

test('whoever is not named is the user of the system', async () => {
  const scheduler = await schedulers.open({ definitions: [], start: false });
  await scheduler.pauseQueue('mail');
  const [entry] = (await scheduler.audit()).items;
  expect(entry?.who).toMatch(new RegExp(`.+@${hostname()}$`));
});

test('a row that cannot be recovered is set aside and shown, its neighbours are recovered, and so is it once it can be', async () => {
  const hold = defineJob({ name: 'hold', run: () => new Promise(() => {}) });
  const options = { definitions: [hold], sweepInterval: 50, worker: { lease: 1_000 } } as const;
  const first = await schedulers.open({ definitions: [hold], start: false });
  const handles = await first.scheduleMany(
    hold,
    Array.from({ length: 5 }, () => ({ input: undefined })),
  );
  const poisoned = handles[2]?.id ?? '';
  await pool().query(`create function carillon.poison() returns trigger language plpgsql as $$
    begin raise exception 'the row is poisoned'; end $$`);
  await pool().query(`create trigger poison before update on carillon.actors for each row
    when (old.id = '${poisoned}' and new.worker is null) execute function carillon.poison()`);
  // A worker that died with all five in one lease.
  const dead = randomUUID();
  await pool().query(
    `with taken as (update carillon.actors set worker = $2, fence = 1, strikes = 1, in_due = false,
    claimed_at = now() where id = any($1) returning id) insert into carillon.leases select 1, $2, array_agg(id) from taken`,
    [handles.map(({ id }) => id), dead],
  );
  await pool().query('delete from carillon.due where actor = any($1)', [handles.map(({ id }) => id)]);
  const second = await schedulers.open(options);
  const running = async (): Promise<number> =>
    (await second.list({ name: 'hold' })).items.filter(({ effects }) => effects.some((e) => e.running)).length;
  await waitUntil(async () => (await running()) === 5 && (await second.stats()).setAside.length > 0, {
    timeoutMs: 20_000,
  });
  const [aside] = (await second.stats()).setAside;
  expect(aside).toMatchObject({ duty: 'reap', target: `${dead}/1`, error: 'the row is poisoned' });
  expect(aside?.nextAt.getTime()).toBeGreaterThan(aside?.since.getTime() ?? 0);
  const failures = await second.reconcile();
  expect(failures).toMatchObject({ processed: 0, errors: 1 });
  const { rows } = await pool().query<{ worker: string }>('select worker from carillon.actors where id = $1', [
    poisoned,
  ]);
  expect(rows).toEqual([{ worker: dead }]);

  await pool().query('drop trigger poison on carillon.actors');
  expect(await second.reconcile()).toMatchObject({ processed: 1, errors: 0 });
  await waitUntil(async () => {
    const now = await pool().query<{ worker: string }>('select worker from carillon.actors where id = $1', [poisoned]);
    return now.rows[0]?.worker !== dead && now.rows[0]?.worker !== null;
  });
});

test('what nothing would look at is mended, and the audit of the store is clean again', async () => {
  const ping = defineJob({ name: 'ping', run: () => 1 });
  const reader = await schedulers.open({ definitions: [ping], start: false });
  const lost = await reader.schedule(ping);
  const labelled = await reader.schedule(ping, undefined, { labels: ['mine'] });
  await pool().query('delete from carillon.due where actor = any($1)', [[lost.id, labelled.id]]);
  expect(await reader.reconcile({ label: 'mine' })).toEqual({ processed: 1, errors: 0 });
  expect(await reader.reconcile({ namespace: 'elsewhere' })).toEqual({ processed: 0, errors: 0 });
  const worker = await schedulers.open({ definitions: [ping] });
  for (const { id } of [labelled, lost]) await worker.waitFor(id, { timeout: '20s' });
  expect(await worker.reconcile()).toEqual({ processed: 0, errors: 0 });
});

test('starting from many places at once starts once, and every duty completes a pass', async () => {
  const ping = defineJob({ name: 'ping', run: () => 1 });
  const scheduler = await schedulers.open({ definitions: [ping], start: false });
  await Promise.all(Array.from({ length: 10 }, () => scheduler.start()));
  await scheduler.start();
  expect((await scheduler.stats()).workers).toHaveLength(1);
  const never = async (): Promise<string[]> =>
    (await scheduler.stats()).duties.filter(({ lastPassAgeMs }) => lastPassAgeMs === null).map(({ name }) => name);
  await waitUntil(async () => (await never()).length === 0, { timeoutMs: 20_000, what: 'a pass of every duty' });
  const stored = async (): Promise<number> => {
    const { rows } = await pool().query<{ duties: { lastPassAt: number | null }[] }>(
      'select duties from carillon.workers',
    );
    return rows.flatMap(({ duties }) => duties).filter(({ lastPassAt }) => lastPassAt !== null).length;
  };
  await waitUntil(async () => (await stored()) === (await scheduler.stats()).duties.length, { timeoutMs: 20_000 });
});
