/**
 * Starts the heartbeat thread of one worker. It has an event loop and a connection of its own, so that a busy main loop
 * costs no lease; and it falls silent when the main loop has not ticked for a third of a lease, so that a hung one does.
 */
import { Worker } from 'node:worker_threads';
import type { Heartbeat, WorkerEntry } from '../contract.ts';
import type { Database } from './database.ts';

/** What the thread is given. */
export interface HeartbeatTask {
  /** When the main loop last ticked, and when the last accepted beat was started: microseconds on its clock. */
  readonly tick: BigInt64Array<SharedArrayBuffer>;
  readonly beat: BigInt64Array<SharedArrayBuffer>;
  readonly connection: Record<string, unknown>;
  readonly schema: string;
  readonly worker: string;
  readonly leaseMs: number;
}

/** A heartbeat whose thread starts, and which counts from `begin`. */
export interface StartingHeartbeat extends Heartbeat {
  /**
   * Resolves once the thread runs: on a busy machine that takes a good part of a short lease, and a worker whose row is there
   * before its heartbeat would be found dead at once.
   */
  readonly running: Promise<void>;
  /** The worker's row was written at this monotonic time. */
  begin(atMs: number): void;
}

export function startHeartbeat(db: Database, { id, leaseMs }: WorkerEntry): StartingHeartbeat {
  const tick = sharedInstant(db.env.monotonicMs());
  const beat = sharedInstant(db.env.monotonicMs());
  const task: HeartbeatTask = { tick, beat, connection: cloneable(db), schema: db.schema, worker: id, leaseMs };
  let stopped = false;
  let thread: Worker;
  let runs: () => void;
  const running = new Promise<void>((resolve) => {
    runs = resolve;
  });
  const start = (): void => {
    thread = new Worker(new URL('./heartbeat-thread.js', import.meta.url), { workerData: task });
    thread.once('message', () => {
      thread.unref();
      runs();
    });
    thread.on('error', (error) => {
      db.logger.error({ err: error, worker: id }, 'the heartbeat thread died; starting another');
      db.env.setTimer(leaseMs / 6, () => !stopped && start());
    });
  };
  start();

  return {
    running,
    begin(atMs) {
      Atomics.store(tick, 0, inMicroseconds(atMs));
      Atomics.store(beat, 0, inMicroseconds(atMs));
    },
    tick: () => void Atomics.store(tick, 0, inMicroseconds(db.env.monotonicMs())),
    lastBeatMs: () => Number(Atomics.load(beat, 0)) / 1000,
    async stop() {
      stopped = true;
      await thread.terminate();
    },
  };
}

/** Microseconds on the main loop's monotonic clock, in memory that both threads see. */
function sharedInstant(ms: number): BigInt64Array<SharedArrayBuffer> {
  const shared = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  shared[0] = inMicroseconds(ms);
  return shared;
}

function inMicroseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000));
}

/** What of the configuration can cross to a thread: no functions, no sockets. */
function cloneable({ config }: Database): Record<string, unknown> {
  const { connectionString, host, port, user, password, database, ssl, options } = config;
  const all = { connectionString, host, port, user, password, database, ssl, options };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && isData(value)));
}

function isData(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
