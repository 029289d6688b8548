import { describe, expect, test } from 'vitest';
import { assign, fromPromise, setup } from 'xstate';
import {
  type AnyDefinition,
  defineActor,
  defineJob,
  type Scheduler,
  type SchedulerOptions,
  ThreadNotFoundError,
} from '../../src/index.ts';
import { type Process, Simulation } from '../support/simulation.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 60);

/** What really happened, told by the handlers themselves: the one witness that does not go through the store. */
interface Ledger {
  readonly starts: { id: string; key: string; attempt: number; at: number; dueAt: number }[];
  readonly settled: Map<string, number>;
  /** Letters to each tally: all that were sent, and those whose sending was acknowledged before it could settle. */
  readonly letters: Map<string, { sent: number; acknowledged: number }>;
  /** What reached threads, and the follow-ups whose place another one was said to take. */
  readonly told: Map<string, { key: string; attempt: number }[]>;
  readonly replaced: Set<string>;
}

/** Every other message fails at first, and some threads are gone. */
function threadsFor(simulation: () => Simulation, ledger: Ledger): (process: Process) => Partial<SchedulerOptions> {
  return (process) => ({
    threads: {
      async deliver({ followupId, idempotencyKey, attempt, threadId, message }) {
        const { notBefore, fails } = message as { notBefore: number; fails: number };
        const told = ledger.told.get(followupId) ?? [];
        ledger.told.set(followupId, [...told, { key: idempotencyKey, attempt }]);
        expect(simulation().now(), `${followupId} early`).toBeGreaterThanOrEqual(notBefore);
        await process.sleep(20);
        if (threadId === 'gone') throw new ThreadNotFoundError(threadId);
        if (attempt <= fails) throw new Error(`attempt ${attempt} fails`);
      },
    },
  });
}

function definitionsFor(simulation: () => Simulation, ledger: Ledger): (process: Process) => readonly AnyDefinition[] {
  return (process) => {
    const work = defineJob<{ ms: number; fails: number }, number>({
      name: 'work',
      attemptTimeout: '20s',
      retry: { maxRetries: 3, backoff: { base: 100 } },
      async run({ id, input, attempt, idempotencyKey, nominalAt }) {
        ledger.starts.push({ id, key: idempotencyKey, attempt, at: simulation().now(), dueAt: nominalAt.getTime() });
        await process.sleep(input.ms);
        if (attempt <= input.fails) throw new Error(`attempt ${attempt} fails`);
        return attempt;
      },
    });
    const approval = defineActor({
      name: 'approval',
      machine: setup({
        types: { context: {} as { approvedBy: string | null }, events: {} as { type: 'approve'; by: string } },
        actors: {
          publish: fromPromise(async () => {
            await process.sleep(50);
            return 'published';
          }),
        },
      }).createMachine({
        id: 'approval',
        context: { approvedBy: null },
        initial: 'waiting',
        states: {
          waiting: {
            after: { 5000: 'expired' },
            on: { approve: { target: 'publishing', actions: assign({ approvedBy: ({ event }) => event.by }) } },
          },
          publishing: { invoke: { src: 'publish', onDone: 'published', onError: 'expired' } },
          published: { type: 'final' },
          expired: { type: 'final', tags: 'dropped' },
        },
      }),
    });
    /** Held all its life, and counts its letters: one that is lost or taken twice shows in the sum. */
    const tally = defineActor({
      name: 'tally',
      machine: setup({
        types: { context: {} as { count: number }, events: {} as { type: 'add' }, output: {} as number },
        actors: { watch: fromPromise(() => process.sleep(3_000)) },
      }).createMachine({
        id: 'tally',
        context: { count: 0 },
        initial: 'watching',
        after: { 30_000: '.counted' },
        on: { add: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
        states: {
          watching: { invoke: { src: 'watch', onDone: 'resting', onError: 'resting' } },
          resting: { after: { 200: 'watching' } },
          counted: { type: 'final' },
        },
        output: ({ context }) => context.count,
      }),
    });
    return [work, approval, tally];
  };
}

async function run(seed: number): Promise<{ simulation: Simulation; ledger: Ledger; ids: string[] }> {
  const ledger: Ledger = {
    starts: [],
    settled: new Map(),
    letters: new Map(),
    told: new Map(),
    replaced: new Set(),
  };
  let simulation: Simulation;
  simulation = new Simulation(
    seed,
    definitionsFor(() => simulation, ledger),
    threadsFor(() => simulation, ledger),
  );
  const { world } = simulation;
  const chance = (): number => world.random();
  let opened = 0;
  const openWorker = async (): Promise<void> => {
    const process = await simulation.open(`worker-${++opened}`, { concurrency: 1 + Math.floor(chance() * 8) });
    process.scheduler?.on('settled', ({ id }) => ledger.settled.set(id, (ledger.settled.get(id) ?? 0) + 1));
    process.scheduler?.start().catch(() => process.die());
  };
  const client = await simulation.open('client', false);
  for (let worker = 0; worker < 3; worker++) await openWorker();

  const ids: string[] = [];
  simulation.chances = { death: 0.004, failure: 0.01, latencyMs: 5 };
  for (let round = 0; round < 50; round++) {
    const scheduler = client.dead ? null : client.scheduler;
    const pick = chance();
    const tell = (id: string): void => void ids.push(id);
    if (scheduler && pick < 0.4) {
      const input = { ms: Math.floor(chance() * 400), fails: Math.floor(chance() * 5) };
      const delay = chance() < 0.5 ? 0 : Math.floor(chance() * 3000);
      const options = { delay, priority: Math.floor(chance() * 10) };
      void scheduler.schedule('work', input, options).then(
        ({ id }) => tell(id),
        () => {},
      );
    } else if (scheduler && pick < 0.5) {
      void scheduler.schedule('approval').then(
        ({ id }) => tell(id),
        () => {},
      );
    } else if (scheduler && pick < 0.6) {
      void scheduler.schedule('tally').then(
        ({ id }) => {
          tell(id);
          ledger.letters.set(id, { sent: 0, acknowledged: 0 });
        },
        () => {},
      );
    } else if (scheduler && pick < 0.75) {
      const message = { notBefore: simulation.now() + 1000, fails: Math.floor(chance() * 5) };
      const threadId = chance() < 0.2 ? 'gone' : 't';
      const key = chance() < 0.7 ? { key: `key ${Math.floor(chance() * 2)}` } : {};
      void scheduler.scheduleFollowup({ threadId, message, delay: 1000 + Math.floor(chance() * 2000), ...key }).then(
        ({ id, replaced }) => {
          tell(id);
          if (replaced !== undefined) ledger.replaced.add(replaced);
        },
        () => {},
      );
    } else if (scheduler && ids.length > 0) {
      const id = ids[Math.floor(chance() * ids.length)] as string;
      if (pick < 0.85) void scheduler.send(id, { type: 'approve', by: 'someone' }).catch(() => {});
      else if (pick < 0.9) void scheduler.cancel(id).catch(() => {});
      else if (pick < 0.98) void scheduler.retry(id).catch(() => {});
      else void scheduler.retryFailed({ name: 'work' }).catch(() => {});
    }
    for (const [id, letters] of ledger.letters) {
      if (!scheduler || chance() < 0.4) continue;
      letters.sent++;
      void scheduler.send(id, { type: 'add' }).then(
        () => letters.acknowledged++,
        () => {},
      );
    }
    await world.advance(Math.floor(chance() * 300));
    const alive = simulation.processes.filter((process) => !process.dead && process.name !== 'client');
    if (alive.length < 2) await openWorker();
  }
  simulation.chances = { death: 0, failure: 0, latencyMs: 2 };
  await openWorker();
  await world.advance(240_000);
  return { simulation, ledger, ids };
}

describe('simulated processes that die at any call', () => {
  test(`in ${SEEDS} seeded runs nothing is lost, nothing settles twice, nothing starts early, and all of it replays`, {
    timeout: 600_000,
  }, async () => {
    let deaths = 0;
    let retakes = 0;
    let lives = 0;
    let replacements = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { simulation, ledger, ids } = await run(seed);
      deaths += simulation.deaths;
      const store = simulation.store();
      expect(await store.audit(100), `seed ${seed}: audit`).toEqual([]);
      for (const { scheduler } of simulation.processes) {
        const mend = (await scheduler?.stats())?.duties.find(({ name }) => name === 'mend');
        expect(mend?.processed ?? 0, `seed ${seed}: stranded, and mended`).toBe(0);
      }
      for (const id of ids) {
        const actor = await store.find(id);
        expect(actor?.status, `seed ${seed}: ${id} ${actor?.name} in ${actor?.state}: ${actor?.reason}`).toMatch(
          /^(done|dropped)$/,
        );
        lives += actor?.retried ?? 0;
        expect(ledger.settled.get(id) ?? 0, `seed ${seed}: ${id} settles`).toBeLessThanOrEqual(
          1 + (actor?.retried ?? 0),
        );
      }
      const reader = simulation.processes.at(-1)?.scheduler as Scheduler;
      for (const id of ids) {
        const { firstDifference } = await reader.replay(id);
        expect(firstDifference, `seed ${seed}: replay of ${id}`).toBeUndefined();
      }
      for (const [id, { sent, acknowledged }] of ledger.letters) {
        const { record, retried } = (await store.find(id)) as { record: string; retried: number };
        const { status, output } = JSON.parse(record.slice(1)) as { status: string; output: number };
        if (status !== 'success' || retried > 0) continue;
        expect(output, `seed ${seed}: letters of ${id}`).toBeGreaterThanOrEqual(acknowledged);
        expect(output, `seed ${seed}: letters of ${id}`).toBeLessThanOrEqual(sent);
      }
      for (const id of ledger.replaced) {
        const { record, retried } = (await store.find(id)) as { record: string; retried: number };
        // An operator had it begin again.
        if (retried > 0) continue;
        const { reason } = JSON.parse(record.slice(1)) as { reason: string };
        expect(reason, `seed ${seed}: ${id} was said to be replaced`).toMatch(/^(replaced|cancelled)$/);
        expect(ledger.told.get(id) ?? [], `seed ${seed}: ${id} was replaced`).toEqual([]);
        replacements++;
      }
      for (const [id, told] of ledger.told) {
        expect(new Set(told.map(({ key }) => key)).size, `seed ${seed}: key of ${id}`).toBe(1);
        const numbers = told.map(({ attempt }) => attempt);
        expect(new Set(numbers).size, `seed ${seed}: attempts of ${id}`).toBe(numbers.length);
      }
      const attempts = ledger.starts.map(({ id, attempt }) => `${id}/${attempt}`);
      expect(new Set(attempts).size, `seed ${seed}: an attempt that started twice`).toBe(attempts.length);
      const keys = new Map<string, string>();
      for (const start of ledger.starts) {
        expect(start.at, `seed ${seed}: ${start.id} early`).toBeGreaterThanOrEqual(start.dueAt);
        expect(keys.get(start.id) ?? start.key, `seed ${seed}: key of ${start.id}`).toBe(start.key);
        if (keys.has(start.id)) retakes++;
        keys.set(start.id, start.key);
      }
    }
    // A run in which nothing went wrong proves nothing.
    expect(deaths).toBeGreaterThan(SEEDS / 2);
    expect(retakes).toBeGreaterThan(SEEDS);
    expect(lives).toBeGreaterThan(SEEDS / 2);
    expect(replacements).toBeGreaterThan(SEEDS);
  });
});
