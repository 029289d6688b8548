/**
 * Puts new actors into the store. Concurrent calls share one statement; those due now start at once in this process when it
 * has free slots, inserted already leased; the others are told to whoever may be sleeping.
 */
import type { Alarms } from '../alarms.ts';
import { decode } from '../codec.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { GroupCommit } from '../group-commit.ts';
import type { Instant, NewActor, Scheduled, Store } from '../store/contract.ts';
import type { Replaced } from '../store/replacement.ts';
import type { StoreClock } from '../store-clock.ts';
import { kinOf, traceOf } from '../turn/kinship.ts';
import { encodeLetter } from '../turn/mail.ts';
import type { Unleased } from '../worker/holding.ts';
import type { Worker } from '../worker.ts';

export interface Enqueued {
  /** Null: not known here, so it cannot start here. */
  readonly definition: LoadedDefinition | null;
  readonly actor: NewActor;
  readonly queueName: string;
}

/** One that takes the place of those with that label. */
export interface Successor extends Enqueued {
  readonly label: string;
}

/** What those are told. */
const REPLACED = encodeLetter(
  { kind: 'control', control: { type: 'cancel', reason: 'replaced' } },
  Number.POSITIVE_INFINITY,
);

/** For others, whose idea of the store's clock may be a moment behind: they would wait for an instant that has passed. */
const DUE_ALREADY: Instant = 0;

export interface EnqueueDeps {
  readonly store: Store;
  readonly clock: StoreClock;
  readonly alarms: Alarms;
  /** Null: this process schedules only. */
  readonly worker: Worker | null;
  /** Queue ids the worker serves. */
  readonly served: ReadonlySet<number>;
  /** What is due sooner than this is announced at once; what is due later gets an alarm. */
  readonly nearMs: number;
}

export class Enqueue {
  readonly #deps: EnqueueDeps;
  readonly #plain: GroupCommit<Enqueued, Scheduled>;
  /** Keyed ones go in groups of their own: a key in somebody's open transaction must not hold up anyone else. */
  readonly #keyed: GroupCommit<Enqueued, Scheduled>;
  /** One by one: those with one label wait for each other, and should not do so on more connections than that. */
  readonly #successors: GroupCommit<Successor, Replaced>;

  constructor(deps: EnqueueDeps) {
    this.#deps = deps;
    const bounds = {
      maxItems: 500,
      maxBytes: 4_000_000,
      bytesOf: ({ actor }: Enqueued) => 200 + (actor.input?.length ?? 0),
    };
    const write = (items: readonly Enqueued[]): Promise<readonly Scheduled[]> => this.#write(items, 'schedule');
    this.#plain = new GroupCommit({ ...bounds, write, concurrency: 2 });
    this.#keyed = new GroupCommit({ ...bounds, write, concurrency: 2 });
    this.#successors = new GroupCommit<Successor, Replaced>({
      ...bounds,
      write: (items) => Promise.all(items.map((item) => this.#replace(item))),
      maxItems: 1,
      concurrency: 2,
    });
  }

  add(enqueued: Enqueued): Promise<Scheduled> {
    return (enqueued.actor.key ? this.#keyed : this.#plain).add(enqueued);
  }

  /** Many at once: all of them are stored, or, with one conflict among the answers, none. */
  addAll(items: readonly Enqueued[]): Promise<readonly Scheduled[]> {
    return this.#write(items, 'scheduleTogether');
  }

  /** Inside the caller's transaction. Hints go out at once: before its commit they find nothing, which is harmless. */
  async addWithin(client: unknown, items: readonly Enqueued[]): Promise<readonly Scheduled[]> {
    const reply = await this.#deps.store.scheduleWithin(
      client,
      items.map(({ actor }) => actor),
      this.#deps.nearMs,
    );
    this.#tell(items, reply.items, reply.now);
    return reply.items;
  }

  replace(successor: Successor): Promise<Replaced> {
    return this.#successors.add(successor);
  }

  async settled(): Promise<void> {
    await Promise.all([this.#plain, this.#keyed, this.#successors].map((group) => group.settled()));
  }

  async #replace(successor: Successor): Promise<Replaced> {
    const { store, clock, served, worker } = this.#deps;
    const { actor, label } = successor;
    const reply = await store.replace(actor, { label, letter: REPLACED });
    clock.observe(reply.now);
    this.#tell([successor], [reply.item], reply.now);
    for (const queue of reply.queues) {
      if (served.has(queue)) worker?.wake();
      store.announce(queue, reply.now);
    }
    return reply;
  }

  async #write(items: readonly Enqueued[], how: 'schedule' | 'scheduleTogether'): Promise<readonly Scheduled[]> {
    const { store, clock, worker } = this.#deps;
    const eligible = worker ? items.filter((item) => this.#mayStart(item)) : [];
    const reservation = eligible.length > 0 ? (worker?.reserve(eligible.length) ?? null) : null;
    const starting = reservation && new Set(eligible.slice(0, reservation.slots));
    const actors = items.map((item) => (starting?.has(item) ? { ...item.actor, start: true } : item.actor));
    const started: Unleased[] = [];
    const tell = this.#queueToTell(actors);
    try {
      const reply = await store[how](actors, reservation?.starter ?? null, tell);
      clock.observe(reply.now);
      for (const [index, scheduled] of reservation ? reply.items.entries() : []) {
        if (scheduled.outcome !== 'scheduled' || !scheduled.started) continue;
        started.push(startedHolding(items[index] as Enqueued, scheduled.dueAt, reply.now));
      }
      this.#tell(items, reply.items, reply.now, reply.told ? tell : undefined);
      return reply.items;
    } finally {
      if (reservation) worker?.adopt(reservation, started);
    }
  }

  #mayStart({ definition, actor }: Enqueued): boolean {
    if (!definition || actor.key || actor.limits || !this.#deps.served.has(actor.queue)) return false;
    return this.#dueNow(actor);
  }

  /** The one queue in which something of these will be due, and will not start here. */
  #queueToTell(actors: readonly NewActor[]): number | undefined {
    let found: number | undefined;
    for (const actor of actors) {
      if (actor.start || !this.#dueNow(actor)) continue;
      if (found !== undefined && found !== actor.queue) return undefined;
      found = actor.queue;
    }
    return found;
  }

  #dueNow({ when }: NewActor): boolean {
    return 'afterMs' in when ? when.afterMs === 0 : when.at <= this.#deps.clock.now();
  }

  /** `told`: other processes have heard already of what is due now in that queue. */
  #tell(items: readonly Enqueued[], scheduled: readonly Scheduled[], now: Instant, told?: number): void {
    const earliest = new Map<number, { at: Instant; name: string }>();
    scheduled.forEach((outcome, index) => {
      const item = items[index];
      if (!item || outcome.outcome !== 'scheduled' || outcome.started) return;
      const known = earliest.get(item.actor.queue);
      if (!known || outcome.dueAt < known.at)
        earliest.set(item.actor.queue, { at: outcome.dueAt, name: item.queueName });
      if (outcome.dueAt - now > this.#deps.nearMs) this.#deps.alarms.arm(item.queueName, outcome.dueAt, now);
    });
    for (const [queue, { at }] of earliest) {
      if (this.#deps.served.has(queue)) this.#deps.worker?.expect(at);
      if (at <= now && queue === told) continue;
      if (at - now <= this.#deps.nearMs) this.#deps.store.announce(queue, at <= now ? DUE_ALREADY : at);
    }
  }
}

/** What a claim would have returned for a row that was inserted already leased. */
function startedHolding({ definition, actor }: Enqueued, dueAt: Instant, now: Instant): Unleased {
  return {
    life: {
      id: actor.id,
      // What is not known here was not asked to start.
      definition: definition as LoadedDefinition,
      createdAt: now,
      firstDueAt: dueAt,
      system: null,
      // Read back from its text: the caller may change its own object while the handler runs.
      input: actor.input === null ? undefined : decode(actor.input),
      retried: 0,
      attempts: 0,
      seq: 0,
      kin: kinOf(actor.parent, actor.role),
      trace: traceOf(actor.role),
    },
    queue: actor.queue,
    priority: actor.priority,
    labels: actor.labels,
    fence: 1,
    claimedBefore: null,
    limits: null,
    row: {
      def: actor.def,
      seq: 0,
      pokes: 0,
      strikes: 0,
      dueRowAt: null,
      snapshot: null,
      history: '',
      state: actor.state,
      attempt: 0,
    },
    mail: [],
  };
}
