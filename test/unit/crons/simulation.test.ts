/** Crons in simulated processes that die at any call to the store: every instant has one run, and that one ends. */
import { expect, test } from 'vitest';
import { decode } from '../../../src/codec.ts';
import { defineJob } from '../../../src/index.ts';
import type { FireRole } from '../../../src/turn/kinship.ts';
import { type Process, Simulation } from '../../support/simulation.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 12);
const SECOND = 1000;

interface Outcome {
  readonly simulation: Simulation;
  /** Ids of the actors that handlers ran for, by cron and instant. */
  readonly runs: Map<string, Set<string>>;
}

async function run(seed: number): Promise<Outcome> {
  const runs: Outcome['runs'] = new Map();
  const simulation: Simulation = new Simulation(seed, (process: Process) => [
    defineJob<{ cron: string; ms: number }, void>({
      name: 'tick',
      retry: { maxRetries: 20, backoff: { base: 50, max: 200 } },
      async run({ id, input, attempt, nominalAt }) {
        const key = `${input.cron} ${nominalAt.getTime()}`;
        runs.set(key, (runs.get(key) ?? new Set()).add(id));
        await process.sleep(input.ms);
        if ((seed + attempt) % 3 === 0) throw new Error('once in a while');
      },
    }),
  ]);
  const { world } = simulation;
  const chance = (): number => world.random();
  let opened = 0;
  const openWorker = async (): Promise<void> => {
    const process = await simulation.open(`worker-${++opened}`, { concurrency: 1 + Math.floor(chance() * 6) });
    const { scheduler } = process;
    // Each one declares the set, as an application does at its start.
    scheduler
      ?.applyCrons([
        {
          id: 'each',
          every: 2 * SECOND,
          job: 'tick',
          input: { cron: 'each', ms: 100 },
          missed: 'all',
          overlap: 'allow',
        },
        {
          id: 'line',
          every: 7 * SECOND,
          job: 'tick',
          input: { cron: 'line', ms: 500 },
          missed: 'all',
          overlap: 'queue',
        },
        {
          id: 'late',
          every: 3 * SECOND,
          job: 'tick',
          input: { cron: 'late', ms: 50 },
          jitter: SECOND,
          missed: 'all',
          overlap: 'allow',
        },
      ])
      .catch(() => process.die());
    scheduler?.start().catch(() => process.die());
  };
  for (let worker = 0; worker < 3; worker++) await openWorker();
  await world.advance(200);
  simulation.chances = { death: 0.01, failure: 0.01, latencyMs: 5 };
  for (let round = 0; round < 40; round++) {
    await world.advance(Math.floor(chance() * 1500));
    // Now and then nobody is there for longer than is on time.
    if (chance() < 0.02) {
      for (const process of simulation.processes) process.die();
      await world.advance(90 * SECOND);
    }
    const alive = simulation.processes.filter((process) => !process.dead);
    if (alive.length < 2) await openWorker();
  }
  simulation.chances = { death: 0, failure: 0, latencyMs: 2 };
  await openWorker();
  await world.advance(40 * SECOND);
  return { simulation, runs };
}

test(`in ${SEEDS} seeded runs every instant of every cron has exactly one run`, { timeout: 600_000 }, async () => {
  let deaths = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { simulation, runs } = await run(seed);
    deaths += simulation.deaths;
    const store = simulation.store();
    expect(await store.audit(100), `seed ${seed}: audit`).toEqual([]);
    const { items: crons } = await store.list({ name: 'carillon.cron', limit: 1000 });
    expect(crons.map(({ key, status }) => `${key} ${status}`).sort(), `seed ${seed}: one cron of each id`).toEqual([
      'cron:each active',
      'cron:late active',
      'cron:line active',
    ]);
    for (const { id, key, createdAt } of crons) {
      const told = `seed ${seed}: ${key}`;
      const { items } = await store.list({ parentId: id, limit: 100_000 });
      const nominals = items.map(({ role }) => (decode(role ?? '') as FireRole).nominalAt).sort((a, b) => a - b);
      const everyMs = ({ 'cron:each': 2, 'cron:line': 7, 'cron:late': 3 }[key ?? ''] as number) * SECOND;
      const first = Math.floor(createdAt / everyMs) * everyMs + everyMs;
      expect(nominals, told).toEqual(nominals.map((_, index) => first + index * everyMs));
      expect(nominals.length, told).toBeGreaterThan((40 * SECOND) / everyMs);
      for (const { status, state } of items)
        expect(status === 'active' ? state : 'over', told).toMatch(/over|"scheduled"|"dispatching"|"retrying"/);
    }
    for (const [key, ids] of runs) expect(ids.size, `seed ${seed}: runs of ${key}`).toBe(1);
  }
  // A run in which nothing went wrong proves nothing.
  expect(deaths).toBeGreaterThan(SEEDS);
});
