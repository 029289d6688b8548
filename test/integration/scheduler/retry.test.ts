/** Dropped runs that begin again because an operator says so. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import {
  ActorNotFoundError,
  DropError,
  defineActor,
  defineJob,
  fromJob,
  IdempotencyConflictError,
  InvalidOptionError,
  InvalidStateError,
  type Scheduler,
} from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();
const nobody = '00000000-0000-7000-8000-000000000000';

/** Fails until it is mended. */
function brittle(name = 'brittle') {
  const state = { broken: true };
  const attempts: { attempt: number; key: string; attemptId: string }[] = [];
  const job = defineJob<{ n: number }, string>({
    name,
    retry: { maxRetries: 1, backoff: { base: 5 } },
    run({ attempt, idempotencyKey, attemptId }) {
      attempts.push({ attempt, key: idempotencyKey, attemptId });
      if (state.broken) throw Object.assign(new TypeError(`broken at ${attempt}`), { code: 'E_BROKEN' });
      return `at ${attempt}`;
    },
  });
  return { job, state, attempts };
}

async function dropped(scheduler: Scheduler, job: ReturnType<typeof brittle>['job'], key?: string): Promise<string> {
  const handle = await scheduler.schedule(job, { n: 1 }, key === undefined ? {} : { idempotencyKey: key });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped' });
  return handle.id;
}

test('a dropped run begins again under its id: attempts, journal and key go on, the budget is new', async () => {
  const { job, state, attempts } = brittle();
  const scheduler = await schedulers.open({ definitions: [job] });
  const id = await dropped(scheduler, job);
  await scheduler.retry(id);
  expect(await scheduler.getHandle(id, job).result({ timeout: '10s' })).toMatchObject({
    status: 'failed_dropped',
    attempts: 4,
  });
  state.broken = false;
  await scheduler.retry(id);
  const record = await scheduler.getHandle(id, job).result({ timeout: '10s' });
  expect(record).toMatchObject({ status: 'success', output: 'at 5', attempts: 5 });
  expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
  expect(new Set(attempts.map(({ attemptId }) => attemptId)).size).toBe(5);
  expect(new Set(attempts.map(({ key }) => key)).size).toBe(1);
  const history = await scheduler.history(id);
  expect(history.map(({ seq }) => seq)).toEqual(history.map((_, index) => index + 1));
  expect(history.filter(({ event }) => event.type === 'carillon.retried').map(({ state: to }) => to)).toEqual([
    'scheduled',
    'scheduled',
  ]);
  expect(await scheduler.get(id)).toMatchObject({ status: 'done', attempt: 5, seq: history.length });
});

test('only a dropped run begins again, and whoever asks otherwise is told why not', async () => {
  const hold = deferred();
  const wait = defineJob({ name: 'wait', run: () => hold.promise });
  const scheduler = await schedulers.open({ definitions: [wait] });
  const handle = await scheduler.schedule(wait);
  await expect(scheduler.retry(handle.id)).rejects.toThrow(InvalidStateError);
  await expect(scheduler.retry(handle.id)).rejects.toThrow(/'active'/);
  hold.resolve();
  await handle.result({ timeout: '10s' });
  await expect(scheduler.retry(handle.id)).rejects.toThrow(/'done'/);
  await expect(scheduler.retry(nobody)).rejects.toThrow(ActorNotFoundError);
  await expect(scheduler.retry('no id')).rejects.toThrow(ActorNotFoundError);
});

test('a cancelled run begins again when it is asked for by its id', async () => {
  const { job, state } = brittle();
  state.broken = false;
  const scheduler = await schedulers.open({ definitions: [job] });
  const handle = await scheduler.schedule(job, { n: 1 }, { delay: '1h' });
  await handle.cancel();
  await handle.result({ timeout: '10s' });
  await scheduler.retry(handle.id);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 1 });
});

test('its idempotency key is claimed again, or the conflict names the run that has it', async () => {
  const { job, state } = brittle();
  const scheduler = await schedulers.open({ definitions: [job] });
  const id = await dropped(scheduler, job, 'k');
  state.broken = false;
  await scheduler.retry(id);
  expect(await scheduler.schedule(job, { n: 1 }, { idempotencyKey: 'k' })).toMatchObject({ id });
  await expect(scheduler.schedule(job, { n: 2 }, { idempotencyKey: 'k' })).rejects.toThrow(IdempotencyConflictError);
  await scheduler.getHandle(id, job).result({ timeout: '10s' });
  state.broken = true;
  const second = await dropped(scheduler, job, 'other');
  state.broken = false;
  const third = await scheduler.schedule(job, { n: 1 }, { idempotencyKey: 'other' });
  const conflict = scheduler.retry(second);
  await expect(conflict).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', key: 'other', id: third.id });
  await expect(conflict).rejects.toThrow(/Release the key/);
  expect(await scheduler.releaseKey('other', 'two of them were needed')).toBe(true);
  await scheduler.retry(second);
  expect(await scheduler.getHandle(second, job).result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('a custom machine begins again from its stored input, and waits for children of its own', async () => {
  const state = { broken: true };
  const charged: string[] = [];
  const charge = defineJob<{ amount: number }, number>({
    name: 'charge',
    run({ id, input }) {
      charged.push(id);
      if (state.broken) throw new DropError('no');
      return input.amount;
    },
  });
  const order = defineActor({
    name: 'order',
    machine: setup({
      types: { input: {} as { amount: number }, context: {} as { amount: number }, output: {} as number },
      actors: { charge: fromJob(charge) },
    }).createMachine({
      context: ({ input }) => ({ amount: input.amount }),
      initial: 'charging',
      states: {
        charging: {
          invoke: {
            src: 'charge',
            input: ({ context }) => ({ amount: context.amount }),
            onDone: 'charged',
            onError: 'failed',
          },
        },
        charged: { type: 'final' },
        failed: { type: 'final', tags: 'dropped' },
      },
      output: ({ context }) => context.amount,
    }),
  });
  const scheduler = await schedulers.open({ definitions: [order] });
  const handle = await scheduler.schedule(order, { amount: 7 });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'failed_dropped', attempts: 1 });
  state.broken = false;
  await scheduler.retry(handle.id);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 7, attempts: 2 });
  expect(charged).toHaveLength(2);
  expect(new Set(charged).size).toBe(2);
  const children = await scheduler.list({ parentId: handle.id });
  expect(children.items.map(({ status }) => status).sort()).toEqual(['done', 'dropped']);
});

test('a child that is retried ends once more; its parent has moved on and does not mind', async () => {
  const state = { broken: true };
  const step = defineJob<undefined, number>({
    name: 'step',
    run() {
      if (state.broken) throw new DropError('no');
      return 1;
    },
  });
  const patient = defineActor({
    name: 'patient',
    machine: setup({ types: { events: {} as { type: 'end' } }, actors: { step: fromJob(step) } }).createMachine({
      initial: 'trying',
      states: {
        trying: { invoke: { src: 'step', onDone: 'happy', onError: 'resigned' } },
        resigned: { on: { end: 'over' } },
        happy: { type: 'final' },
        over: { type: 'final' },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [patient] });
  const parent = await scheduler.schedule(patient);
  await scheduler.waitFor(parent.id, { state: 'resigned', timeout: '10s' });
  const [child] = (await scheduler.list({ parentId: parent.id })).items;
  state.broken = false;
  await scheduler.retry(child?.id ?? '');
  expect(await scheduler.waitFor(child?.id ?? '', { timeout: '10s' })).toMatchObject({ status: 'done' });
  expect(await scheduler.get(parent.id)).toMatchObject({ state: 'resigned' });
  await parent.send({ type: 'end' });
  await parent.result({ timeout: '10s' });
  await expect(scheduler.retry(child?.id ?? '')).rejects.toThrow(/'done'/);
});

test('many at once: previewed, then retried by name, and what raced or is in conflict is told apart', async () => {
  const { job, state } = brittle();
  const other = brittle('other');
  const scheduler = await schedulers.open({ definitions: [job, other.job] });
  const ids = [await dropped(scheduler, job, 'a'), await dropped(scheduler, job), await dropped(scheduler, job)];
  const elsewhere = await dropped(scheduler, other.job);
  const holder = await scheduler.schedule(job, { n: 1 }, { idempotencyKey: 'a', delay: '1h' });
  const name = { name: 'brittle' };
  expect(await scheduler.retryFailed(name, { preview: true })).toEqual({
    ids: [...ids].sort(),
    matched: 3,
    retried: 0,
    raced: 0,
    conflicts: [],
    pruned: 0,
  });
  expect((await scheduler.get(ids[1] ?? ''))?.status).toBe('dropped');
  const conflicts = [{ id: ids[0], key: 'a', heldBy: holder.id }];
  expect(await scheduler.retryFailed(name, { atomic: true })).toMatchObject({
    ids: [],
    matched: 3,
    retried: 0,
    conflicts,
  });
  state.broken = false;
  const result = await scheduler.retryFailed(name);
  expect(result).toEqual({ ids: ids.slice(1).sort(), matched: 3, retried: 2, raced: 0, conflicts, pruned: 0 });
  for (const id of result.ids)
    expect(await scheduler.getHandle(id, job).result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  expect((await scheduler.get(elsewhere))?.status).toBe('dropped');
});

test('by queue, by ids that count once, and by class, code or words of the error', async () => {
  const { job, state } = brittle();
  const scheduler = await schedulers.open({ definitions: [job] });
  const id = await dropped(scheduler, job);
  const preview = async (...asked: Parameters<Scheduler['retryFailed']>): Promise<number> =>
    (await scheduler.retryFailed(asked[0], { ...asked[1], preview: true })).matched;
  const queue = { queue: 'default' };
  for (const error of ['TypeError', 'E_BROKEN', 'Broken AT 2']) expect(await preview(queue, { error })).toBe(1);
  for (const error of ['Type', 'E_', 'nothing', '%']) expect(await preview(queue, { error })).toBe(0);
  expect(await preview(queue, { since: new Date(Date.now() + 60_000) })).toBe(0);
  expect(await preview(queue, { until: new Date(Date.now() + 60_000), limit: 5 })).toBe(1);
  expect(await preview({ queue: 'other' })).toBe(0);
  state.broken = false;
  const result = await scheduler.retryFailed({ ids: [id, id, nobody] });
  expect(result).toEqual({ ids: [id], matched: 1, retried: 1, raced: 0, conflicts: [] });
  await scheduler.getHandle(id, job).result({ timeout: '10s' });
});

test('no selector, two of them, and options that mean nothing are refused', async () => {
  const scheduler = await schedulers.open({ definitions: [], start: false });
  const refused = async (selector: unknown, options?: unknown): Promise<void> => {
    await expect(scheduler.retryFailed(selector as never, options as never)).rejects.toThrow(InvalidOptionError);
  };
  await refused({});
  await refused(undefined);
  await refused({ name: 'a', queue: 'b' });
  await refused({ ids: ['no id'] });
  await refused({ name: 'a', all: true });
  await refused({ name: 'a' }, { limit: 0 });
  await refused({ name: 'a' }, { since: 'yesterday' });
  await refused({ name: 'a' }, { error: '' });
  await expect(scheduler.retryFailed({ name: 'a', queue: 'b' } as never)).rejects.toThrow(/name and queue/);
});
