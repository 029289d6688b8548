import { expect, test } from 'vitest';
import { defineJob } from '../../src/index.ts';
import { Simulation } from '../support/simulation.ts';

const SWEEP_MS = 1_000;
/** Passes are spread by a tenth of the interval either way. */
const LATEST_MS = 1.1 * SWEEP_MS;

test('what a process scheduled and could tell nobody of, because it died, starts within one interval of the sweep', async () => {
  const starts: number[] = [];
  const simulation: Simulation = new Simulation(
    1,
    () => [defineJob({ name: 'work', run: () => void starts.push(simulation.now()) })],
    () => ({ sweepInterval: SWEEP_MS }),
  );
  const { scheduler } = await simulation.open('worker', { concurrency: 4 });
  void scheduler?.start();
  await simulation.world.advance(5_000);

  const stored = async (): Promise<number> => (await simulation.store().list({ limit: 10 })).items.length;
  for (let client = 1; (await stored()) === 0; client++) {
    const process = await simulation.open(`client ${client}`, false);
    simulation.chances = { death: 1, failure: 0, latencyMs: 0 };
    void process.scheduler?.schedule('work');
    await simulation.world.advance(0);
    simulation.chances = { death: 0, failure: 0, latencyMs: 0 };
    expect(process.dead).toBe(true);
  }
  const storedAt = simulation.now();
  expect(starts).toEqual([]);
  await simulation.world.advance(LATEST_MS);
  expect(starts).toHaveLength(1);
  expect(starts[0]).toBeGreaterThan(storedAt);
});
