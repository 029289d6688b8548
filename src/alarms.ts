/**
 * Alarms on BullMQ: what is due later wakes a worker of its queue a little ahead of time. A hint, never a promise: one may be
 * lost, doubled, early or late, and only the store's clock, in the claim, decides that anything is due. Nothing here blocks or
 * fails a caller; while BullMQ's store is away the sweep alone keeps everything running.
 */
import { setMaxListeners } from 'node:events';
import type { Redis, RedisOptions } from 'ioredis';
import type pg from 'pg';
import type { Logger } from 'pino';
import { AlarmAdder } from './alarms/adder.ts';
import { AlarmHealth } from './alarms/health.ts';
import { LazyAlarmBackend } from './alarms/lazy-backend.ts';
import { ALARM_BUCKET_MS, ALARM_HORIZON_MS, AlarmPlan, bucketOfAlarm } from './alarms/plan.ts';
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
const CLOSE_TIMEOUT_MS = 400;

/** Resolves at once, whether or not BullMQ's store is there. */
export async function createAlarms(options: AlarmOptions): Promise<Alarms> {
  return new BullAlarms(options);
}

class BullAlarms implements Alarms {
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #scope: string;
  readonly #plan: AlarmPlan;
  readonly #backend: LazyAlarmBackend;
  readonly #adder: AlarmAdder;
  readonly #receivers = new Map<string, AlarmReceiver>();
  readonly #health: AlarmHealth;
  readonly #closing = new AbortController();

  constructor({ backend, namespace, schema, env, logger, ...settings }: AlarmOptions) {
    this.#env = env;
    this.#logger = logger;
    this.#health = new AlarmHealth(logger);
    this.#scope = `${schema}.${namespace}`;
    // One listener per queue that pauses.
    setMaxListeners(0, this.#closing.signal);
    const horizonMs = settings.horizonMs ?? ALARM_HORIZON_MS;
    this.#plan = new AlarmPlan({
      horizonMs,
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
          void this.#adder.addAll();
        },
        down: (error) => this.#failed('connection', error),
      });
    });
    this.#adder = new AlarmAdder({
      plan: this.#plan,
      backend: this.#backend,
      horizonMs,
      maxArmed: MAX_ARMED,
      env,
      logger,
      health: this.#health,
      closing: this.#closing.signal,
      nameOf: (queue) => this.#nameOf(queue),
    });
    // Its own connection tells whether Redis is there, also to who arms nothing.
    if (backend.kind === 'redis') this.#backend.load().catch((error: unknown) => this.#failed('connection', error));
  }

  arm(queue: string, at: Instant, now: Instant): void {
    if (this.#plan.arm(queue, at, now, this.#env.monotonicMs())) void this.#adder.addAll();
  }

  topUp(buckets: readonly { readonly queue: string; readonly at: Instant }[], now: Instant): void {
    const monotonicMs = this.#env.monotonicMs();
    // While it is down, every sweep asks whether BullMQ's store is back, also when there is nothing to arm.
    let wanted = !this.#health.up;
    for (const { queue, at } of [...buckets].sort((a, b) => a.at - b.at)) {
      if (this.#plan.topUp(queue, at, now, monotonicMs)) wanted = true;
    }
    if (wanted) void this.#adder.addAll();
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
    const open = [...this.#receivers.values(), this.#adder];
    const closed = Promise.allSettled(open.map((each) => each.close()));
    await Promise.race([closed, this.#env.sleep(CLOSE_TIMEOUT_MS)]);
    await Promise.race([this.#backend.close(), this.#env.sleep(CLOSE_TIMEOUT_MS)]);
  }

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
