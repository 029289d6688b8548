/** Flows whose workers die at any call to the store: nothing is started too early, twice or never, and every flow ends rightly. */
import { describe, expect, test } from 'vitest';
import { type AnyDefinition, DropError, defineJob, type FlowOptions } from '../../src/index.ts';
import { type Process, Simulation } from '../support/simulation.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 15);

interface Step {
  readonly ms: number;
  readonly fails: number;
  readonly drops: boolean;
}

/** What really happened, told by the handlers: who started, and whose outputs it was given. */
interface Ledger {
  readonly starts: { id: string; outputs: Readonly<Record<string, unknown>> }[];
  readonly settled: Map<string, number>;
}

function definitionsFor(ledger: Ledger): (process: Process) => readonly AnyDefinition[] {
  return (process) => [
    defineJob<Step, string>({
      name: 'step',
      retry: { maxRetries: 1, backoff: { base: 100 } },
      recovery: { every: '1s', max: 3 },
      async run({ id, input, attempt, outputs }) {
        ledger.starts.push({ id, outputs });
        await process.sleep(input.ms);
        if (input.drops) throw new DropError('told to');
        if (attempt <= input.fails) throw new Error(`attempt ${attempt} fails`);
        return id;
      },
    }),
  ];
}

function flowFrom(chance: () => number): FlowOptions {
  const count = 1 + Math.floor(chance() * 7);
  const children = Array.from({ length: count }, (_, n) => {
    const input: Step = { ms: Math.floor(chance() * 300), fails: Math.floor(chance() * 3.5), drops: chance() < 0.06 };
    const after = new Set(Array.from({ length: n && Math.floor(chance() * 3) }, () => `k${Math.floor(chance() * n)}`));
    return { key: `k${n}`, job: 'step', input, after: [...after] };
  });
  return { name: 'any', children: children.reverse(), onDrop: chance() < 0.5 ? 'cancelRest' : 'continue' };
}

interface Played {
  readonly simulation: Simulation;
  readonly ledger: Ledger;
  readonly flows: ReadonlyMap<string, FlowOptions>;
}

async function play(seed: number): Promise<Played> {
  const ledger: Ledger = { starts: [], settled: new Map() };
  const simulation = new Simulation(seed, definitionsFor(ledger));
  const { world } = simulation;
  const chance = (): number => world.random();
  let opened = 0;
  const openWorker = async (): Promise<void> => {
    const process = await simulation.open(`worker-${++opened}`, { concurrency: 1 + Math.floor(chance() * 6) });
    process.scheduler?.on('settled', ({ id }) => ledger.settled.set(id, (ledger.settled.get(id) ?? 0) + 1));
    process.scheduler?.start().catch(() => process.die());
  };
  const client = await simulation.open('client', false);
  for (let worker = 0; worker < 2; worker++) await openWorker();
  const flows = new Map<string, FlowOptions>();
  simulation.chances = { death: 0.006, failure: 0.01, latencyMs: 5 };
  for (let round = 0; round < 40; round++) {
    const scheduler = client.dead ? null : client.scheduler;
    const ids = [...flows.keys()];
    const pick = chance();
    if (scheduler && pick < 0.3) {
      const flow = flowFrom(chance);
      void scheduler.scheduleFlow(flow).then(
        ({ id }) => flows.set(id, flow),
        () => {},
      );
    } else if (scheduler && pick < 0.34 && ids.length > 0) {
      void scheduler.cancel(ids[Math.floor(chance() * ids.length)] as string).catch(() => {});
    } else if (pick < 0.38) {
      const { items } = await simulation.store().list({ status: 'active', name: 'step', limit: 1 });
      if (scheduler && items[0]) void scheduler.cancel(items[0].id).catch(() => {});
    }
    await world.advance(Math.floor(chance() * 300));
    const alive = simulation.processes.filter((process) => !process.dead && process.name !== 'client');
    if (alive.length < 2) await openWorker();
  }
  simulation.chances = { death: 0, failure: 0, latencyMs: 2 };
  await openWorker();
  await world.advance(60_000);
  return { simulation, ledger, flows };
}

/** The end of a flow, told from how its children ended. `null`: one of them has not. */
function endOf({ children }: FlowOptions, ends: ReadonlyMap<string, string>): string | null {
  const all = [...ends.values()];
  if (all.includes('active')) return null;
  if (all.includes('failed_dropped')) return 'failed_dropped';
  return children.every(({ key }) => ends.get(key) === 'success') ? 'success' : 'cancelled';
}

async function checkFlow({ simulation, ledger }: Played, id: string, flow: FlowOptions, told: string): Promise<void> {
  const store = simulation.store();
  const { items } = await store.list({ parentId: id, limit: 100 });
  const keyOf = ({ role }: (typeof items)[number]): string =>
    (JSON.parse((role ?? '').slice(1)) as { key: string }).key;
  const ends = new Map(items.map((child) => [keyOf(child), outcomeOf(child.record)]));
  const ids = new Map(items.map((child) => [keyOf(child), child.id]));
  expect(ends.size, `${told}: children`).toBe(items.length);
  const actor = await store.find(id);
  const end = outcomeOf(actor?.record ?? null);
  const right = endOf(flow, ends);
  // Cancelling one that has a dropped child in the mail, or nothing left but a success on its way, beats that news.
  if (end !== 'cancelled' || right === null) expect(end, `${told}: ${actor?.state} ${actor?.reason}`).toBe(right);
  for (const { key, after = [] } of flow.children) {
    if (!ids.has(key)) continue;
    for (const earlier of after) expect(ends.get(earlier), `${told}: ${key} before ${earlier}`).toBe('success');
    const starts = ledger.starts.filter((start) => start.id === ids.get(key));
    for (const { outputs } of starts)
      expect(outputs, told).toEqual(Object.fromEntries(after.map((earlier) => [earlier, ids.get(earlier)])));
  }
}

function outcomeOf(record: string | null): string {
  return record === null ? 'active' : (JSON.parse(record.slice(1)) as { status: string }).status;
}

describe('flows whose workers die at any call', () => {
  test(`in ${SEEDS} seeded runs every flow ends as its children did, and no child starts before its time`, {
    timeout: 600_000,
  }, async () => {
    let deaths = 0;
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const played = await play(seed);
      const store = played.simulation.store();
      deaths += played.simulation.deaths;
      expect(await store.audit(100), `seed ${seed}: audit`).toEqual([]);
      expect((await store.stats()).active, `seed ${seed}: still active`).toBe(0);
      for (const [id, count] of played.ledger.settled) expect(count, `seed ${seed}: ${id} settles`).toBe(1);
      for (const [id, flow] of played.flows) {
        await checkFlow(played, id, flow, `seed ${seed}, flow ${id}`);
        const end = outcomeOf((await store.find(id))?.record ?? null);
        outcomes.set(end, (outcomes.get(end) ?? 0) + 1);
      }
    }
    // A run in which nothing went wrong proves nothing.
    expect(deaths).toBeGreaterThan(SEEDS / 2);
    for (const end of ['success', 'failed_dropped', 'cancelled'])
      expect(outcomes.get(end), end).toBeGreaterThan(SEEDS / 4);
  });

  test('a chain of a thousand comes to its end', { timeout: 120_000 }, async () => {
    const ledger: Ledger = { starts: [], settled: new Map() };
    const simulation = new Simulation(7, definitionsFor(ledger));
    const { scheduler } = await simulation.open('only', { concurrency: 4 });
    await scheduler?.start();
    const children = Array.from({ length: 1000 }, (_, n) => ({
      key: `k${n}`,
      job: 'step',
      input: { ms: 0, fails: 0, drops: false },
      after: n === 0 ? [] : [`k${n - 1}`],
    }));
    const scheduled = scheduler?.scheduleFlow({ name: 'chain', children });
    await simulation.world.advance(10_000);
    const { id } = (await scheduled) as { id: string };
    expect(outcomeOf((await simulation.store().find(id))?.record ?? null)).toBe('success');
    expect(ledger.starts).toHaveLength(1000);
    for (const [n, { outputs }] of ledger.starts.entries())
      expect(Object.values(outputs)).toEqual(n === 0 ? [] : [ledger.starts[n - 1]?.id]);
  });
});
