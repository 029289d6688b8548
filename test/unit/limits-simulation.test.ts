import { describe, expect, test } from 'vitest';
import { type AnyDefinition, defineJob } from '../../src/index.ts';
import { type Process, Simulation } from '../support/simulation.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 15);
const KEYS = ['a', 'b'];
const PLACES = 2;
const STARTS = 3;
const PER_MS = 1_000;
/** Longest way from the store's answer to the handler, which is not counted by the store. */
const ANSWER_MS = 5;

/** What the handlers themselves say, without the store. */
class Witness {
  readonly #running = new Map<string, Set<{ readonly process: Process }>>();
  readonly #starts = new Map<string, number[]>();
  most = 0;
  attempts = 0;
  excess: string[] = [];

  begin(process: Process, name: string, at: number): () => void {
    this.attempts += 1;
    const all = this.#running.get(name) ?? new Set();
    this.#running.set(name, all);
    // What a dead process ran is over, though nobody said so.
    for (const run of all) if (run.process.dead) all.delete(run);
    const mine = { process };
    all.add(mine);
    if (!name.startsWith('rate')) {
      this.most = Math.max(this.most, all.size);
      if (all.size > PLACES) this.excess.push(`${all.size} of ${name} at ${at}`);
    }
    const starts = this.#starts.get(name) ?? [];
    this.#starts.set(name, starts);
    starts.push(at);
    const before = starts.at(-1 - STARTS);
    if (name.startsWith('rate') && before !== undefined && at - before < PER_MS - 2 * ANSWER_MS)
      this.excess.push(`${STARTS + 1} starts of ${name} within ${at - before} ms`);
    return () => void all.delete(mine);
  }
}

function definitionsFor(
  simulation: () => Simulation,
  witness: Witness,
): (process: Process) => readonly AnyDefinition[] {
  return (process) => {
    const job = (name: string, limits: object): AnyDefinition =>
      defineJob<{ key: string; ms: number; fails: number }>({
        name,
        ...limits,
        // Nothing may pass a limit by not waiting between two attempts.
        retry: { maxRetries: 3, backoff: { base: name === 'rate' ? 0 : 100 } },
        async run({ input: { key, ms, fails }, attempt, signal }) {
          const end = witness.begin(process, `${name} ${key}`, simulation().now());
          try {
            await process.sleep(ms, signal);
            if (attempt <= fails) throw new Error(`attempt ${attempt} fails`);
          } finally {
            end();
          }
        },
      });
    const key = (input: unknown): string => (input as { key: string }).key;
    return [
      job('crowd', { concurrency: { key, limit: PLACES } }),
      job('rate', { rateLimit: { key, limit: STARTS, per: PER_MS } }),
      job('rushed', { concurrency: { key, limit: PLACES }, deadline: '2s' }),
    ];
  };
}

async function run(seed: number): Promise<{ simulation: Simulation; witness: Witness; ids: string[] }> {
  const witness = new Witness();
  let simulation: Simulation;
  simulation = new Simulation(
    seed,
    definitionsFor(() => simulation, witness),
  );
  const { world } = simulation;
  const chance = (): number => world.random();
  let opened = 0;
  const openWorker = async (): Promise<void> => {
    const process = await simulation.open(`worker-${++opened}`, { concurrency: 1 + Math.floor(chance() * 8) });
    process.scheduler?.start().catch(() => process.die());
  };
  const client = await simulation.open('client', false);
  for (let worker = 0; worker < 3; worker++) await openWorker();

  const ids: string[] = [];
  simulation.chances = { death: 0.01, failure: 0.01, latencyMs: ANSWER_MS };
  for (let round = 0; round < 40; round++) {
    const scheduler = client.dead ? null : client.scheduler;
    for (let count = scheduler ? Math.floor(chance() * 4) : 0; count > 0; count--) {
      const name = ['crowd', 'rate', 'rushed'][Math.floor(chance() * 3)] as string;
      const key = KEYS[Math.floor(chance() * KEYS.length)] as string;
      const input = { key, ms: Math.floor(chance() * 300), fails: Math.floor(chance() * 3) };
      const delay = chance() < 0.7 ? 0 : Math.floor(chance() * 2_000);
      void scheduler?.schedule(name, input, { delay, priority: Math.floor(chance() * 10) }).then(
        ({ id }) => void ids.push(id),
        () => {},
      );
    }
    const id = ids[Math.floor(chance() * ids.length)];
    if (scheduler && id !== undefined && chance() < 0.2) void scheduler.cancel(id).catch(() => {});
    if (scheduler && id !== undefined && chance() < 0.2) void scheduler.runNow(id).catch(() => {});
    await world.advance(Math.floor(chance() * 200));
    const alive = simulation.processes.filter((process) => !process.dead && process.name !== 'client');
    if (alive.length < 2) await openWorker();
  }
  simulation.chances = { death: 0, failure: 0, latencyMs: 2 };
  await openWorker();
  await world.advance(90_000);
  return { simulation, witness, ids };
}

describe('limited runs on simulated processes that die at any call', () => {
  test(`in ${SEEDS} seeded runs no limit is passed at any instant, and all finish`, {
    timeout: 600_000,
  }, async () => {
    let deaths = 0;
    let full = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { simulation, witness, ids } = await run(seed);
      deaths += simulation.deaths;
      if (witness.most === PLACES) full += 1;
      expect(witness.excess, `seed ${seed}`).toEqual([]);
      const store = simulation.store();
      expect(await store.audit(100), `seed ${seed}: audit`).toEqual([]);
      for (const id of ids) {
        const actor = await store.find(id);
        expect(actor?.status, `seed ${seed}: ${id} ${actor?.name} in ${actor?.state}`).toMatch(/^(done|dropped)$/);
      }
    }
    // A run in which nothing went wrong and nothing was full proves nothing.
    expect(deaths).toBeGreaterThan(SEEDS / 2);
    expect(full).toBeGreaterThan(SEEDS * 0.9);
  });
});
