/**
 * What every fact about the store is played on: one store with a definition, a queue, workers that can die, and the
 * writes of plain turns. Written in the contract's own words, so that it fits any implementation.
 */
import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import type {
  Claimed,
  ClaimReply,
  ClaimRequest,
  CommitReply,
  Continued,
  Heartbeat,
  LeaseChanges,
  NewActor,
  NewMail,
  Settled,
  Store,
  TurnWrite,
  WorkerEntry,
} from '../../../src/store/contract.ts';

/** One implementation of the store, with its time in the test's hand. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Moves the store's clock, which otherwise stands still. */
  advance(ms: number): Promise<void>;
  /** Another store on the same database, as another process would open it. */
  another(namespace?: string): Promise<Store>;
  /** Runs `work` with a client in a transaction, and ends that as told. Absent where callers have no transactions. */
  transaction?(work: (client: unknown) => Promise<void>, end: 'commit' | 'rollback'): Promise<void>;
  close(): Promise<void>;
}

/** Long enough to outlive any test's virtual time. */
const SURVIVOR_LEASE_MS = 3_600_000;
const DOOMED_LEASE_MS = 3_000;
/** Below the two seconds from which on a store takes an advance for a jump of its clock. */
const STEP_MS = 1_500;

export class Stage {
  readonly store: Store;
  readonly under: StoreUnderTest;
  readonly def: number;
  readonly queue: number;
  readonly queueName: string;
  readonly #workers: TestWorker[] = [];

  private constructor(under: StoreUnderTest, def: number, queue: number, queueName: string) {
    this.under = under;
    this.store = under.store;
    this.def = def;
    this.queue = queue;
    this.queueName = queueName;
  }

  static async set(under: StoreUnderTest, queueName = 'default'): Promise<Stage> {
    const [def = 0] = await under.store.registerDefinitions([definition('order')]);
    const [queue = 0] = await under.store.registerQueues([queueName]);
    return new Stage(under, def, queue, queueName);
  }

  advance(ms: number): Promise<void> {
    return this.under.advance(ms);
  }

  actor(asked: Partial<NewActor> = {}): NewActor {
    return {
      id: v7(),
      def: this.def,
      queue: this.queue,
      name: 'order',
      version: 1,
      priority: 5,
      labels: [],
      state: '"scheduled"',
      input: null,
      when: { afterMs: 0 },
      parent: null,
      role: null,
      key: null,
      limits: null,
      start: false,
      ...asked,
    };
  }

  /** Schedules one actor, due now unless asked otherwise, and returns its id. */
  async add(asked: Partial<NewActor> = {}): Promise<string> {
    const { items } = await this.store.schedule([this.actor(asked)], null);
    const [item] = items;
    if (item?.outcome !== 'scheduled') throw new Error(`not scheduled but ${item?.outcome}`);
    return item.id;
  }

  send(actor: string, event = 'ping', dedupId: string | null = null): ReturnType<Store['send']> {
    return this.store.send([mail(actor, event, dedupId)]);
  }

  async worker(asked: Partial<WorkerEntry> = {}): Promise<TestWorker> {
    const entry: WorkerEntry = {
      id: randomUUID(),
      host: 'here',
      pid: 1,
      defs: [this.def],
      queues: [this.queue],
      leaseMs: SURVIVOR_LEASE_MS,
      concurrency: 10,
      ...asked,
    };
    const worker = new TestWorker(this, entry, await this.store.join(entry));
    this.#workers.push(worker);
    return worker;
  }

  /** Stops what still beats. The workers stay as the store knows them. */
  async clear(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.heartbeat.stop()));
  }

  /** A worker whose lease is short, so that it can die soon. */
  mortal(asked: Partial<WorkerEntry> = {}): Promise<TestWorker> {
    return this.worker({ leaseMs: DOOMED_LEASE_MS, ...asked });
  }

  /** Nothing active is forgotten by the store. */
  findings(): ReturnType<Store['audit']> {
    return this.store.audit(100);
  }
}

export class TestWorker {
  readonly id: string;
  readonly entry: WorkerEntry;
  readonly heartbeat: Heartbeat;
  readonly #stage: Stage;
  #lease = 0;

  constructor(stage: Stage, entry: WorkerEntry, heartbeat: Heartbeat) {
    this.#stage = stage;
    this.id = entry.id;
    this.entry = entry;
    this.heartbeat = heartbeat;
  }

  nextLease(): number {
    this.#lease += 1;
    return this.#lease;
  }

  get lastLease(): number {
    return this.#lease;
  }

  claim(asked: Partial<ClaimRequest> = {}): Promise<ClaimReply> {
    return this.#stage.store.claim({
      worker: this.id,
      lease: this.nextLease(),
      queues: this.entry.queues,
      defs: this.entry.defs,
      slots: 100,
      suspect: true,
      oldestFirst: false,
      ...asked,
    });
  }

  async ids(asked: Partial<ClaimRequest> = {}): Promise<readonly string[]> {
    const { claimed } = await this.claim(asked);
    return claimed.map((actor) => actor.id);
  }

  /** Claims what must be exactly one actor. */
  async take(asked: Partial<ClaimRequest> = {}): Promise<Claimed> {
    const { claimed } = await this.claim(asked);
    const [actor] = claimed;
    if (actor === undefined || claimed.length > 1) throw new Error(`claimed ${claimed.length} actors, not one`);
    return actor;
  }

  commit(writes: readonly TurnWrite[], leases: Partial<LeaseChanges> = {}): Promise<CommitReply> {
    return this.#stage.store.commit(this.id, writes, { emptied: [], rewritten: [], ...leases });
  }

  /** Whether this one write was committed. */
  async did(write: TurnWrite): Promise<boolean> {
    const { committed } = await this.commit([write]);
    return committed.has(write.id);
  }

  heldIds(): Promise<readonly string[]> {
    return this.#stage.store.heldBy(this.id).then((held) => held.map((actor) => actor.id));
  }

  /** Stops beating, as a killed process does, until the store has found it dead. */
  async die(): Promise<void> {
    await this.heartbeat.stop();
    for (let step = 0; step < 40; step += 1) {
      await this.#stage.advance(STEP_MS);
      await this.#stage.store.reap();
      const { workers } = await this.#stage.store.stats();
      const alive = workers.some((worker) => worker.id === this.id && worker.alive);
      const held = await this.#stage.store.heldBy(this.id);
      if (!alive && held.length === 0 && step >= 5) return;
    }
    throw new Error('the worker was not found dead');
  }
}

export function definition(name: string, version = 1): { kind: 'job'; name: string; version: number; chart: string } {
  return { kind: 'job', name, version, chart: '{}' };
}

export function mail(actor: string, event = 'ping', dedupId: string | null = null): NewMail {
  return { actor, event, dedupId };
}

/** What a turn needs to know of its actor: a claim has it, and so has a start at once. */
export type Held = Pick<Claimed, 'id' | 'def' | 'queue' | 'priority' | 'fence' | 'seq' | 'pokes' | 'dueRowAt' | 'mail'>;

/** A turn after which the actor lives on, let go and waiting for mail only. */
export function goesOn(held: Held, next: Partial<Continued> = {}, write: Partial<TurnWrite> = {}): TurnWrite {
  return {
    ...turnOf(held),
    next: {
      kind: 'continued',
      ...resultOf(held),
      hold: false,
      strikes: 0,
      wakeAt: null,
      quarantine: null,
      ...next,
    },
    ...write,
  };
}

/** A turn that settles the actor as done. */
export function settles(held: Held, next: Partial<Settled> = {}, write: Partial<TurnWrite> = {}): TurnWrite {
  return {
    ...turnOf(held),
    next: {
      kind: 'settled',
      ...resultOf(held),
      status: 'done',
      outcome: 'success',
      reason: null,
      record: `{"of":"${held.id}"}`,
      keepMs: 86_400_000,
      freesKey: false,
      ...next,
    },
    ...write,
  };
}

function turnOf(held: Held): Omit<TurnWrite, 'next'> {
  const { id, def, queue, priority, fence, seq, pokes, dueRowAt } = held;
  const consumed = held.mail.map((one) => one.id);
  return {
    id,
    def,
    queue,
    priority,
    fence,
    seq,
    pokes,
    dueRowAt,
    notBefore: null,
    mail: consumed,
    sends: [],
    spawns: [],
    place: null,
  };
}

function resultOf(held: Held): Pick<Continued, 'state' | 'snapshot' | 'history' | 'segment' | 'seq' | 'attempt'> {
  return { state: '"on"', snapshot: '{"value":"on"}', history: '[]', segment: null, seq: held.seq + 1, attempt: 1 };
}
