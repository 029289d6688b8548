/**
 * Adds to BullMQ what the plan wants, one addition at a time and with a pause between two, so that their rate is bounded whatever
 * is scheduled. What could not be added is forgotten: the next sweep asks for it again.
 */
import type { Logger } from 'pino';
import type { Env } from '../env.ts';
import type { AlarmBackend, BullQueue } from './backend.ts';
import type { AlarmHealth } from './health.ts';
import { type Alarm, type AlarmPlan, alarmId } from './plan.ts';

/** Between two additions: bounds the rate at which rows that come late to their bucket ring. */
const COOLDOWN_MS = 20;
/** Room for the first connection, which may have to create BullMQ's tables. */
const ADD_TIMEOUT_MS = 5_000;
/** Alarms of a queue that nobody serves any more are thrown away after this long, looked for this often. */
const STALE_MS = 60_000;

const JOB = { attempts: 2, removeOnComplete: true, removeOnFail: true };

interface AdderOptions {
  readonly plan: AlarmPlan;
  readonly backend: AlarmBackend;
  readonly horizonMs: number;
  readonly maxArmed: number;
  readonly env: Env;
  readonly logger: Logger;
  readonly health: AlarmHealth;
  readonly closing: AbortSignal;
  /** Of the BullMQ queue. */
  nameOf(queue: string): string;
}

export class AlarmAdder {
  readonly #options: AdderOptions;
  readonly #queues = new Map<string, BullQueue>();
  readonly #cleanedMs = new Map<string, number>();
  #adding = false;

  constructor(options: AdderOptions) {
    this.#options = options;
  }

  /** While one addition is in flight, and a moment longer, the next one gathers. */
  async addAll(): Promise<void> {
    const { plan, env, health, closing } = this.#options;
    if (this.#adding || closing.aborted) return;
    this.#adding = true;
    let byQueue = plan.take(env.monotonicMs());
    do {
      try {
        await this.#withinTime((signal) => this.#addTo(byQueue, signal));
        health.succeeded('adding');
        await env.sleep(COOLDOWN_MS, closing).catch(() => undefined);
      } catch (error) {
        for (const alarms of byQueue.values()) plan.forget(alarms);
        // What closing itself breaks is no failure.
        if (!closing.aborted) health.failed('adding', error);
        // What gathered meanwhile would fail the same way: the next sweep asks for it again.
        for (const alarms of plan.take(env.monotonicMs()).values()) plan.forget(alarms);
      }
      byQueue = plan.take(env.monotonicMs());
    } while (byQueue.size > 0 && !closing.aborted);
    this.#adding = false;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
  }

  async #addTo(byQueue: ReadonlyMap<string, readonly Alarm[]>, signal: AbortSignal): Promise<void> {
    const { backend, health } = this.#options;
    await backend.connect(signal);
    if (byQueue.size === 0 || health.isFailing('adding')) await backend.ping();
    await Promise.all([...byQueue].map(([name, alarms]) => this.#addToQueue(name, alarms)));
  }

  async #addToQueue(name: string, alarms: readonly Alarm[]): Promise<void> {
    const { env, maxArmed, closing } = this.#options;
    if (closing.aborted) return;
    const queue = this.#queue(name);
    await this.#clean(name, queue);
    let missing = alarms;
    if (alarms.some((alarm) => alarm.again)) {
      // Reading costs nothing; adding what exists costs a write and an event each time.
      const present = new Set((await queue.getDelayed(0, maxArmed)).map((job) => job.id));
      missing = alarms.filter((alarm) => !(alarm.again && present.has(alarmId(alarm.bucket))));
    }
    const monotonicMs = env.monotonicMs();
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
    const { env, horizonMs, maxArmed } = this.#options;
    const monotonicMs = env.monotonicMs();
    const cleanedMs = this.#cleanedMs.get(name);
    if (cleanedMs !== undefined && monotonicMs - cleanedMs < STALE_MS) return;
    this.#cleanedMs.set(name, monotonicMs);
    await queue.clean(horizonMs + STALE_MS, maxArmed, 'delayed');
    await queue.clean(horizonMs + STALE_MS, maxArmed, 'wait');
  }

  #queue(name: string): BullQueue {
    const { backend, logger } = this.#options;
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = backend.openQueue(this.#options.nameOf(name), (error) => {
        logger.debug({ err: error, queue: name }, 'BullMQ reported an error');
      });
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Redis may take a command and never answer, and an addition may wait for Redis without end. */
  #withinTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { env, backend } = this.#options;
    return new Promise((resolve, reject) => {
      const limit = new AbortController();
      const timer = env.setTimer(ADD_TIMEOUT_MS, () => {
        limit.abort(new Error(`BullMQ did not answer within ${ADD_TIMEOUT_MS} ms.`));
        backend.unhang();
        reject(limit.signal.reason);
      });
      work(limit.signal)
        .finally(() => timer.clear())
        .then(resolve, reject);
    });
  }
}
