/** Idempotency keys: one run per key, whoever asks and whenever. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { DropError, defineActor, defineJob, IdempotencyConflictError, InvalidInputError } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();

function echoJob() {
  return defineJob({ name: 'echo', run: ({ input }: { input: { n: number } }) => input.n });
}

test('the key of a run in flight gives that run, and schedules nothing', async () => {
  const hold = deferred();
  const wait = defineJob({ name: 'wait', run: () => hold.promise });
  const scheduler = await schedulers.open({ definitions: [wait] });
  const first = await scheduler.schedule(wait, undefined, { idempotencyKey: 'k' });
  const second = await scheduler.schedule(wait, undefined, { idempotencyKey: 'k' });
  expect(first.outcome).toBe('scheduled');
  expect(second).toMatchObject({ outcome: 'skipped_in_flight', id: first.id });
  expect(second.record).toBeUndefined();
  expect((await scheduler.list({ key: 'k' })).items.map(({ id }) => id)).toEqual([first.id]);
  hold.resolve();
  expect(await second.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('a hundred schedules of one key at once make one run', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const handles = await Promise.all(
    Array.from({ length: 100 }, () => scheduler.schedule(echo, { n: 1 }, { idempotencyKey: 'same' })),
  );
  expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
  expect(handles.filter(({ outcome }) => outcome === 'scheduled')).toHaveLength(1);
});

test('the key of a run that succeeded gives its record', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const first = await scheduler.schedule(echo, { n: 7 }, { idempotencyKey: 'k' });
  const record = await first.result({ timeout: '10s' });
  const second = await scheduler.schedule(echo, { n: 7 }, { idempotencyKey: 'k' });
  expect(second).toMatchObject({ outcome: 'skipped_idempotent', id: first.id });
  expect(second.record).toEqual(record);
});

test('a dropped run frees its key at once, unless dedupOn is any', async () => {
  const run = (): never => {
    throw new DropError('no');
  };
  const frees = defineJob({ name: 'frees', run });
  const keeps = defineJob({ name: 'keeps', dedupOn: 'any', run });
  const scheduler = await schedulers.open({ definitions: [frees, keeps] });
  for (const job of [frees, keeps]) {
    const first = await scheduler.schedule(job, undefined, { idempotencyKey: job.name });
    await first.result({ timeout: '10s' });
    const second = await scheduler.schedule(job, undefined, { idempotencyKey: job.name });
    if (job === frees) expect(second.outcome).toBe('scheduled');
    else {
      expect(second).toMatchObject({ outcome: 'skipped_idempotent', id: first.id });
      expect(second.record).toMatchObject({ status: 'failed_dropped' });
    }
  }
});

test('a cancelled run frees its key', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const first = await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: 'k', delay: '1h' });
  await first.cancel();
  await first.result({ timeout: '10s' });
  const second = await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: 'k', delay: '1h' });
  expect(second.outcome).toBe('scheduled');
  expect(second.id).not.toBe(first.id);
});

test('the same key with another input, or for another job, is a conflict that names the run', async () => {
  const echo = echoJob();
  const other = defineJob({ name: 'other', run: ({ input }: { input: { n: number } }) => input.n });
  const scheduler = await schedulers.open({ definitions: [echo, other] });
  const first = await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: 'k' });
  const conflict = scheduler.schedule(echo, { n: 2 }, { idempotencyKey: 'k' });
  await expect(conflict).rejects.toThrow(IdempotencyConflictError);
  await expect(conflict).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', key: 'k', id: first.id });
  await expect(scheduler.schedule(other, { n: 1 }, { idempotencyKey: 'k' })).rejects.toThrow(IdempotencyConflictError);
  await first.result({ timeout: '10s' });
  await expect(scheduler.schedule(echo, { n: 2 }, { idempotencyKey: 'k' })).rejects.toThrow(IdempotencyConflictError);
});

test('scheduleMany gives handles in the order asked', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo] });
  const handles = await scheduler.scheduleMany(
    echo,
    Array.from({ length: 250 }, (_, n) => ({ input: { n } })),
  );
  const records = await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })));
  expect(records.map(({ output }) => output)).toEqual(Array.from({ length: 250 }, (_, n) => n));
});

test('scheduleMany schedules nothing when one item is wrong, and names its index', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo], start: false });
  const good = { input: { n: 1 } };
  const attempts = [
    scheduler.scheduleMany(echo, [good, { input: { n: Number.NaN } }]),
    scheduler.scheduleMany(echo, [good, { input: { n: 1 }, options: { priority: 10 } }]),
    scheduler.scheduleMany(echo, [good, { input: { n: 1 }, options: { idempotencyKey: 'lone \ud800' } }]),
  ];
  for (const attempt of attempts) await expect(attempt).rejects.toThrow(/^items\[1\]: /);
  await expect(attempts[0]).rejects.toThrow(InvalidInputError);
  expect((await scheduler.list({ name: 'echo' })).items).toEqual([]);
});

test('scheduleMany schedules nothing when one key is in conflict, and names its index', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo], start: false });
  const taken = await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: 'taken' });
  const many = scheduler.scheduleMany(echo, [
    { input: { n: 1 } },
    { input: { n: 2 }, options: { idempotencyKey: 'free' } },
    { input: { n: 3 }, options: { idempotencyKey: 'taken' } },
  ]);
  await expect(many).rejects.toThrow(IdempotencyConflictError);
  await expect(many).rejects.toThrow(/^items\[2\]: /);
  await expect(many).rejects.toMatchObject({ key: 'taken', id: taken.id });
  expect((await scheduler.list({ name: 'echo' })).items.map(({ id }) => id)).toEqual([taken.id]);
  expect((await scheduler.schedule(echo, { n: 4 }, { idempotencyKey: 'free' })).outcome).toBe('scheduled');
});

test('scheduleMany with keys that are taken skips those and schedules the others', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo], start: false });
  const taken = await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: 'taken' });
  const handles = await scheduler.scheduleMany(echo, [
    { input: { n: 1 }, options: { idempotencyKey: 'taken' } },
    { input: { n: 2 } },
  ]);
  expect(handles.map(({ outcome }) => outcome)).toEqual(['skipped_in_flight', 'scheduled']);
  expect(handles[0]?.id).toBe(taken.id);
});

test('a key of 512 bytes in any script is one key: alone, in bulk, and in the caller’s transaction', async () => {
  const echo = echoJob();
  const scheduler = await schedulers.open({ definitions: [echo], start: false });
  const key = `${'鐘'.repeat(170)}ab`;
  expect(Buffer.byteLength(key)).toBe(512);
  const pool = schedulers.database.pool();
  const within = async (end: 'commit' | 'rollback'): Promise<string> => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { outcome } = await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: key, client });
      await client.query(end);
      return outcome;
    } finally {
      client.release();
    }
  };
  expect(await within('rollback')).toBe('scheduled');
  expect(await within('commit')).toBe('scheduled');
  expect((await scheduler.schedule(echo, { n: 1 }, { idempotencyKey: key })).outcome).toBe('skipped_in_flight');
  const many = await scheduler.scheduleMany(echo, [
    { input: { n: 1 }, options: { idempotencyKey: key } },
    { input: { n: 1 }, options: { idempotencyKey: `${key.slice(0, -1)}c` } },
  ]);
  expect(many.map(({ outcome }) => outcome)).toEqual(['skipped_in_flight', 'scheduled']);
  expect((await scheduler.list({ key })).items).toHaveLength(1);
  await expect(scheduler.schedule(echo, { n: 1 }, { idempotencyKey: `${key}c` })).rejects.toThrow(/512 bytes/);
});

test('jobs, machines and every way to end finalize their keys', async () => {
  const ways = defineJob<{ way: string }, number>({
    name: 'ways',
    dedupOn: 'any',
    deadline: '2s',
    retry: { maxRetries: 1, backoff: { base: 5 } },
    async run({ input: { way }, signal }) {
      if (way === 'drops') throw new DropError('no');
      if (way === 'fails') throw new Error('no');
      if (way === 'lasts')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return 1;
    },
  });
  const machine = defineActor({
    name: 'machine',
    machine: setup({}).createMachine({
      initial: 'on',
      states: { on: { after: { 1: 'off' } }, off: { type: 'final' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [ways, machine] });
  const statuses: Record<string, string> = {};
  for (const way of ['succeeds', 'drops', 'fails', 'lasts', 'cancelled']) {
    const options = { idempotencyKey: way, ...(way === 'cancelled' && { delay: '1h' as const }) };
    const first = await scheduler.schedule(ways, { way }, options);
    if (way === 'cancelled') await first.cancel();
    const record = await first.result({ timeout: '20s' });
    const second = await scheduler.schedule(ways, { way }, options);
    expect(second).toMatchObject({ outcome: 'skipped_idempotent', id: first.id });
    expect(second.record).toEqual(record);
    statuses[way] = record.status;
  }
  expect(statuses).toEqual({
    succeeds: 'success',
    drops: 'failed_dropped',
    fails: 'failed_dropped',
    lasts: 'expired',
    cancelled: 'cancelled',
  });
  const first = await scheduler.schedule(machine, undefined, { idempotencyKey: 'machine' });
  await first.result({ timeout: '10s' });
  const second = await scheduler.schedule(machine, undefined, { idempotencyKey: 'machine' });
  expect(second).toMatchObject({ outcome: 'skipped_idempotent', id: first.id, record: { status: 'success' } });
});
