/**
 * The parts of one scheduler, wired together. `start` begins to work; `stop` ends in the reverse order, so that nothing is
 * used after it was closed.
 */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Alarms } from '../alarms.ts';
import { type LoadedDefinition, newestOf } from '../definitions/loaded-definition.ts';
import type { Registry } from '../definitions/registry.ts';
import { type RunHost, Runs } from '../effects/runs.ts';
import type { Env } from '../env.ts';
import { SchedulerStoppedError } from '../errors.ts';
import { LiveEvents } from '../inspect/live-events.ts';
import type { ResolvedScheduler } from '../options.ts';
import { statesSince } from '../reading/states-since.ts';
import type { Instant, Store } from '../store/contract.ts';
import type { RecoverFilter } from '../store/operating.ts';
import { StoreClock } from '../store-clock.ts';
import { upkeep } from '../sweep/upkeep.ts';
import { Sweep } from '../sweep.ts';
import { LoopLag } from '../telemetry/loop-lag.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Worker } from '../worker.ts';
import type { Connections } from './connections.ts';
import { Enqueue } from './enqueue.ts';
import { Announcer } from './events.ts';
import { Listening } from './listening.ts';
import { Queues } from './queues.ts';
import { Waiting } from './waiting.ts';
import type { World } from './world.ts';

export class Runtime {
  readonly options: ResolvedScheduler;
  readonly env: Env;
  readonly logger: Logger;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly queues: Queues;
  readonly enqueue: Enqueue;
  readonly waiting: Waiting;
  readonly announcer: Announcer;
  readonly sweep: Sweep;
  readonly effects: World['effects'];
  readonly metrics = new Metrics();
  readonly loopLag: LoopLag;
  /** Null: nobody inspects. */
  readonly inspection: LiveEvents | null;
  readonly #connections: Connections;
  readonly #definitions: ReadonlyMap<number, LoadedDefinition>;
  readonly #worker: Worker | null;
  readonly #listening: Listening;
  #state: 'open' | 'started' | 'stopped' = 'open';
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(parts: {
    options: ResolvedScheduler;
    env: Env;
    logger: Logger;
    connections: Connections;
    clock: StoreClock;
    registry: Registry;
    definitions: ReadonlyMap<number, LoadedDefinition>;
    queues: Map<string, number>;
    runHost: RunHost;
    world: World;
  }) {
    const { options, env, logger, connections, clock, definitions } = parts;
    const { store, alarms } = connections;
    this.options = options;
    this.env = env;
    this.logger = logger;
    this.store = store;
    this.alarms = alarms;
    this.clock = clock;
    this.registry = parts.registry;
    this.#connections = connections;
    this.#definitions = definitions;
    this.queues = new Queues(store, options, parts.queues);
    this.#listening = new Listening(this);
    this.effects = parts.world.effects;
    this.loopLag = new LoopLag(env);
    this.inspection = options.inspect && new LiveEvents(this, options.inspect);
    this.announcer = new Announcer((error) => this.failed(error));
    this.waiting = new Waiting(store, env, clock, (id, since) => statesSince(this, id, since), parts.world.askEveryMs);
    const nearMs = 2 * options.sweepIntervalMs;
    this.#worker = options.worker ? this.#createWorker(options.worker, parts.runHost) : null;
    const served = new Set(this.queues.servedNumbers());
    this.enqueue = new Enqueue({ store, clock, alarms, worker: this.#worker, served, nearMs });
    const duties = upkeep({
      store,
      clock,
      alarms,
      worker: this.#worker,
      served,
      defs: [...definitions.keys()],
      queueName: (queue) => this.queues.nameOf(queue),
      sweepIntervalMs: options.sweepIntervalMs,
      report: () => this.sweep.report(),
    });
    this.sweep = new Sweep({ env, logger, intervalMs: options.sweepIntervalMs, duties });
  }

  /**
   * What this process can read an actor with: its own version, or another one of a machine of ours, which all versions share.
   */
  readable(name: string, version: number): LoadedDefinition | undefined {
    const newest = newestOf(this.#definitions, name);
    return this.loaded(name, version) ?? (newest?.standard ? newest : undefined);
  }

  /** Definition by name and version, as this process knows it. */
  loaded(name: string, version: number): LoadedDefinition | undefined {
    for (const definition of this.#definitions.values()) {
      if (definition.name === name && definition.version === version) return definition;
    }
    return undefined;
  }

  /** Something in that queue is due now: wakes this worker and tells the others. */
  announceDue(queue: number, now: Instant): void {
    if (this.queues.serves(queue)) this.#worker?.wake();
    this.store.announce(queue, now);
  }

  /** Of the pool to Postgres, where there is one. */
  pool(): ReturnType<Connections['pool']> {
    return this.#connections.pool();
  }

  /** Actors this process's worker has in its hands. */
  get heldCount(): number {
    return this.#worker?.heldIds.length ?? 0;
  }

  assertOpen(): void {
    if (this.stopped) throw new SchedulerStoppedError();
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  failed(error: unknown): void {
    this.metrics.failed();
    this.logger.error({ err: error }, 'carillon');
    this.announcer.tell('error', error instanceof Error ? error : new Error(String(error)));
  }

  /** For what nobody waits for: an error of it is told. */
  safely(work: Promise<void>): void {
    work.catch((error: unknown) => this.failed(error));
  }

  start(): Promise<void> {
    this.assertOpen();
    // One that failed may be tried again.
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    this.#state = 'started';
    const worker = this.#worker;
    if (!worker) return this.sweep.start();
    await this.store.prepareDays();
    // Side by side, because joining waits for a thread: BullMQ, which holds up the main loop while it loads, is there before then.
    await Promise.all([
      worker.start(),
      this.#listening.listenFor(worker),
      this.alarms.listen(this.queues.served(), () => worker.wake()),
    ]);
    this.sweep.start();
  }

  stop(timeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stop(timeoutMs);
    return this.#stopping;
  }

  async #stop(timeoutMs: number): Promise<void> {
    await this.#starting?.catch(() => {});
    this.#state = 'stopped';
    this.loopLag.close();
    await this.sweep.stop();
    await this.#listening.close();
    await this.enqueue.settled();
    await this.#worker?.stop(timeoutMs);
    this.waiting.close(new SchedulerStoppedError());
    await this.#connections.close();
  }

  /** What the sweep recovers in time, now. */
  async recover(filter: RecoverFilter): Promise<{ processed: number; errors: number }> {
    const { queues, processed, errors } = await this.store.recover(filter);
    for (const queue of queues) this.announceDue(queue, this.clock.now());
    const worker = this.#worker;
    if (!worker?.working) return { processed, errors };
    await worker.reconciliation.look(worker.heldIds);
    return { processed: processed + (await worker.reconciliation.reconcile()), errors };
  }

  #createWorker(options: NonNullable<ResolvedScheduler['worker']>, host: RunHost): Worker {
    const runs = new Runs(this, host);
    const defs = [...this.#definitions.keys()];
    return new Worker({
      store: this.store,
      env: this.env,
      clock: this.clock,
      logger: this.logger,
      definitions: this.#definitions,
      entry: {
        host: hostname(),
        pid: process.pid,
        defs,
        queues: this.queues.servedNumbers(),
        leaseMs: options.leaseMs,
        concurrency: options.concurrency,
      },
      inspected: this.inspection !== null,
      startEffect: (held, effect) => runs.startEffect(held, effect),
      committed: (held, turn, write) => runs.committed(held, turn, write),
      gone: (held, how) => runs.gone(held, how),
      quarantined: (actor, reason) => runs.quarantined(actor, reason),
      expect: (queue, at) => this.#becameDue(queue, at),
      rejoined: (worker) => this.safely(this.#listening.listenFor(worker)),
      failed: (error) => this.failed(error),
    });
  }

  /** A committed turn left something due: for this worker, for others, or for later. */
  #becameDue(queue: number, at: number): void {
    const now = this.clock.now();
    if (this.queues.serves(queue)) this.#worker?.expect(at);
    else if (at <= now) this.store.announce(queue, at);
    if (at - now > 2 * this.options.sweepIntervalMs) this.alarms.arm(this.queues.nameOf(queue), at, now);
  }
}
