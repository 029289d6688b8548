/** One bad actor: set aside with everything it had, visible, releasable, and harmless to the others. */
import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import {
  defineActor,
  defineJob,
  InvalidStateError,
  type QuarantinedEvent,
  type SettledEvent,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

/** A gate whose guard throws for as long as the flag is up. */
function gate() {
  const flag = { broken: true };
  const machine = setup({
    types: { context: {} as { entered: number }, events: {} as { type: 'enter' } | { type: 'leave' } },
    guards: {
      allowed() {
        if (flag.broken) throw new Error('the rule book is missing');
        return true;
      },
    },
  }).createMachine({
    context: { entered: 0 },
    initial: 'open',
    states: {
      open: {
        on: {
          enter: { guard: 'allowed', actions: assign({ entered: ({ context }) => context.entered + 1 }) },
          leave: 'closed',
        },
      },
      closed: { type: 'final' },
    },
    output: ({ context }) => context.entered,
  });
  return { flag, definition: defineActor({ name: 'gate', machine }) };
}

test('a guard that throws sets the actor aside with snapshot and mailbox kept, and release resumes it', async () => {
  const { flag, definition } = gate();
  const scheduler = await schedulers.open({ definitions: [definition] });
  const told: QuarantinedEvent[] = [];
  scheduler.on('quarantined', (event) => told.push(event));
  const handle = await scheduler.schedule(definition);
  await scheduler.waitFor(handle.id, { state: 'open', timeout: '10s' });
  await handle.send({ type: 'enter' });
  const view = await waitUntil(async () => {
    const found = await scheduler.get(handle.id);
    return found?.status === 'quarantined' && found;
  });
  expect(view).toMatchObject({ state: 'open', context: { entered: 0 }, mail: 1, wakeAt: null });
  expect(view.reason).toContain('the rule book is missing');
  await waitUntil(() => told.length > 0);
  expect(told).toEqual([{ id: handle.id, name: 'gate', reason: view.reason }]);
  expect(schedulers.log.some(({ msg, actor }) => msg === 'quarantined' && actor === handle.id)).toBe(true);
  expect((await scheduler.explain(handle.id)).waitingFor).toMatchObject([{ for: 'release' }]);
  expect((await scheduler.list({ status: 'quarantined' })).items.map(({ id }) => id)).toEqual([handle.id]);
  expect((await scheduler.stats()).quarantined).toBe(1);
  // Mail still arrives, and waits with the rest.
  await handle.send({ type: 'enter' });
  await handle.send({ type: 'leave' });
  flag.broken = false;
  await scheduler.release(handle.id);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', output: 2 });
});

test('an actor released before it is mended is set aside again, and loses nothing', async () => {
  const { flag, definition } = gate();
  const scheduler = await schedulers.open({ definitions: [definition] });
  const handle = await scheduler.schedule(definition);
  const quarantined = () => waitUntil(async () => (await scheduler.get(handle.id))?.status === 'quarantined');
  await handle.send({ type: 'enter' });
  await quarantined();
  await scheduler.release(handle.id);
  await quarantined();
  flag.broken = false;
  await scheduler.release(handle.id);
  await handle.send({ type: 'leave' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ output: 1 });
});

test('a context factory that throws is the worker’s finding, not the caller’s', async () => {
  const broken = defineActor({
    name: 'broken',
    machine: setup({}).createMachine({
      context: () => {
        throw new Error('no context today');
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [broken] });
  const { id, outcome } = await scheduler.schedule(broken);
  expect(outcome).toBe('scheduled');
  const view = await waitUntil(async () => {
    const found = await scheduler.get(id);
    return found?.status === 'quarantined' && found;
  });
  expect(view).toMatchObject({ state: null, context: null, reason: expect.stringContaining('no context today') });
});

test('a context that cannot be stored, or grows too large, sets the actor aside as it was before', async () => {
  const grow = defineActor({
    name: 'grow',
    machine: setup({
      types: { context: {} as { kept: unknown }, events: {} as { type: 'take'; what: 'bigint' | 'text' } },
    }).createMachine({
      context: { kept: 'nothing' },
      initial: 'on',
      states: {
        on: {
          on: { take: { actions: assign({ kept: ({ event }) => (event.what === 'text' ? 'x'.repeat(5000) : 1n) }) } },
        },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [grow], maxPayload: 2048 });
  const told: string[] = [];
  scheduler.on('quarantined', ({ id }) => told.push(id));
  for (const what of ['bigint', 'text'] as const) {
    const { id } = await scheduler.schedule(grow);
    await scheduler.waitFor(id, { state: 'on', timeout: '10s' });
    await scheduler.send(id, { type: 'take', what });
    const view = await waitUntil(async () => {
      const found = await scheduler.get(id);
      return found?.status === 'quarantined' && found;
    });
    expect(view).toMatchObject({ state: 'on', context: { kept: 'nothing' } });
    expect(view.reason).toMatch(what === 'text' ? /maxPayload/ : /bigint/);
    await waitUntil(() => told.includes(id));
  }
});

test('the rest of the batch of a bad actor settles', async () => {
  const { definition } = gate();
  const fine = defineJob({ name: 'fine', run: ({ input }: { input: number }) => input });
  const scheduler = await schedulers.open({ definitions: [definition, fine], start: false });
  const bad = await scheduler.schedule(definition);
  await scheduler.send(bad.id, { type: 'enter' });
  const good = await scheduler.scheduleMany(
    fine,
    Array.from({ length: 30 }, (_, input) => ({ input })),
  );
  const settled: SettledEvent[] = [];
  scheduler.on('settled', (event) => settled.push(event));
  await scheduler.start();
  await Promise.all(good.map((handle) => handle.result({ timeout: '10s' })));
  await waitUntil(async () => (await scheduler.get(bad.id))?.status === 'quarantined');
  expect(settled).toHaveLength(30);
});

test('only what is in quarantine can be released', async () => {
  const { definition } = gate();
  const scheduler = await schedulers.open({ definitions: [definition] });
  const { id } = await scheduler.schedule(definition);
  await expect(scheduler.release(id)).rejects.toThrow(InvalidStateError);
  await expect(scheduler.release(id)).rejects.toThrow(/'active', not in quarantine/);
});

test('two actors of one machine that never stop answering each other are set aside, not their worker', async () => {
  const endless = defineActor({
    name: 'endless',
    machine: setup({ types: { context: {} as { n: number } } }).createMachine({
      context: { n: 0 },
      initial: 'a',
      states: { a: { always: 'b' }, b: { always: 'a' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [endless] });
  const { id } = await scheduler.schedule(endless);
  const view = await waitUntil(async () => {
    const found = await scheduler.get(id);
    return found?.status === 'quarantined' && found;
  });
  expect(view.reason).not.toBe('');
});
