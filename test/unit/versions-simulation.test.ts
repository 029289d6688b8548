/** Old and new processes on one database, which die at any call: every actor keeps its letters, its work and its direction. */
import { expect, test } from 'vitest';
import { type AnyStateMachine, assign, fromPromise, setup } from 'xstate';
import { type AnyDefinition, defineActor, defineJob, fromJob, type Migrate } from '../../src/index.ts';
import { type Process, Simulation } from '../support/simulation.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 15);

/** What each version calls the state in which it counts; the third keeps the name of the second and needs no migration. */
const COUNTING = ['', 'open', 'counting', 'counting'] as const;

function migrateTo(version: number): Migrate {
  const counting = COUNTING[version] as string;
  return ({ snapshot, timers }) => {
    const { value, context } = snapshot as { value: string; context: unknown };
    if (value !== 'open') return { snapshot };
    const moved = { type: `xstate.after.60000.tally.${counting}` };
    return {
      snapshot: { value: counting, context },
      timers: timers.map((timer) => ({ ...timer, event: moved })),
    };
  };
}

function definitionsOf(version: number, process: Process, starts: (key: string) => void): readonly AnyDefinition[] {
  const counting = COUNTING[version] as string;
  const pay = defineJob<undefined, string>({
    name: 'pay',
    version,
    retry: { maxRetries: 5, backoff: { base: 50 } },
    async run({ attempt, idempotencyKey }) {
      starts(`${idempotencyKey} ${attempt}`);
      await process.sleep(50);
      if (attempt === 1) throw new Error('busy');
      return 'paid';
    },
  });
  const machine = setup({
    types: { context: {} as { count: number }, events: {} as { type: 'add' } | { type: 'close' } },
    actors: { pay: fromJob(pay), wrap: fromPromise(() => process.sleep(30)) },
    actions: { add: assign({ count: ({ context }) => context.count + 1 }) },
  }).createMachine({
    id: 'tally',
    context: { count: 0 },
    initial: counting,
    on: { add: { actions: 'add' } },
    states: {
      [counting]: { on: { close: 'paying' }, after: { 60_000: 'paying' } },
      paying: { invoke: { id: 'payment', src: 'pay', onDone: 'wrapping' } },
      wrapping: { invoke: { id: 'wrapper', src: 'wrap', onDone: 'closed' } },
      closed: { type: 'final', output: ({ context }: { context: { count: number } }) => context.count },
    },
    output: ({ event }: { event: { output?: unknown } }) => event.output,
  } as never) as unknown as AnyStateMachine;
  const migrate = version > 1 ? { migrate: migrateTo(version) } : {};
  return [defineActor({ name: 'tally', version, machine, ...migrate }), pay];
}

test(`in ${SEEDS} seeded rolling deploys every actor settles with all its letters, by versions that only rise`, {
  timeout: 300_000,
}, async () => {
  const seen = { deaths: 0, moved: 0, jumps: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const attempts = new Map<string, number>();
    const versionOf = ({ name }: Process): number => Number(name.split('-')[0]);
    // A process of version 0 only reads, and knows them all.
    const simulation = new Simulation(seed, (process) => {
      const versions = versionOf(process) === 0 ? [1, 2, 3] : [versionOf(process)];
      const starts = (key: string): void => void attempts.set(key, (attempts.get(key) ?? 0) + 1);
      return versions.flatMap((version) => definitionsOf(version, process, starts));
    });
    const { world } = simulation;
    const chance = (): number => world.random();
    let opened = 0;
    const openWorker = async (version: number): Promise<void> => {
      const process = await simulation.open(`${version}-${++opened}`, { concurrency: 1 + Math.floor(chance() * 4) });
      process.scheduler?.start().catch(() => process.die());
    };
    const client = await simulation.open('1-client', false);
    for (let worker = 0; worker < 2; worker++) await openWorker(1);
    simulation.chances = { death: 0.005, failure: 0.01, latencyMs: 5 };
    const letters = new Map<string, { sent: number; acknowledged: number }>();
    for (let round = 0; round < 45; round++) {
      const scheduler = client.dead ? null : client.scheduler;
      const ids = [...letters.keys()];
      const id = ids[Math.floor(chance() * ids.length)];
      const count = letters.get(id ?? '');
      if (scheduler && chance() < 0.3) {
        void scheduler.schedule('tally').then(
          (handle) => letters.set(handle.id, { sent: 0, acknowledged: 0 }),
          () => {},
        );
      } else if (scheduler && id !== undefined && count && chance() < 0.95) {
        count.sent += 1;
        scheduler.send(id, { type: 'add' }).then(
          () => void (count.acknowledged += 1),
          () => {},
        );
      } else if (scheduler && id !== undefined) void scheduler.send(id, { type: 'close' }).catch(() => {});
      await world.advance(Math.floor(chance() * 900));
      // The newest version that may run rises; old processes stay until they die, or are stopped.
      const newest = 1 + Math.floor(round / 15);
      const alive = simulation.processes.filter((process) => !process.dead && process !== client);
      const oldest = alive.find((process) => versionOf(process) < newest);
      if (oldest && chance() < 0.15) oldest.die();
      if (alive.length < 3) await openWorker(chance() < 0.3 ? Math.max(1, newest - 1) : newest);
    }
    simulation.chances = { death: 0, failure: 0, latencyMs: 2 };
    for (const process of simulation.processes) if (versionOf(process) < 3) process.die();
    await openWorker(3);
    await world.advance(180_000);

    seen.deaths += simulation.deaths;
    const store = simulation.store();
    const tell = `seed ${seed}`;
    expect(await store.audit(100), tell).toEqual([]);
    // An attempt begins again under its number only where its worker died.
    const again = [...attempts.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(again, tell).toBeLessThanOrEqual(4 * simulation.deaths);
    const left = [...(await store.list({ status: 'active', limit: 100 })).items];
    left.push(...(await store.list({ status: 'quarantined', limit: 100 })).items);
    expect(
      left.map(({ id, reason, state }) => `${id} ${state} ${reason}`),
      tell,
    ).toEqual([]);
    const reader = (await simulation.open('0-reader', false)).scheduler;
    for (const [id, { sent, acknowledged }] of letters) {
      const view = await reader?.get(id);
      const output = Number(view?.record?.output);
      expect(view?.status, `${tell}: ${id}`).toBe('done');
      // Whether a letter that came last was read before it closed is not known here.
      expect(output, `${tell}: letters of ${id}`).toBeLessThanOrEqual(sent);
      if (view?.mail === 0)
        expect(output, `${tell}: letters of ${id}`).toBeGreaterThanOrEqual(acknowledged - (view?.mail ?? 0));
      expect((await reader?.replay(id))?.firstDifference, `${tell}: replay of ${id}`).toBeUndefined();
      const moves = (await reader?.history(id))?.filter(({ event }) => event.type === 'carillon.migrated') ?? [];
      const path = moves.flatMap(({ event }) => [event['from'] as number, event['to'] as number]);
      expect(path, `${tell}: versions of ${id}`).toEqual(path.toSorted((a, b) => a - b));
      seen.moved += Number(moves.length > 0);
      seen.jumps += Number(moves.length > 1);
      const children = (await store.list({ parentId: id, limit: 10 })).items;
      expect(
        children.map(({ status }) => status),
        `${tell}: children of ${id}`,
      ).toEqual(['done']);
    }
  }
  expect(seen.deaths).toBeGreaterThan(SEEDS);
  expect(seen.moved).toBeGreaterThan(SEEDS);
  expect(seen.jumps).toBeGreaterThan(SEEDS / 10);
});
