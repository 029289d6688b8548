/** Follow-ups that belong to the state of a machine. */
import { expect, expectTypeOf, test } from 'vitest';
import { assign, type OutputFrom, setup } from 'xstate';
import {
  type Delivery,
  defineActor,
  type FollowupInput,
  followup,
  type RunRecord,
  ThreadNotFoundError,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const PATIENCE = { timeout: '20s' } as const;

/** Reminds a thread, and goes on when the reminder has ended, or when somebody answers before. */
const promise = defineActor({
  name: 'promise',
  machine: setup({
    types: {
      input: {} as Partial<FollowupInput>,
      context: {} as { asked: Partial<FollowupInput>; told: RunRecord | null; error: unknown },
      events: {} as { type: 'answered' },
    },
    actors: { remind: followup },
  }).createMachine({
    context: ({ input }) => ({ asked: input, told: null, error: null }),
    initial: 'waiting',
    states: {
      waiting: {
        invoke: {
          src: 'remind',
          input: ({ context }) => context.asked as FollowupInput,
          onDone: { target: 'reminded', actions: assign({ told: ({ event }) => event.output }) },
          onError: { target: 'refused', actions: assign({ error: ({ event }) => event.error }) },
        },
        on: { answered: 'answered' },
      },
      reminded: {},
      answered: {},
      refused: {},
    },
  }),
});

async function open(answer: (delivery: Delivery) => void = () => {}) {
  const threads = { deliver: async (delivery: Delivery) => answer(delivery) };
  const scheduler = await schedulers.open({ definitions: [promise], threads });
  const ask = async (input: object) => (await scheduler.schedule(promise, input as FollowupInput)).id;
  const childOf = (id: string) => waitUntil(async () => (await scheduler.list({ parentId: id })).items[0]);
  const told = async (id: string) => {
    const { context } = await scheduler.waitFor(id, { state: 'reminded', ...PATIENCE });
    return (context as { told: RunRecord }).told;
  };
  return { scheduler, ask, childOf, told };
}

test('its end moves its owner, with the run record as output and its dates as dates', async () => {
  expectTypeOf<OutputFrom<typeof followup>>().toEqualTypeOf<RunRecord>();
  const { scheduler, ask, childOf, told } = await open();
  const id = await ask({ threadId: 't', message: 'hello', delay: '1s', labels: ['mine'], deleteAfterRun: false });
  const child = await childOf(id);
  expect(child).toMatchObject({
    name: 'carillon.followup',
    queue: 'followups',
    state: 'scheduled',
    labels: ['thread:t', 'kept', 'mine'],
  });
  expect(await told(id)).toEqual({
    status: 'success',
    attempts: 1,
    startedAt: expect.any(Date),
    settledAt: expect.any(Date),
    output: undefined,
  });
  expect((await scheduler.listFollowups({ threadId: 't' })).map((view) => view.id)).toEqual([child.id]);
});

test('a drop is no error of its owner: it gets the record that says why', async () => {
  const { ask, told } = await open(() => {
    throw new ThreadNotFoundError('t');
  });
  const id = await ask({ threadId: 't', message: 'hello', delay: '1s' });
  expect(await told(id)).toMatchObject({ status: 'failed_dropped', reason: 'thread_not_found', attempts: 1 });
});

test.each([[undefined], ['']])(
  'without a thread (%s) it is one attempt, dropped as missing_thread_id',
  async (threadId) => {
    const said: unknown[] = [];
    const { ask, told } = await open((delivery) => said.push(delivery));
    const id = await ask({ threadId, message: 'hello', delay: '1s' });
    expect(await told(id)).toMatchObject({ status: 'failed_dropped', reason: 'missing_thread_id', attempts: 1 });
    expect(said).toEqual([]);
  },
);

test('an input that is refused is the error of its owner, and makes no child', async () => {
  const { scheduler, ask } = await open();
  const refused = [
    { threadId: 't', message: 'x', delay: 999 },
    { threadId: 't', message: 'x', at: new Date(5) },
    { threadId: 't', message: 'x' },
    { threadId: 7, message: 'x', delay: '1s' },
    { threadId: 't', message: 'x', delay: '1s', idempotencyKey: 'k' },
  ];
  for (const input of refused) {
    const id = await ask(input);
    await scheduler.waitFor(id, { state: 'refused', ...PATIENCE });
    expect((await scheduler.get(id))?.context).toMatchObject({ error: { code: 'INVALID_OPTION' } });
    expect((await scheduler.list({ parentId: id })).items).toEqual([]);
  }
});

test('leaving the state cancels it, and nothing is delivered', async () => {
  const said: unknown[] = [];
  const { scheduler, ask, childOf } = await open((delivery) => said.push(delivery));
  const id = await ask({ threadId: 't', message: 'hello', delay: '1h' });
  const child = await childOf(id);
  await scheduler.send(id, { type: 'answered' });
  const record = await scheduler.getHandle(child.id).result(PATIENCE);
  expect(record).toMatchObject({ status: 'cancelled', reason: 'state_left', attempts: 0 });
  expect((await scheduler.get(id))?.state).toBe('answered');
  expect(said).toEqual([]);
});

test('its key replaces nothing, is found by others, and its owner hears that it was replaced', async () => {
  const { scheduler, ask, childOf, told } = await open();
  const before = await scheduler.scheduleFollowup({ threadId: 't', message: 'first', delay: '1h', key: 'k' });
  const id = await ask({ threadId: 't', message: 'owned', delay: '2h', key: 'k' });
  const child = await childOf(id);
  expect(child.labels).toContain('key:k');
  expect(await scheduler.get(before.id)).toMatchObject({ status: 'active', mail: 0 });
  await before.cancel();
  await before.result(PATIENCE);
  const after = await scheduler.scheduleFollowup({ threadId: 't', message: 'next', delay: '1h', key: 'k' });
  expect(after).toMatchObject({ outcome: 'replaced', replaced: child.id });
  expect(await told(id)).toMatchObject({ status: 'cancelled', reason: 'replaced', attempts: 0 });
});
