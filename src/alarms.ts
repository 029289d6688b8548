/**
 * Alarms on BullMQ: what is due later wakes a worker of its queue a little ahead of time. A hint, never a promise: one may be
 * lost, doubled, early or late, and only the store's clock, in the claim, decides that anything is due. Nothing here blocks or
 * fails a caller; while BullMQ's store is away the sweep alone keeps everything running.
 */
import { setMaxListeners } from 'node:events';
import type { Redis, RedisOptions } from 'ioredis';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { BullQueue } from './alarms/backend.ts';
import { AlarmHealth } from './alarms/health.ts';
import { LazyAlarmBackend } from './alarms/lazy-backend.ts';
import { ALARM_BUCKET_MS, ALARM_HORIZON_MS, type Alarm, AlarmPlan, alarmId, bucketOfAlarm } from './alarms/plan.ts';
import { AlarmReceiver } from './alarms/receiver.ts';
import type { Env } from './env.ts';
import type { Instant } from './store/contract.ts';

export interface Alarms {
  /**
   * Fire and forget: something shall wake `queue` shortly before `at`. Coalesced per queue and bucket. Ignored when `at` is due
   * (announce it instead) or beyond the horizon (the sweep arms it when it comes near). Never throws, never blocks.
   */
  arm(queue: string, at: Instant, now: Instant): void;
  /** Arms again what BullMQ has lost of these buckets, nearest first. Called by every sweep: heals a flush. */
  topUp(buckets: readonly { readonly queue: string; readonly at: Instant }[], now: Instant): void;
  /** Begins to receive the wake-ups of these queues, also if BullMQ's store comes up later. */
  listen(queues: readonly string[], onWake: (queue: string) => void): Promise<void>;
  /** `up` is false from the start until BullMQ's store answered, and while it does not. */
  state(): { up: boolean; armed: number; lastError?: string };
  /** Ends all connections made here, within a second. */
  close(): Promise<void>;
}

export interface AlarmOptions {
  readonly backend:
    | { readonly kind: 'redis'; readonly connection: string | RedisOptions | Redis }
    | { readonly kind: 'postgres'; readonly pool: pg.Pool };
  readonly namespace: string;
  readonly schema: string;
  readonly env: Env;
  readonly logger: Logger;
  readonly horizonMs?: number;
  readonly bucketMs?: number;
  readonly leadMs?: number;
}

const MAX_ARMED = 1_000;
/** Between two additions: bounds the rate at which rows that come late to their bucket ring. */
const COOLDOWN_MS = 20;
/** Room for the first connection, which may have to create BullMQ's tables. */
const ADD_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 400;
/** Alarms of a queue that nobody serves any more are thrown away after this long, looked for this often. */
const STALE_MS = 60_000;

const JOB = { attempts: 2, removeOnComplete: true, removeOnFail: true };

/** Resolves at once, whether or not BullMQ's store is there. */
export async function createAlarms(options: AlarmOptions): Promise<Alarms> {
  return new BullAlarms(options);
}

class BullAlarms implements Alarms {
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #scope: string;
  readonly #plan: AlarmPlan;
  readonly #horizonMs: number;
  readonly #backend: LazyAlarmBackend;
  readonly #queues = new Map<string, BullQueue>();
  readonly #cleanedMs = new Map<string, number>();
  readonly #receivers = new Map<string, AlarmReceiver>();
  readonly #health: AlarmHealth;
  readonly #closing = new AbortController();
  #adding = false;

  constructor({ backend, namespace, schema, env, logger, ...settings }: AlarmOptions) {
    this.#env = env;
    this.#logger = logger;
    this.#health = new AlarmHealth(logger);
    this.#scope = `${schema}.${namespace}`;
    // One listener per queue that pauses.
    setMaxListeners(0, this.#closing.signal);
    this.#horizonMs = settings.horizonMs ?? ALARM_HORIZON_MS;
    this.#plan = new AlarmPlan({
      horizonMs: this.#horizonMs,
      bucketMs: settings.bucketMs ?? ALARM_BUCKET_MS,
      leadMs: settings.leadMs ?? 250,
      maxArmed: MAX_ARMED,
    });
    this.#backend = new LazyAlarmBackend(async () => {
      if (backend.kind === 'postgres') {
        const { PostgresAlarmBackend } = await import('./alarms/postgres-backend.ts');
        return new PostgresAlarmBackend(backend.pool, schema);
      }
      const { RedisAlarmBackend } = await import('./alarms/redis-backend.ts');
      return new RedisAlarmBackend(backend.connection, {
        up: () => {
          this.#health.succeeded('connection');
          void this.#addAll();
        },
        down: (error) => this.#failed('connection', error),
      });
    });
    // Its own connection tells whether Redis is there, also to who arms nothing.
    if (backend.kind === 'redis') this.#backend.load().catch((error: unknown) => this.#failed('connection', error));
  }

  arm(queue: string, at: Instant, now: Instant): void {
    if (this.#plan.arm(queue, at, now, this.#env.monotonicMs())) void this.#addAll();
  }

  topUp(buckets: readonly { readonly queue: string; readonly at: Instant }[], now: Instant): void {
    const monotonicMs = this.#env.monotonicMs();
    // While it is down, every sweep asks whether BullMQ's store is back, also when there is nothing to arm.
    let wanted = !this.#health.up;
    for (const { queue, at } of [...buckets].sort((a, b) => a.at - b.at)) {
      if (this.#plan.topUp(queue, at, now, monotonicMs)) wanted = true;
    }
    if (wanted) void this.#addAll();
  }

  async listen(queues: readonly string[], onWake: (queue: string) => void): Promise<void> {
    // It holds up the main loop while it loads: in the middle of the first runs that would be worse than before them.
    await this.#backend.load().catch((error: unknown) => this.#failed('loading', error));
    for (const queue of queues) {
      if (this.#receivers.has(queue)) continue;
      const receiver = new AlarmReceiver({
        backend: this.#backend,
        name: this.#nameOf(queue),
        env: this.#env,
        health: this.#health,
        closing: this.#closing.signal,
        onRing: (jobId) => this.#ring(queue, jobId, onWake),
      });
      this.#receivers.set(queue, receiver);
      void receiver.run();
    }
  }

  state(): { up: boolean; armed: number; lastError?: string } {
    const armed = this.#plan.armed(this.#env.monotonicMs());
    const { up, lastError } = this.#health;
    return { up, armed, ...(lastError !== undefined && { lastError }) };
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const open = [...this.#receivers.values(), ...this.#queues.values()];
    const closed = Promise.allSettled(open.map((each) => each.close()));
    await Promise.race([closed, this.#env.sleep(CLOSE_TIMEOUT_MS)]);
    await Promise.race([this.#backend.close(), this.#env.sleep(CLOSE_TIMEOUT_MS)]);
  }

  // ── adding ────────────────────────────────────────────────────────────────

  /** While one addition is in flight, and a moment longer, the next one gathers. */
  async #addAll(): Promise<void> {
    if (this.#adding || this.#closing.signal.aborted) return;
    this.#adding = true;
    let byQueue = this.#plan.take(this.#env.monotonicMs());
    do {
      try {
        await this.#withinTime((signal) => this.#addTo(byQueue, signal));
        this.#health.succeeded('adding');
        await this.#env.sleep(COOLDOWN_MS, this.#closing.signal).catch(() => undefined);
      } catch (error) {
        for (const alarms of byQueue.values()) this.#plan.forget(alarms);
        this.#failed('adding', error);
        // What gathered meanwhile would fail the same way: the next sweep asks for it again.
        for (const alarms of this.#plan.take(this.#env.monotonicMs()).values()) this.#plan.forget(alarms);
      }
      byQueue = this.#plan.take(this.#env.monotonicMs());
    } while (byQueue.size > 0 && !this.#closing.signal.aborted);
    this.#adding = false;
  }

  async #addTo(byQueue: ReadonlyMap<string, readonly Alarm[]>, signal: AbortSignal): Promise<void> {
    await this.#backend.connect(signal);
    if (byQueue.size === 0 || this.#health.isFailing('adding')) await this.#backend.ping();
    await Promise.all([...byQueue].map(([name, alarms]) => this.#addToQueue(name, alarms)));
  }

  async #addToQueue(name: string, alarms: readonly Alarm[]): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const queue = this.#queue(name);
    await this.#clean(name, queue);
    let missing = alarms;
    if (alarms.some((alarm) => alarm.again)) {
      // Reading costs nothing; adding what exists costs a write and an event each time.
      const present = new Set((await queue.getDelayed(0, MAX_ARMED)).map((job) => job.id));
      missing = alarms.filter((alarm) => !(alarm.again && present.has(alarmId(alarm.bucket))));
    }
    const monotonicMs = this.#env.monotonicMs();
    const jobs = missing.map((alarm) => {
      const delay = Math.max(0, Math.floor(alarm.ringsAtMs - monotonicMs));
      return { name: 'wake', data: {}, opts: { ...JOB, jobId: alarmId(alarm.bucket), delay } };
    });
    const [first] = jobs;
    if (jobs.length > 1) await queue.addBulk(jobs);
    else if (first !== undefined) await queue.add(first.name, first.data, first.opts);
  }

  /** Keeps the alarms of a queue without workers from piling up: BullMQ only removes what a worker has taken. */
  async #clean(name: string, queue: BullQueue): Promise<void> {
    const monotonicMs = this.#env.monotonicMs();
    const cleanedMs = this.#cleanedMs.get(name);
    if (cleanedMs !== undefined && monotonicMs - cleanedMs < STALE_MS) return;
    this.#cleanedMs.set(name, monotonicMs);
    await queue.clean(this.#horizonMs + STALE_MS, MAX_ARMED, 'delayed');
    await queue.clean(this.#horizonMs + STALE_MS, MAX_ARMED, 'wait');
  }

  #queue(name: string): BullQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = this.#backend.openQueue(this.#nameOf(name), (error) => {
        this.#logger.debug({ err: error, queue: name }, 'BullMQ reported an error');
      });
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Redis may take a command and never answer, and an addition may wait for Redis without end. */
  #withinTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = new AbortController();
      const timer = this.#env.setTimer(ADD_TIMEOUT_MS, () => {
        limit.abort(new Error(`BullMQ did not answer within ${ADD_TIMEOUT_MS} ms.`));
        this.#backend.unhang();
        reject(limit.signal.reason);
      });
      work(limit.signal)
        .finally(() => timer.clear())
        .then(resolve, reject);
    });
  }

  // ── ringing ───────────────────────────────────────────────────────────────

  #ring(queue: string, jobId: string | undefined, onWake: (queue: string) => void): void {
    if (jobId !== undefined) this.#plan.rang(queue, bucketOfAlarm(jobId));
    try {
      onWake(queue);
    } catch (error) {
      this.#logger.error({ err: error, queue }, 'a wake-up was not taken');
    }
  }

  /** What closing itself breaks is no failure. */
  #failed(part: string, error: unknown): void {
    if (!this.#closing.signal.aborted) this.#health.failed(part, error);
  }

  /** BullMQ refuses a colon. Several schemas and namespaces may share one Redis. */
  #nameOf(queue: string): string {
    return `${this.#scope}.${encodeURIComponent(queue)}`;
  }
}
