/**
 * Several simulated processes on one simulated database: real scheduler, worker, sweep and turn; only the store is in memory
 * and time is virtual. A process can die between a call and its effect, or between the effect and its answer, and takes its
 * timers with it. The same seed gives the same run.
 */
import type { Env, LocalTimer } from '../../src/env.ts';
import type { AnyDefinition, SchedulerOptions } from '../../src/index.ts';
import { openScheduler, type Scheduler } from '../../src/scheduler.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory.ts';
import { NO_ALARMS } from '../../src/testing/no-alarms.ts';
import { SimulatedEnv } from '../../src/testing/simulated-env.ts';

/** Calls whose answer or effect a dying process may lose. */
const FATAL_CALLS: ReadonlySet<string> = new Set([
  'claim',
  'commit',
  'reload',
  'schedule',
  'scheduleTogether',
  'replace',
  'send',
  'order',
  'retry',
  'recover',
  'mend',
  'join',
  'heldBy',
  'giveBack',
  'admit',
]);

export interface Chances {
  /** That a store call is the last thing its process does; half of them before it took effect, half after. */
  readonly death: number;
  /** That a store call fails once without effect. */
  readonly failure: number;
  /** Longest time a call takes. */
  readonly latencyMs: number;
}

export class Process implements Env {
  readonly name: string;
  readonly #world: SimulatedEnv;
  readonly #onDeath: (process: Process) => void;
  dead = false;
  scheduler: Scheduler | null = null;

  constructor(name: string, world: SimulatedEnv, onDeath: (process: Process) => void) {
    this.name = name;
    this.#world = world;
    this.#onDeath = onDeath;
  }

  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.#onDeath(this);
  }

  monotonicMs = (): number => this.#world.monotonicMs();
  wallMs = (): number => this.#world.wallMs();
  random = (): number => this.#world.random();
  uuid = (): string => this.#world.uuid();
  spawn = (): never => this.#world.spawn();

  setTimer(ms: number, fire: () => void): LocalTimer {
    return this.#world.setTimer(ms, () => {
      if (!this.dead) fire();
    });
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#world.sleep(ms, signal).then(() => (this.dead ? new Promise<never>(() => {}) : undefined));
  }

  /** The store as this process reaches it. */
  reach(store: Store, chances: () => Chances): Store {
    return new Proxy(store, {
      get: (target, key: keyof Store) => {
        const operation = target[key] as (...args: unknown[]) => unknown;
        if (typeof operation !== 'function' || !FATAL_CALLS.has(key)) return operation;
        return (...args: unknown[]) => this.#call(() => operation.apply(target, args) as Promise<unknown>, chances());
      },
    });
  }

  async #call(operation: () => Promise<unknown>, { death, failure, latencyMs }: Chances): Promise<unknown> {
    const never = new Promise<never>(() => {});
    if (this.dead) return never;
    if (latencyMs > 0) await this.#world.sleep(this.random() * latencyMs);
    if (this.dead) return never;
    const fate = this.random();
    if (fate < death / 2) {
      this.die();
      return never;
    }
    if (fate < death / 2 + failure) throw new Error('simulated: the connection failed before anything was written');
    const answer = await operation();
    if (fate > 1 - death / 2) {
      this.die();
      return never;
    }
    if (latencyMs > 0) await this.#world.sleep(this.random() * latencyMs);
    return this.dead ? never : answer;
  }
}

export class Simulation {
  readonly world: SimulatedEnv;
  readonly processes: Process[] = [];
  deaths = 0;
  chances: Chances = { death: 0, failure: 0, latencyMs: 0 };
  readonly #database: MemoryDatabase;
  readonly #definitions: (process: Process) => readonly AnyDefinition[];
  readonly #settings: (process: Process) => Partial<SchedulerOptions>;
  readonly #baseAt = 1_700_000_000_000;

  constructor(
    seed: number,
    definitions: (process: Process) => readonly AnyDefinition[],
    settings: (process: Process) => Partial<SchedulerOptions> = () => ({}),
  ) {
    this.#settings = settings;
    this.world = new SimulatedEnv(seed);
    this.#definitions = definitions;
    this.#database = createMemoryDatabase({ now: () => this.now() });
  }

  now(): number {
    return Math.floor(this.#baseAt + this.world.monotonicMs());
  }

  /** The database itself, out of reach of any fault. */
  store(): Store {
    return this.#database.open({ env: this.world });
  }

  async open(name: string, worker: { concurrency: number } | false): Promise<Process> {
    const process = new Process(name, this.world, () => this.deaths++);
    const store = process.reach(this.#database.open({ env: process }), () => this.chances);
    process.scheduler = await this.settling(
      openScheduler(
        {
          definitions: this.#definitions(process),
          logger: false,
          ...this.#settings(process),
          worker: worker && { ...worker, lease: '5s' },
        },
        { env: process, connect: async () => ({ store, alarms: NO_ALARMS, pool: () => null, close: async () => {} }) },
      ),
    );
    this.processes.push(process);
    return process;
  }

  /** Runs until the promise settles. */
  async settling<T>(promise: Promise<T>): Promise<T> {
    const watch = { settled: false };
    const watched = promise.finally(() => {
      watch.settled = true;
    });
    watched.catch(() => {});
    for (let spent = 0; !watch.settled && spent < 600_000; spent += 10) await this.world.advance(10);
    return watched;
  }
}
