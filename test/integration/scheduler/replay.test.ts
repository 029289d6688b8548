/** An actor's past, taken again from what is stored. */
import { expect, test } from 'vitest';
import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { defineActor, defineJob, fromJob, RetryableError } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

/** Says hello and how often it was spoken to. `step`: what one word counts. */
function talker(version: number, step: () => number) {
  return defineActor({
    name: 'talker',
    version,
    machine: setup({
      types: { context: {} as { count: number }, events: {} as { type: 'word' } | { type: 'end' } },
      actors: {
        ear: fromCallback(({ sendBack }) => sendBack({ type: 'word' })),
        think: fromPromise(async () => new Date(0)),
      },
      actions: { add: assign({ count: ({ context }) => context.count + step() }) },
    }).createMachine({
      context: { count: 0 },
      initial: 'listening',
      invoke: { src: 'ear' },
      on: { word: { actions: 'add' }, end: '.ended' },
      states: {
        listening: { after: { 20: 'thinking' } },
        thinking: { invoke: { src: 'think', onDone: 'resting' } },
        resting: {},
        ended: { type: 'final' },
      },
    }),
  });
}

test('a job with retries replays to what was stored, with a context at every step', async () => {
  const flaky = defineJob({
    name: 'flaky',
    retry: { backoff: { base: 5 } },
    run: ({ attempt }) => {
      if (attempt < 3) throw new RetryableError('not yet', { retryAfter: 3 });
      return 'ok';
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const handle = await scheduler.schedule(flaky, undefined, { delay: 30 });
  await scheduler.reschedule(handle.id, new Date(Date.now() + 60)).catch(() => {});
  await handle.result({ timeout: '10s' });
  const { ok, steps, firstDifference } = await scheduler.replay(handle.id);
  expect(firstDifference).toBeUndefined();
  expect(ok).toBe(true);
  expect(steps.map(({ seq, event, state }) => ({ seq, event: event.type, state }))).toEqual(
    (await scheduler.history(handle.id)).map(({ seq, event, state }) => ({ seq, event: event.type, state })),
  );
  expect(steps.at(-1)).toMatchObject({ state: 'done', context: { attempt: 3, retries: { '': 2 } } });
  const early = await scheduler.replay(handle.id, { upTo: 2 });
  expect(early).toMatchObject({ ok: true, steps: [{ seq: 1, state: 'scheduled' }, { seq: 2 }] });
});

test('timers, callbacks, promises and a long history replay exactly, while the actor lives and after it ended', async () => {
  const talk = talker(1, () => 1);
  const scheduler = await schedulers.open({ definitions: [talk] });
  const { id } = await scheduler.schedule(talk);
  await scheduler.waitFor(id, { state: 'resting', timeout: '10s' });
  for (let word = 0; word < 40; word++) await scheduler.send(id, { type: 'word' });
  await waitUntil(async () => JSON.stringify((await scheduler.get(id))?.context) === '{"count":41}');
  const living = await scheduler.replay(id);
  expect(living.firstDifference).toBeUndefined();
  expect(living.steps.at(-1)).toMatchObject({ state: 'resting', context: { count: 41 } });
  await scheduler.send(id, { type: 'end' });
  await scheduler.waitFor(id, { timeout: '10s' });
  expect(await scheduler.replay(id)).toMatchObject({ ok: true });
});

test('a machine that draws randomness is found, with the path of what differs', async () => {
  const talk = talker(1, Math.random);
  const scheduler = await schedulers.open({ definitions: [talk] });
  const { id } = await scheduler.schedule(talk);
  await scheduler.waitFor(id, { state: 'resting', timeout: '10s' });
  const { ok, firstDifference } = await scheduler.replay(id);
  expect(ok).toBe(false);
  expect(firstDifference).toMatchObject({ path: 'context.count', stored: expect.any(Number) });
});

test('an output that comes out otherwise is found in the record it is compared with', async () => {
  const ending = (name: string, output: () => unknown) =>
    defineActor({
      name,
      machine: setup({}).createMachine({ initial: 'over', states: { over: { type: 'final' } }, output }),
    });
  const steady = ending('steady', () => ({ at: new Date(0), of: [undefined, 1] }));
  const drawn = ending('drawn', () => ({ drawn: Math.random() }));
  const scheduler = await schedulers.open({ definitions: [steady, drawn] });
  const [kept, lost] = [await scheduler.schedule(steady), await scheduler.schedule(drawn)];
  const { output } = await lost.result({ timeout: '10s' });
  await kept.result({ timeout: '10s' });
  expect(await scheduler.replay(kept.id)).toMatchObject({ ok: true });
  expect(await scheduler.replay(lost.id)).toMatchObject({
    ok: false,
    firstDifference: { seq: 1, path: 'output.drawn', stored: (output as { drawn: number }).drawn },
  });
});

test('another version shows what it would have done, up to where it differs', async () => {
  const talk = talker(1, () => 1);
  const scheduler = await schedulers.open({ definitions: [talk] });
  const { id } = await scheduler.schedule(talk);
  await scheduler.waitFor(id, { state: 'resting', timeout: '10s' });
  const report = await scheduler.replay(id, { definition: talker(2, () => 10) });
  expect(report.firstDifference).toMatchObject({ path: 'context.count', stored: 1, replayed: 10 });
  expect(report.steps.at(-1)).toMatchObject({ context: { count: 10 } });
});

test('work handed to another actor replays without it', async () => {
  const pay = defineJob({ name: 'pay', run: () => 'paid' });
  const buyer = defineActor({
    name: 'buyer',
    machine: setup({ actors: { pay: fromJob(pay) } }).createMachine({
      initial: 'paying',
      states: { paying: { invoke: { src: 'pay', onDone: 'paid' } }, paid: { type: 'final' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [buyer] });
  const handle = await scheduler.schedule(buyer);
  await handle.result({ timeout: '10s' });
  expect(await scheduler.replay(handle.id)).toMatchObject({ ok: true, steps: [{}, { state: 'paid' }] });
});
