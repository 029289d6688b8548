/** Owners and the actors that work for them, on processes that die at any call: neither side is ever left waiting for the other. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { type AnyDefinition, defineActor, defineJob, fromJob, fromRun, type Scheduler } from '../../src/index.ts';
import { type Process, Simulation } from '../support/simulation.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 25);

function definitionsFor(process: Process): readonly AnyDefinition[] {
  const charge = defineJob<{ fails: number }, string>({
    name: 'charge',
    retry: { maxRetries: 2, backoff: { base: 50 } },
    async run({ input, attempt }) {
      await process.sleep(40);
      if (attempt <= input.fails) throw new Error('busy');
      return 'charged';
    },
  });
  const order = defineActor({
    name: 'order',
    machine: setup({
      types: { input: {} as { fails: number }, context: {} as { fails: number } },
      actors: {
        charge: fromJob(charge),
        ship: fromRun<string, undefined>(async () => {
          await process.sleep(60);
          return 'shipped';
        }),
      },
    }).createMachine({
      context: ({ input }) => input,
      initial: 'charging',
      on: { leave: '.left' },
      states: {
        charging: {
          invoke: { src: 'charge', input: ({ context }) => context, onDone: 'shipping', onError: 'unpaid' },
        },
        shipping: { invoke: { src: 'ship', onDone: 'shipped', onError: 'unpaid' } },
        shipped: { type: 'final' },
        unpaid: { type: 'final', tags: 'dropped' },
        left: { type: 'final', tags: 'dropped' },
      },
    }),
  });
  return [order];
}

test(`in ${SEEDS} seeded runs every owner ends, every child ends, and both tell the same story`, {
  timeout: 300_000,
}, async () => {
  let deaths = 0;
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const simulation = new Simulation(seed, definitionsFor);
    const { world } = simulation;
    const chance = (): number => world.random();
    let opened = 0;
    const openWorker = async (): Promise<void> => {
      const process = await simulation.open(`worker-${++opened}`, { concurrency: 1 + Math.floor(chance() * 4) });
      process.scheduler?.start().catch(() => process.die());
    };
    const client = await simulation.open('client', false);
    for (let worker = 0; worker < 3; worker++) await openWorker();
    simulation.chances = { death: 0.006, failure: 0.01, latencyMs: 5 };
    const ids: string[] = [];
    for (let round = 0; round < 25; round++) {
      const scheduler = client.dead ? null : client.scheduler;
      if (scheduler && chance() < 0.6) {
        void scheduler.schedule('order', { fails: Math.floor(chance() * 4) }).then(
          ({ id }) => ids.push(id),
          () => {},
        );
      } else if (scheduler && ids.length > 0) {
        const id = ids[Math.floor(chance() * ids.length)] as string;
        void (chance() < 0.5 ? scheduler.send(id, { type: 'leave' }) : scheduler.cancel(id)).catch(() => {});
      }
      await world.advance(Math.floor(chance() * 200));
      const alive = simulation.processes.filter((process) => !process.dead && process.name !== 'client');
      if (alive.length < 2) await openWorker();
    }
    simulation.chances = { death: 0, failure: 0, latencyMs: 2 };
    await openWorker();
    await world.advance(120_000);

    deaths += simulation.deaths;
    const store = simulation.store();
    expect(await store.audit(100), `seed ${seed}: audit`).toEqual([]);
    expect((await store.list({ status: 'active', limit: 100 })).items, `seed ${seed}: still active`).toEqual([]);
    const reader = simulation.processes.at(-1)?.scheduler as Scheduler;
    for (const id of ids) {
      expect((await reader.replay(id)).firstDifference, `seed ${seed}: replay of ${id}`).toBeUndefined();
      const owner = await store.find(id);
      const children = (await store.list({ parentId: id, limit: 100 })).items;
      const done = children.filter(({ status }) => status === 'done').map(({ name }) => name);
      const state = JSON.parse(owner?.state ?? 'null') as string;
      ends.set(state, (ends.get(state) ?? 0) + 1);
      expect(children.length, `seed ${seed}: children of ${id}`).toBeLessThanOrEqual(2);
      if (state === 'shipped') expect(done.sort(), `seed ${seed}: ${id}`).toEqual(['charge', 'order/ship']);
      if (state === 'unpaid') expect(children.map(({ status }) => status)).toContain('dropped');
    }
  }
  expect(deaths).toBeGreaterThan(SEEDS / 4);
  for (const state of ['shipped', 'unpaid', 'left']) expect(ends.get(state) ?? 0, state).toBeGreaterThan(SEEDS / 4);
});
