import { setTimeout as realSleep } from 'node:timers/promises';
import { createTestScheduler, type TestScheduler, type TestSchedulerOptions } from 'carillon/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { defineActor, defineJob, ThreadStoppedError, WaitTimeoutError } from '../../../src/index.ts';

let opened: TestScheduler | undefined;

async function open(options: TestSchedulerOptions): Promise<TestScheduler> {
  opened = await createTestScheduler(options);
  return opened;
}

afterEach(async () => {
  await opened?.stop({ timeout: 0 });
  opened = undefined;
});

describe('a virtual clock', () => {
  test('moves three days in no time, and starts each run at its instant, in order', async () => {
    const heard: string[] = [];
    const note = defineJob<string>({
      name: 'note',
      run: ({ input, nominalAt }) => void heard.push(`${input} ${nominalAt.toISOString()} ${kit.now().toISOString()}`),
    });
    const kit = await open({ definitions: [note] });
    await kit.schedule(note, 'c', { delay: '2d' });
    await kit.schedule(note, 'a', { delay: 1 });
    await kit.schedule(note, 'b', { delay: '36h' });
    await kit.schedule(note, 'late', { delay: '73h' });
    expect(heard).toEqual([]);
    const startedMs = performance.now();
    await kit.advance('3 days');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(heard).toEqual([
      'a 2030-01-01T00:00:00.001Z 2030-01-01T00:00:00.001Z',
      'b 2030-01-02T12:00:00.000Z 2030-01-02T12:00:00.000Z',
      'c 2030-01-03T00:00:00.000Z 2030-01-03T00:00:00.000Z',
    ]);
    expect(kit.now()).toEqual(new Date('2030-01-04T00:00:00Z'));
  });

  test('stands still while a handler talks to the real world', async () => {
    const slow = defineJob<undefined, string>({
      name: 'slow',
      attemptTimeout: '1s',
      async run() {
        await realSleep(50);
        return kit.now().toISOString();
      },
    });
    const kit = await open({ definitions: [slow] });
    const handle = await kit.schedule(slow, undefined, { delay: '1h' });
    await kit.advance('1 day');
    expect(await handle.result()).toMatchObject({ status: 'success', output: '2030-01-01T01:00:00.000Z' });
    expect(kit.now()).toEqual(new Date('2030-01-02T00:00:00Z'));
  });

  test('leaves behind a handler that hangs, so that its timeout can end it', async () => {
    const hanging = defineJob({
      name: 'hanging',
      attemptTimeout: '10m',
      retry: { maxRetries: 0 },
      run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const kit = await open({ definitions: [hanging], patience: '20ms' });
    const handle = await kit.schedule(hanging);
    const record = await handle.result();
    expect(record.status).toBe('failed_dropped');
    expect(kit.now()).toEqual(new Date('2030-01-01T00:10:00Z'));
  });

  test('a callback that never ends stops it once, and not again', async () => {
    const machine = setup({
      types: { context: {} as { ticks: number }, events: {} as { type: 'tick' } },
      actors: { watch: fromCallback(() => {}) },
    }).createMachine({
      context: { ticks: 0 },
      invoke: { src: 'watch' },
      on: { tick: { actions: assign({ ticks: ({ context }) => context.ticks + 1 }) } },
    });
    const watching = defineActor({ name: 'watching', machine });
    const kit = await open({ definitions: [watching], patience: '100ms' });
    const { id } = await kit.schedule(watching);
    await kit.advance(0);
    const startedMs = performance.now();
    for (let tick = 0; tick < 20; tick += 1) {
      await kit.send(id, { type: 'tick' });
      await kit.advance('1 minute');
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(await kit.get(id)).toMatchObject({ context: { ticks: 20 } });
  });

  test('waits for a result from timer to timer, through all retries', async () => {
    const flaky = defineJob<undefined, number>({
      name: 'flaky',
      retry: { maxRetries: 5, backoff: { base: '1h', factor: 1, jitter: 0 } },
      run({ attempt }) {
        if (attempt < 4) throw new Error('not yet');
        return attempt;
      },
    });
    const kit = await open({ definitions: [flaky] });
    const handle = await kit.schedule(flaky);
    expect(await handle.result()).toMatchObject({ status: 'success', output: 4, attempts: 4 });
    expect(kit.now()).toEqual(new Date('2030-01-01T03:00:00Z'));
  });

  test('a wait that ends by its own timeout ends in virtual time', async () => {
    const later = defineJob({ name: 'later', run: () => {} });
    const kit = await open({ definitions: [later] });
    const handle = await kit.schedule(later, undefined, { delay: '2d' });
    await expect(handle.result({ timeout: '1d' })).rejects.toThrow(WaitTimeoutError);
    expect(kit.now()).toEqual(new Date('2030-01-02T00:00:00Z'));
  });

  test('a wait for what never comes says so', async () => {
    const machine = setup({}).createMachine({
      initial: 'waiting',
      states: { waiting: { on: { go: 'gone' } }, gone: {} },
    });
    const patient = defineActor({ name: 'patient', machine });
    const kit = await open({ definitions: [patient] });
    const handle = await kit.schedule(patient);
    await expect(handle.result()).rejects.toThrow('Nothing came of it within 400d of virtual time.');
  });

  test('goes through a year of nights of a cron', async () => {
    const heard: string[] = [];
    const nightly = defineJob({ name: 'nightly', run: ({ nominalAt }) => void heard.push(nominalAt.toISOString()) });
    const kit = await open({ definitions: [nightly] });
    await kit.applyCrons([{ id: 'n', cron: '30 2 * * *', timezone: 'Europe/Berlin', job: nightly }]);
    await kit.advance('365 days');
    expect(heard).toHaveLength(365);
    expect(heard[0]).toBe('2030-01-01T01:30:00.000Z');
    expect(heard.filter((at) => at.endsWith('T00:30:00.000Z')).length).toBeGreaterThan(200);
  });

  test.each(['soon', '-1 day', -1, Number.NaN, '500 days', '', {} as string])('refuses to move by %s', async (span) => {
    const kit = await open({ definitions: [] });
    expect(() => kit.advance(span)).toThrow("'duration'");
  });

  test('two runs with one seed are the same run', async () => {
    const noted = async (): Promise<unknown[]> => {
      const work = defineJob({ name: 'work', retry: { maxRetries: 1 }, run: () => Promise.reject(new Error('no')) });
      const kit = await createTestScheduler({ definitions: [work], seed: 7 });
      const handles = await kit.scheduleMany(work, [{ input: undefined }, { input: undefined }]);
      await kit.advance('1h');
      const histories = await Promise.all(handles.map(({ id }) => kit.history(id)));
      await kit.stop();
      return [handles.map(({ id }) => id), histories];
    };
    expect(await noted()).toEqual(await noted());
  });
});

describe('inline', () => {
  test('a job has ended when schedule returns, waits and retries included', async () => {
    const flaky = defineJob<undefined, number>({
      name: 'flaky',
      run({ attempt }) {
        if (attempt === 1) throw new Error('not yet');
        return attempt;
      },
    });
    const kit = await open({ definitions: [flaky], inline: true });
    const { id } = await kit.schedule(flaky, undefined, { delay: '2h' });
    expect(await kit.get(id)).toMatchObject({ status: 'done', record: { output: 2 } });
    const [first, second] = await kit.scheduleMany(flaky, [{ input: undefined }, { input: undefined }]);
    expect(await kit.get(first?.id ?? '')).toMatchObject({ status: 'done' });
    expect(await kit.get(second?.id ?? '')).toMatchObject({ status: 'done' });
    const named = await kit.schedule('flaky');
    expect(await kit.get(named.id)).toMatchObject({ status: 'done' });
  });

  test('any other actor goes as far as it gets without time passing', async () => {
    const machine = setup({
      actors: { look: fromPromise(async () => 'seen') },
    }).createMachine({
      initial: 'looking',
      states: {
        looking: { invoke: { src: 'look', onDone: 'waiting' } },
        waiting: { after: { 1000: 'over' } },
        over: { type: 'final' },
      },
    });
    const looking = defineActor({ name: 'looking', machine });
    const kit = await open({ definitions: [looking], inline: true });
    const { id } = await kit.schedule(looking);
    expect(await kit.get(id)).toMatchObject({ status: 'active', state: 'waiting' });
  });
});

describe('recorded threads', () => {
  test('keep every delivery with its instant, refused ones too', async () => {
    const kit = await open({ definitions: [] });
    await kit.scheduleFollowup({ threadId: 'a', message: 'one', delay: '10m' });
    await kit.scheduleFollowup({ threadId: 'b', message: { two: 2 }, delay: '20m' });
    kit.threads.answer = ({ threadId }) => {
      if (threadId === 'b') throw new ThreadStoppedError(threadId);
    };
    await kit.advance('1 hour');
    expect(kit.threads.deliveries.map(({ threadId, at, attempt }) => ({ threadId, at, attempt }))).toEqual([
      { threadId: 'a', at: new Date('2030-01-01T00:10:00Z'), attempt: 1 },
      { threadId: 'b', at: new Date('2030-01-01T00:20:00Z'), attempt: 1 },
    ]);
    expect(kit.threads.messagesOf('b')).toEqual([{ two: 2 }]);
  });
});

describe('states that go into the store', () => {
  const machine = setup({
    types: { context: {} as { seen: unknown }, events: {} as { type: 'see'; what?: string } },
  }).createMachine({
    context: { seen: null },
    on: { see: { actions: assign({ seen: ({ event }) => (event.what === 'map' ? new Map() : new Date(0)) }) } },
  });
  const seeing = defineActor({ name: 'seeing', machine });

  test('are read back, and are the same', async () => {
    const kit = await open({ definitions: [seeing] });
    const { id } = await kit.schedule(seeing);
    await kit.send(id, { type: 'see' });
    await kit.advance(0);
    expect(kit.checkedSnapshots).toBeGreaterThanOrEqual(2);
    expect(await kit.get(id)).toMatchObject({ context: { seen: new Date(0) } });
  });

  test('fail the test when JSON cannot carry them', async () => {
    const kit = await open({ definitions: [seeing] });
    const { id } = await kit.schedule(seeing);
    const sent = kit.send(id, { type: 'see', what: 'map' }).then(() => kit.advance(0));
    await expect(sent).rejects.toThrow(/seeing .* was set aside: .*context\.seen.*Map/);
  });

  test('are left to the test to look at if it says so', async () => {
    const kit = await open({ definitions: [seeing], quarantine: 'keep' });
    const { id } = await kit.schedule(seeing);
    await kit.send(id, { type: 'see', what: 'map' });
    await kit.advance(0);
    expect(await kit.get(id)).toMatchObject({ status: 'quarantined' });
  });
});

test('options of a test scheduler are checked as all others are', async () => {
  await expect(createTestScheduler({ definitions: [], seed: 0 })).rejects.toThrow("'seed'");
  await expect(createTestScheduler({ definitions: [], inlin: true } as never)).rejects.toThrow("'inlin'");
});
