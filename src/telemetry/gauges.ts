/** What is asked for only when somebody looks: the state of the store, the sweep, the alarms, the pool and the event loop. */
import { Gauge, type Registry } from 'prom-client';
import type { Stats } from '../reading/stats.ts';
import type { Connections } from '../scheduler/connections.ts';

/** What the gauges show. */
export interface Look {
  /** Null: the store did not answer in time. */
  readonly stats: Stats | null;
  readonly duties: Stats['duties'];
  readonly alarms: Stats['alarms'];
  readonly pool: ReturnType<Connections['pool']>;
  readonly nowMs: number;
  readonly held: number;
  readonly loopLagMs: number;
}

/** Queues beyond this many are left out. */
const MAX_QUEUES = 1000;

export class Gauges {
  readonly #registry: Registry;
  readonly #gauges = new Map<string, Gauge>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  show({ stats, duties, alarms, pool, nowMs, held, loopLagMs }: Look): void {
    for (const gauge of this.#gauges.values()) gauge.reset();
    this.#one('store_up', 'Whether the store answered.', Number(stats !== null));
    this.#one('held_actors', "Actors this process's worker holds.", held);
    this.#one('event_loop_lag_seconds', 'Longest delay of the event loop since the last look.', loopLagMs / 1000);
    this.#one('alarms_up', "Whether BullMQ's store answers.", Number(alarms.up));
    this.#one('alarms_armed', 'Alarms armed.', alarms.armed);
    this.#each('sweep_age_seconds', 'Since the last complete pass of a duty.', 'duty', duties, (duty) => ({
      of: duty.name,
      value: duty.lastPassAgeMs === null ? null : duty.lastPassAgeMs / 1000,
    }));
    this.#each('sweep_processed', 'Rows a duty acted on.', 'duty', duties, ({ name, processed }) => ({
      of: name,
      value: processed,
    }));
    this.#each('sweep_errors', 'Failures of a duty.', 'duty', duties, ({ name, errors }) => ({
      of: name,
      value: errors,
    }));
    if (pool) {
      const states = Object.entries(pool);
      this.#each('pool_connections', 'Connections to Postgres, and callers that wait for one.', 'state', states, each);
    }
    if (stats) this.#showStore(stats, nowMs);
  }

  #showStore({ queues: all, active, quarantined, parked, mail, workers }: Stats, nowMs: number): void {
    const queues = all.slice(0, MAX_QUEUES);
    this.#each('queue_due', 'Due now; at most 10,000 are counted.', 'queue', queues, ({ queue, due }) => ({
      of: queue,
      value: due,
    }));
    this.#each('queue_later', 'Due later; at most 10,000 are counted.', 'queue', queues, ({ queue, later }) => ({
      of: queue,
      value: later,
    }));
    this.#each('queue_paused', 'Whether it is paused.', 'queue', queues, ({ queue, paused }) => ({
      of: queue,
      value: Number(paused),
    }));
    this.#each('queue_oldest_due_seconds', 'How long the oldest has been due.', 'queue', queues, (each) => ({
      of: each.queue,
      value: each.oldestDueAt === null ? 0 : Math.max(0, nowMs - each.oldestDueAt.getTime()) / 1000,
    }));
    const actors = Object.entries({ active, quarantined, parked });
    this.#each('actors', 'Actors that have not settled.', 'status', actors, each);
    this.#one('mailbox_letters', 'Letters that nobody has read; at most 10,000 are counted.', mail);
    this.#one('workers_alive', 'Workers whose heartbeat is fresh.', workers.filter(({ alive }) => alive).length);
  }

  #one(name: string, help: string, value: number): void {
    this.#gauge(name, help, []).set(value);
  }

  #each<T>(
    name: string,
    help: string,
    label: string,
    items: readonly T[],
    read: (item: T) => { readonly of: string; readonly value: number | null },
  ): void {
    const gauge = this.#gauge(name, help, [label]);
    for (const item of items) {
      const { of, value } = read(item);
      if (value !== null) gauge.set({ [label]: of }, value);
    }
  }

  #gauge(name: string, help: string, labelNames: readonly string[]): Gauge {
    const known = this.#gauges.get(name);
    if (known) return known;
    const gauge = new Gauge({
      name: `carillon_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
    this.#gauges.set(name, gauge);
    return gauge;
  }
}

function each([of, value]: readonly [string, number]): { readonly of: string; readonly value: number } {
  return { of, value };
}
