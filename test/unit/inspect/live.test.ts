import { createTestScheduler, type TestScheduler, type TestSchedulerOptions } from 'carillon/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { defineActor, defineJob, fromJob, type StatelyInspectionEvent } from '../../../src/index.ts';

const charge = defineJob<{ cents: number; card: string }, string>({
  name: 'charge',
  retry: { maxRetries: 1, backoff: { base: '10s', jitter: 0 } },
  run({ attempt }) {
    if (attempt === 1) throw new Error('not yet');
    return 'receipt';
  },
});

const order = defineActor({
  name: 'order',
  machine: setup({
    types: { context: {} as { card: string; receipt: string | null }, input: {} as { card: string } },
    actors: { charge: fromJob(charge) },
  }).createMachine({
    id: 'order',
    context: ({ input }) => ({ card: input.card, receipt: null }),
    initial: 'placed',
    states: {
      placed: { after: { 60_000: 'charging' } },
      charging: {
        invoke: {
          src: 'charge',
          input: ({ context }) => ({ cents: 1, card: context.card }),
          onDone: { target: 'charged', actions: assign({ receipt: ({ event }) => event.output }) },
        },
      },
      charged: { type: 'final' },
    },
  }),
});

let kit: TestScheduler;
afterEach(() => kit.stop({ timeout: 0 }));

async function run(options: Partial<TestSchedulerOptions> = {}): Promise<string> {
  kit = await createTestScheduler({ definitions: [order, charge], ...options });
  const handle = await kit.schedule(order, { card: '4111' });
  expect(await handle.result()).toMatchObject({ status: 'success' });
  return handle.id;
}

describe('inspecting what is committed', () => {
  test('introduces parents before their children, and tells the same as the past does afterwards', async () => {
    const events: StatelyInspectionEvent[] = [];
    const id = await run({ inspect: (event) => events.push(event) });
    const introduced = events.filter(({ type }) => type === '@xstate.actor');
    const [parent, child] = introduced;
    expect(introduced).toHaveLength(2);
    expect(parent).toMatchObject({ sessionId: id, rootId: id, parentId: undefined, name: `order ${id.slice(-6)}` });
    expect(child).toMatchObject({ rootId: id, parentId: id, snapshot: { value: 'scheduled' } });
    for (const session of [id, child?.sessionId ?? '']) {
      const own = (all: readonly StatelyInspectionEvent[]) => all.filter(({ sessionId }) => sessionId === session);
      expect(own(await kit.inspectionEvents(session))).toEqual(own(events));
    }
    const states = events.flatMap((event) =>
      event.type === '@xstate.snapshot' && event.sessionId === id ? [event.snapshot.value] : [],
    );
    expect(states).toEqual(['placed', 'placed', 'charging', 'charged']);
    const fired = events.find((event) => event.type === '@xstate.event' && event.event.type.startsWith('xstate.after'));
    expect(fired).toMatchObject({ sourceId: id });
    expect(events.at(-1)).toMatchObject({ snapshot: { status: 'done', context: { receipt: 'receipt' } } });
  });

  test('follows every introduction with what the actor is now', async () => {
    const events: StatelyInspectionEvent[] = [];
    await run({ inspect: (event) => events.push(event) });
    events.forEach((event, index) => {
      if (event.type !== '@xstate.actor') return;
      const { sessionId, snapshot } = event;
      expect(events[index + 1]).toMatchObject({ type: '@xstate.snapshot', sessionId, snapshot });
    });
  });

  test('shows nothing of what is redacted, live and in the past', async () => {
    const events: StatelyInspectionEvent[] = [];
    const id = await run({ inspect: (event) => events.push(event), redact: ['card'] });
    const all = JSON.stringify([events, await kit.inspectionEvents(id)]);
    expect(all).toContain('"card":"[Redacted]"');
    expect(all).not.toContain('4111');
  });

  test('by a hook that throws, or rejects, costs no turn anything, and is told as an error', async () => {
    const errors: string[] = [];
    let count = 0;
    kit = await createTestScheduler({
      definitions: [order, charge],
      inspect: () => {
        count += 1;
        if (count % 2 === 0) throw new Error('inspector thrown');
        return Promise.reject(new Error('inspector rejected')) as unknown as undefined;
      },
    });
    kit.on('error', ({ message }) => errors.push(message));
    const handle = await kit.schedule(order, { card: '4111' });
    expect(await handle.result()).toMatchObject({ status: 'success' });
    await kit.advance('1h');
    expect(errors).toHaveLength(count);
    expect(new Set(errors)).toEqual(new Set(['inspector thrown', 'inspector rejected']));
  });

  test('of one that has not begun is its introduction', async () => {
    kit = await createTestScheduler({ definitions: [order, charge] });
    const { id } = await kit.schedule(order, { card: '4111' }, { delay: '1h' });
    expect(await kit.inspectionEvents(id)).toMatchObject([
      { type: '@xstate.actor', sessionId: id, snapshot: { status: 'active' } },
      { type: '@xstate.snapshot', sessionId: id },
    ]);
  });

  test('that cannot be replayed any more still shows its states', async () => {
    let seen = 'first';
    const wandering = defineActor({
      name: 'wandering',
      machine: setup({ types: { context: {} as { seen: string } } }).createMachine({
        context: () => ({ seen }),
        initial: 'on',
        states: { on: { after: { 1000: 'off' } }, off: { type: 'final' } },
      }),
    });
    kit = await createTestScheduler({ definitions: [wandering] });
    const handle = await kit.schedule(wandering);
    await handle.result();
    seen = 'second';
    const events = await kit.inspectionEvents(handle.id);
    expect(events.at(-1)).toMatchObject({ type: '@xstate.snapshot', snapshot: { value: 'off' } });
    expect((events.at(-1) as { snapshot: object }).snapshot).not.toHaveProperty('context');
  });
});
