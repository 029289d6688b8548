/**
 * Which alarms to set: one per queue and bucket of due times, a little ahead of the bucket, inside a short horizon, and never
 * more than a bounded number. Pure bookkeeping: what is wanted, what was armed, what rang early.
 */
import type { Instant } from '../store/contract.ts';

/** How far ahead alarms are set, and how wide their buckets are: what `Store.dueBuckets` is to be asked for. */
export const ALARM_HORIZON_MS = 10_000;
export const ALARM_BUCKET_MS = 1_000;

/** Far enough that a row which comes near between two sweeps is armed by one of them. */
export function alarmHorizonMs(sweepIntervalMs: number): number {
  return Math.max(ALARM_HORIZON_MS, 3 * sweepIntervalMs);
}

export interface AlarmSettings {
  readonly horizonMs: number;
  readonly bucketMs: number;
  /** How long before its bucket an alarm rings: more than the grain of BullMQ on Redis, which is about 100 ms. */
  readonly leadMs: number;
  readonly maxArmed: number;
}

export interface Alarm {
  readonly queue: string;
  /** Start of its bucket: with the queue, the identity of the alarm in every process. */
  readonly bucket: Instant;
  /** When it is to ring, as `Env.monotonicMs()`: the store's clock minus the store's clock, never a wall clock. */
  readonly ringsAtMs: number;
  /** It was armed before: to be added only if BullMQ lost it. */
  readonly again: boolean;
}

interface Armed {
  readonly ringsAtMs: number;
  rangEarly: boolean;
}

export class AlarmPlan {
  readonly #settings: AlarmSettings;
  readonly #armed = new Map<string, Armed>();
  #wanted = new Map<string, Alarm>();
  #pruneAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: AlarmSettings) {
    this.#settings = settings;
  }

  /** Wants the alarm of a future instant, unless it is armed. True: there is something to take. */
  arm(queue: string, at: Instant, now: Instant, monotonicMs: number): boolean {
    const { horizonMs, bucketMs, leadMs, maxArmed } = this.#settings;
    const aheadMs = at - now;
    if (!(aheadMs > 0 && aheadMs <= horizonMs)) return false;
    const bucket = at - (at % bucketMs);
    const key = keyOf(queue, bucket);
    if (this.#wanted.has(key)) return true;
    this.#prune(monotonicMs);
    const armed = this.#armed.get(key);
    if (armed !== undefined && armed.ringsAtMs > monotonicMs) return false;
    // Once the bucket's alarm has rung, a row that comes late to the bucket rings for itself, at once.
    const waitMs = Math.max(0, bucket - leadMs - now);
    if (waitMs > 0 && this.#armed.size + this.#wanted.size >= maxArmed) return false;
    const ringsAtMs = monotonicMs + waitMs;
    this.#wanted.set(key, { queue, bucket, ringsAtMs, again: false });
    return true;
  }

  /**
   * Wants the alarm of a bucket, also if it is armed: BullMQ may have lost it. Not when it has rung already: the sweep that asks
   * looks for what is due this soon itself, and an alarm that rings early, because clocks disagree, is not to ring all the time.
   */
  topUp(queue: string, at: Instant, now: Instant, monotonicMs: number): boolean {
    const bucket = at - (at % this.#settings.bucketMs);
    if (bucket - this.#settings.leadMs <= now) return false;
    const key = keyOf(queue, bucket);
    const armed = this.#armed.get(key);
    if (armed === undefined || armed.ringsAtMs <= monotonicMs) return this.arm(queue, bucket, now, monotonicMs);
    if (armed.rangEarly) return false;
    this.#wanted.set(key, { queue, bucket, ringsAtMs: armed.ringsAtMs, again: true });
    return true;
  }

  /** Hands over what is wanted, by queue, and counts it as armed. */
  take(monotonicMs: number): ReadonlyMap<string, readonly Alarm[]> {
    const byQueue = new Map<string, Alarm[]>();
    for (const [key, alarm] of this.#wanted) {
      const alarms = byQueue.get(alarm.queue);
      if (alarms === undefined) byQueue.set(alarm.queue, [alarm]);
      else alarms.push(alarm);
      if (!alarm.again && alarm.ringsAtMs > monotonicMs) {
        this.#armed.set(key, { ringsAtMs: alarm.ringsAtMs, rangEarly: false });
      }
    }
    this.#wanted = new Map();
    return byQueue;
  }

  /** These could not be added, or nobody knows: the next one who asks for them gets them. */
  forget(alarms: Iterable<Alarm>): void {
    for (const alarm of alarms) this.#armed.delete(keyOf(alarm.queue, alarm.bucket));
  }

  /** An alarm rang in this process. */
  rang(queue: string, bucket: Instant): void {
    const armed = this.#armed.get(keyOf(queue, bucket));
    if (armed !== undefined) armed.rangEarly = true;
  }

  /** Alarms that were armed here and have not come yet. */
  armed(monotonicMs: number): number {
    this.#prune(monotonicMs);
    let count = 0;
    for (const { ringsAtMs } of this.#armed.values()) if (ringsAtMs > monotonicMs) count += 1;
    return count;
  }

  #prune(monotonicMs: number): void {
    if (monotonicMs < this.#pruneAtMs) return;
    this.#pruneAtMs = monotonicMs + this.#settings.bucketMs;
    for (const [key, { ringsAtMs }] of this.#armed) if (ringsAtMs <= monotonicMs) this.#armed.delete(key);
  }
}

function keyOf(queue: string, bucket: Instant): string {
  return `${bucket} ${queue}`;
}

/** The job's id, the same in every process, so that adding twice is adding once. Not all digits: BullMQ refuses that. */
export function alarmId(bucket: Instant): string {
  return `due-${bucket}`;
}

export function bucketOfAlarm(jobId: string): Instant {
  return Number(jobId.slice('due-'.length));
}
