/** What the alarms need of BullMQ, whichever store it runs on. Both stores' `Queue` and `Worker` have these shapes as they are. */
import type { JobsOptions } from 'bullmq';

export interface RingingJob {
  id?: string | undefined;
  moveToCompleted(value: string, token: string, fetchNext: boolean): Promise<unknown>;
}

export interface BullQueue {
  add(name: string, data: object, options: JobsOptions): Promise<unknown>;
  addBulk(jobs: { name: string; data: object; opts: JobsOptions }[]): Promise<unknown>;
  getDelayed(start: number, end: number): Promise<{ id?: string | undefined }[]>;
  clean(graceMs: number, limit: number, state: 'delayed' | 'wait'): Promise<unknown>;
  close(): Promise<void>;
}

export interface BullWorker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  getNextJob(token: string): Promise<RingingJob | undefined>;
  startStalledCheckTimer(): Promise<void>;
  close(force: boolean): Promise<void>;
}

export interface AlarmBackend {
  /** Resolves when BullMQ's store can be used, rejects while it is away. Nothing is opened before it resolved once. */
  connect(signal: AbortSignal): Promise<void>;
  /** Asked while it is down: answers when what is connected can be used again. */
  ping(): Promise<void>;
  /** The producing side of a BullMQ queue. Errors that no call reports go to `onError`. */
  openQueue(name: string, onError: (error: Error) => void): BullQueue;
  /** The consuming side, to be driven by hand. */
  openWorker(name: string): BullWorker;
  /** A command has hung for too long: let it settle. */
  unhang(): void;
  /** Ends every connection made here, and none that was passed in. */
  close(): Promise<void>;
}

/** The connection came up or went away by itself, outside any call. */
export interface ConnectionWatch {
  up(): void;
  down(error: Error): void;
}
