/**
 * Where a fault test plays: a database, worker processes, a client that only schedules and reads, and a store of the test's own
 * to look behind the scenes. What the client was promised is remembered, for the verdict.
 */
import { Pool } from 'pg';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import { createScheduler, type ScheduleOptions, type Scheduler } from '../../src/index.ts';
import type { Store } from '../../src/store/contract.ts';
import { openPostgresStore } from '../../src/store/postgres/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';
import { definitionsFor } from './fixtures/definitions.ts';
import type { Fact } from './fixtures/witness.ts';
import type { Order, WorkerSettings } from './fixtures/worker.ts';

const WORKER = new URL('./fixtures/worker.ts', import.meta.url);
/** For anything that takes moments on an idle machine. */
export const PATIENCE_MS = 30_000;

export interface WorkerProcess extends TestProcess {
  facts(): readonly Fact[];
  /** The first fact of that kind, past or future, about that actor. */
  fact<K extends Fact['what']>(what: K, id?: string): Promise<Fact & { readonly what: K }>;
  order(order: Order): void;
  /** It was told to die, so its end is no failure. */
  mortal: boolean;
  alive: boolean;
}

export type WorkerOptions = Partial<Omit<WorkerSettings, 'postgres'>> & {
  /** How wrong its wall clock is. */
  readonly clockOffsetMs?: number;
  /** Instead of the stage's own: through a proxy, for one. */
  readonly postgres?: WorkerSettings['postgres'];
};

/** What was promised of a run: not before this instant of the store's clock. */
export interface Promised {
  readonly id: string;
  readonly name: string;
  readonly notBefore: number;
}

export class Stage {
  readonly scheduler: Scheduler;
  readonly store: Store;
  readonly pool: Pool;
  readonly postgres: string;
  readonly redis: string | undefined;
  readonly workers: WorkerProcess[] = [];
  readonly promised: Promised[] = [];
  #closed = false;

  constructor(parts: { scheduler: Scheduler; store: Store; pool: Pool; postgres: string; redis: string | undefined }) {
    this.scheduler = parts.scheduler;
    this.store = parts.store;
    this.pool = parts.pool;
    this.postgres = parts.postgres;
    this.redis = parts.redis;
  }

  /** Everything all workers have told. */
  get facts(): readonly Fact[] {
    return this.workers.flatMap((worker) => worker.facts());
  }

  /** The handlers that began on that actor, in the order they were told. */
  starts(id: string): readonly (Fact & { readonly what: 'started' })[] {
    return this.facts.filter((fact) => fact.what === 'started').filter((fact) => fact.id === id);
  }

  /** Schedules one run; rejects when nothing was promised. */
  async schedule(name: string, input?: unknown, options: ScheduleOptions = {}): Promise<string> {
    const delayMs = typeof options.delay === 'number' ? options.delay : 0;
    const notBefore = Date.now() + delayMs;
    const { id } = await this.scheduler.schedule(name, input, options);
    this.promised.push({ id, name, notBefore });
    return id;
  }

  /** Starts a worker process and waits until it works, or where it is not to start, until it could. */
  async startWorker(
    { clockOffsetMs = 0, ...options }: WorkerOptions = {},
    { mortal = false } = {},
  ): Promise<WorkerProcess> {
    const settings: WorkerSettings = {
      postgres: this.postgres,
      ...(this.redis !== undefined && { redis: this.redis }),
      leaseMs: 1_500,
      concurrency: 10,
      sweepMs: 200,
      start: true,
      graceMs: 10_000,
      ...options,
    };
    const process = startProcess(WORKER, {
      env: {
        FAULTS_WORKER: JSON.stringify(settings),
        FAULTS_CLOCK_OFFSET_MS: String(clockOffsetMs),
        DATABASE_URL: undefined,
        REDIS_URL: undefined,
        LOG_LEVEL: 'info',
      },
    });
    const facts = (): readonly Fact[] => process.lines as readonly Fact[];
    const worker: WorkerProcess = {
      ...process,
      facts,
      fact: (what, id) =>
        process.line(
          (fact) => fact.what === what && (id === undefined || ('id' in fact && fact.id === id)),
          PATIENCE_MS,
        ),
      order: (order) => process.write(order),
      alive: true,
      mortal: mortal || settings.crash !== undefined,
      kill() {
        worker.mortal = true;
        return process.kill();
      },
    };
    this.workers.push(worker);
    void process.ended.then(() => {
      worker.alive = false;
    });
    await worker.fact(settings.start ? 'ready' : 'booted');
    return worker;
  }

  /** Two of them at the same time: processes take their time to start. */
  startWorkers<T extends readonly WorkerOptions[]>(...options: T): Promise<{ [K in keyof T]: WorkerProcess }> {
    return Promise.all(options.map((each) => this.startWorker(each))) as Promise<{ [K in keyof T]: WorkerProcess }>;
  }

  /** Keeps so many workers alive: one that dies is replaced, as an operating system's supervisor would. */
  supervise(count: number, options: WorkerOptions): void {
    const keep = async (): Promise<void> => {
      while (!this.#closed) {
        const worker = await this.startWorker(options, { mortal: true }).catch(() => null);
        await worker?.ended;
      }
    };
    for (let kept = 0; kept < count; kept++) void keep();
  }

  /** Server processes of the connections over which workers hear of what is due. */
  async listening(): Promise<readonly number[]> {
    const { rows } = await this.pool.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and application_name = 'carillon listen'`,
    );
    return rows.map(({ pid }) => pid);
  }

  /** Runs whose end some worker has told. */
  settledNow(): number {
    return new Set(this.facts.flatMap((fact) => (fact.what === 'settled' ? [fact.id] : []))).size;
  }

  /** Until that many runs have ended, as told by the workers. */
  settledCount(count: number): Promise<true> {
    return waitUntil(() => this.settledNow() >= count, { timeoutMs: 2 * PATIENCE_MS, what: `${count} runs to settle` });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.workers.map((worker) => worker.kill()));
    await this.scheduler.stop({ timeout: 0 });
    await this.store.close();
    await this.pool.end();
  }
}

const opened: (() => Promise<void>)[] = [];

/** Call once at the top of a test file. */
export function closeStagesAfterEach(): void {
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });
}

/** Ends it with the test, after the stages that are opened from now on. */
export function endAfterTest(end: () => Promise<void>): void {
  opened.push(end);
}

/** Opens one on a database of its own, or on the given server's. */
export async function openStage({ postgres, redis }: { postgres?: string; redis?: string } = {}): Promise<Stage> {
  const database = postgres === undefined ? await createTestDatabase() : null;
  if (database) endAfterTest(() => database.close());
  const connection = postgres ?? (database as NonNullable<typeof database>).connectionString;
  const scheduler = await createScheduler({
    definitions: definitionsFor(() => undefined, { passed: async () => undefined }),
    postgres: connection,
    ...(redis !== undefined && { redis }),
    worker: false,
    logger: false,
  });
  const logger = pino({ level: 'silent' });
  const store = await openPostgresStore({
    connection,
    namespace: 'default',
    schema: 'carillon',
    env: systemEnv,
    logger,
  });
  const pool = new Pool({ connectionString: connection, max: 2 });
  pool.on('error', () => undefined);
  const stage = new Stage({ scheduler, store, pool, postgres: connection, redis });
  endAfterTest(() => stage.close());
  return stage;
}
