/** What a new definition would make of everything that is alive, told before it is deployed. */
import { expect, test } from 'vitest';
import { type AnyStateMachine, assign, setup } from 'xstate';
import { type AnyDefinition, defineActor, defineJob, InvalidOptionError, type Migrate } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

interface Ticket {
  version?: number;
  states?: readonly [string, string];
  migrate?: Migrate;
  step?: () => number;
}

/** Goes from the first of two states to the second, and counts what it hears there. */
function ticket({ version = 1, states: [first, second] = ['open', 'taken'], migrate, step = () => 1 }: Ticket = {}) {
  return defineActor({
    name: 'ticket',
    version,
    ...(migrate && { migrate }),
    machine: setup({
      types: { context: {} as { count: number }, events: {} as { type: 'take' } | { type: 'tick' } },
      actions: { count: assign({ count: ({ context }) => context.count + step() }) },
    }).createMachine({
      id: 'ticket',
      context: { count: 0 },
      initial: first,
      states: {
        [first]: { on: { take: second }, after: { 3_600_000: 'closed' } },
        [second]: { on: { tick: { actions: 'count' } }, after: { 3_600_000: 'closed' } },
        closed: { type: 'final' },
      },
    } as never) as unknown as AnyStateMachine,
  });
}

async function alive(): Promise<Awaited<ReturnType<typeof schedulers.open>>> {
  const scheduler = await schedulers.open({ definitions: [ticket()] });
  for (let number = 0; number < 6; number++) {
    const { id } = await scheduler.schedule('ticket');
    if (number < 2) continue;
    await scheduler.send(id, { type: 'take' });
    await scheduler.send(id, { type: 'tick' });
    await waitUntil(async () => (await scheduler.get(id))?.seq === 3);
  }
  await waitUntil(async () => (await scheduler.list({ name: 'ticket', state: 'open' })).items.length === 2);
  return scheduler;
}

test('a definition that needs not be registered is held against what is alive, and changes nothing', async () => {
  const scheduler = await alive();
  const same = await scheduler.checkDefinition(ticket({ version: 2 }));
  expect(same).toMatchObject({ checked: 6, fitting: 6, migrating: 0, failed: 0, failing: [], diverging: [] });
  expect(same.replayed).toBe(6);
  const renamed = await scheduler.checkDefinition(ticket({ version: 2, states: ['open', 'held'] }));
  expect(renamed).toMatchObject({ checked: 6, fitting: 2, failed: 4 });
  expect(renamed.failing).toHaveLength(4);
  expect(renamed.failing[0]).toMatchObject({ version: 1, reason: expect.stringContaining('taken') });
  const migrate: Migrate = ({ snapshot, timers }) => {
    const { value, context } = snapshot as { value: string; context: unknown };
    const moved = timers.map((timer) => ({ ...timer, event: { type: 'xstate.after.3600000.ticket.held' } }));
    return value === 'taken' ? { snapshot: { value: 'held', context }, timers: moved } : { snapshot };
  };
  const mended = await scheduler.checkDefinition(ticket({ version: 2, states: ['open', 'held'], migrate }));
  expect(mended).toMatchObject({ checked: 6, fitting: 0, migrating: 6, failed: 0 });
  const { items } = await scheduler.list({ name: 'ticket' });
  expect(items.map(({ version, status }) => `${version} ${status}`)).toEqual(Array(6).fill('1 active'));
});

test('a migration that gives another state each time is found', async () => {
  const scheduler = await alive();
  let calls = 0;
  const migrate: Migrate = ({ snapshot }) => ({
    snapshot: { value: (snapshot as { value: string }).value, context: { count: ++calls } },
  });
  const report = await scheduler.checkDefinition(ticket({ version: 2, migrate }));
  expect(report).toMatchObject({ failed: 6, migrating: 0 });
  expect(report.failing[0]?.reason).toMatch(/does not give the same twice/);
});

test('a machine that draws randomness is found in the pasts of its older version, with the path', async () => {
  const scheduler = await alive();
  const report = await scheduler.checkDefinition(ticket({ version: 2, step: Math.random }));
  expect(report.diverging).toHaveLength(4);
  expect(report.diverging[0]).toMatchObject({
    version: 1,
    seq: 3,
    path: 'context.count',
    reason: expect.stringContaining('randomness'),
  });
  const none = await scheduler.checkDefinition(ticket({ version: 2, step: Math.random }), { sample: 0 });
  expect(none).toMatchObject({ replayed: 0, diverging: [] });
});

test('a machine that changed under the same version is found, and what a kept version lives by is held against that', async () => {
  const scheduler = await alive();
  const changed = await scheduler.checkDefinition(ticket({ step: () => 2 }));
  expect(changed).toMatchObject({ checked: 6, fitting: 6 });
  expect(changed.diverging[0]).toMatchObject({ path: 'context.count', reason: expect.stringContaining('new version') });
  const next = ticket({ version: 2, states: ['new', 'held'] });
  expect(await scheduler.checkDefinition(next)).toMatchObject({ failed: 6 });
  const kept: AnyDefinition[] = [ticket()];
  const seen: number[] = [];
  const report = await scheduler.checkDefinition(next, { kept, onProgress: (checked) => seen.push(checked) });
  expect(report).toMatchObject({ fitting: 6, failed: 0, diverging: [] });
  expect(seen).toEqual([6, 6]);
});

test('going back to an older version is told as waiting', async () => {
  const scheduler = await schedulers.open({ definitions: [ticket({ version: 2 })] });
  await scheduler.schedule('ticket');
  const report = await scheduler.checkDefinition(ticket());
  expect(report.failing).toMatchObject([{ version: 2, reason: expect.stringContaining('it would wait') }]);
});

test('jobs of any version fit, and versions of other names are refused', async () => {
  const job = (version: number) => defineJob({ name: 'job', version, run: () => version });
  const scheduler = await schedulers.open({ definitions: [job(1)] });
  await scheduler.schedule('job', undefined, { delay: '1h' });
  await (await scheduler.schedule('job')).result({ timeout: '10s' });
  expect(await scheduler.checkDefinition(job(2))).toMatchObject({ checked: 1, fitting: 1, replayed: 2, diverging: [] });
  await expect(scheduler.checkDefinition(job(2), { kept: [ticket()] })).rejects.toThrow(InvalidOptionError);
});

test('what looks wrong in a statechart is logged once, at registration, and told by the check', async () => {
  const odd = defineActor({
    name: 'odd',
    machine: setup({}).createMachine({
      initial: 'a',
      states: { a: { after: { 9: 'b' } }, b: { type: 'final' }, lost: {} },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [odd], start: false });
  const warned = schedulers.log
    .filter(({ level }) => level === 40)
    .map(({ definition, msg }) => `${String(definition)}: ${msg}`);
  expect(warned).toEqual(["odd: state 'lost' can never be entered: no transition leads there"]);
  expect((await scheduler.checkDefinition(odd)).warnings).toHaveLength(1);
});
