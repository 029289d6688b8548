/**
 * Starts the heartbeat thread of one worker. It has an event loop and a connection of its own, so that a busy main loop
 * costs no lease; and it falls silent when the main loop has not ticked for a third of a lease, so that a hung one does.
 */
import { Worker } from 'node:worker_threads';
import type { Heartbeat, WorkerEntry } from '../contract.ts';
import type { Database } from './database.ts';
import type { HeartbeatTask } from './heartbeat-thread.ts';

/** Slots of the shared memory: microseconds on the main loop's monotonic clock. */
export const TICK = 0;
export const BEAT = 1;

export function startHeartbeat(db: Database, { id, leaseMs }: WorkerEntry, startedMs: number): Heartbeat {
  const shared = new BigInt64Array(new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT));
  const store = (slot: number, ms: number): bigint => Atomics.store(shared, slot, BigInt(Math.round(ms * 1000)));
  store(TICK, startedMs);
  store(BEAT, startedMs);

  const task: HeartbeatTask = { shared, connection: cloneable(db), schema: db.schema, worker: id, leaseMs };
  let stopped = false;
  let thread: Worker;
  const start = (): void => {
    // Run from its TypeScript source, the thread needs the loader that this process got from outside.
    const source = import.meta.url.endsWith('.ts');
    thread = new Worker(new URL(`./heartbeat-thread.${source ? 'ts' : 'js'}`, import.meta.url), {
      workerData: task,
      ...(source && { execArgv: ['--import', import.meta.resolve('tsx')] }),
    });
    thread.unref();
    thread.on('error', (error) => {
      db.logger.error({ err: error, worker: id }, 'the heartbeat thread died; starting another');
      db.env.setTimer(leaseMs / 6, () => !stopped && start());
    });
  };
  start();

  return {
    tick: () => void store(TICK, db.env.monotonicMs()),
    lastBeatMs: () => Number(Atomics.load(shared, BEAT)) / 1000,
    async stop() {
      stopped = true;
      await thread.terminate();
    },
  };
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
