/** A Postgres store on a database of its own, with what tests of its statements need: rows to schedule, hands to race with. */
import { Client, type Pool } from 'pg';
import { systemEnv } from '../../src/env.ts';
import type {
  Claimed,
  ClaimReply,
  ClaimRequest,
  Heartbeat,
  NewActor,
  Settled,
  Store,
  TurnWrite,
} from '../../src/store/contract.ts';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { waitUntil } from './wait-until.ts';

/** Incarnations of workers. */
export const W1 = '00000000-0000-7000-8000-000000000001';
export const W2 = '00000000-0000-7000-8000-000000000002';

const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined };
/** Any number: the advisory lock that `holdClock` waits on. */
const CLOCK_LOCK = 4711;

export class StoreHouse {
  readonly database: TestDatabase;
  /** For looking and for racing by hand. */
  readonly pool: Pool;
  readonly store: Store & { readonly pool: Pool };
  readonly def: number;
  readonly queue: number;
  readonly #closers: (() => Promise<void>)[];
  #lease = 0;

  static async open(): Promise<StoreHouse> {
    // Makes leaves when they are missing, one by one: that is the store's to do.
    const database = await createTestDatabase({ leaves: false });
    const closers: (() => Promise<void>)[] = [];
    const store = await openStore(database, closers, {});
    const [def = 0] = await store.registerDefinitions([{ kind: 'job', name: 'order', version: 1, chart: '{}' }]);
    const [queue = 0] = await store.registerQueues(['default']);
    return new StoreHouse(database, store, closers, def, queue);
  }

  private constructor(
    database: TestDatabase,
    store: Store & { readonly pool: Pool },
    closers: (() => Promise<void>)[],
    def: number,
    queue: number,
  ) {
    this.database = database;
    this.pool = database.pool();
    this.store = store;
    this.def = def;
    this.queue = queue;
    this.#closers = closers;
  }

  /** Another process's store on the same database, unless asked otherwise. */
  another(options: Partial<PostgresStoreOptions> = {}): Promise<Store & { readonly pool: Pool }> {
    return openStore(this.database, this.#closers, options);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    await this.database.close();
  }

  actor(asked: Partial<NewActor> = {}): NewActor {
    return {
      id: systemEnv.uuid(),
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

  async add(asked: Partial<NewActor> = {}): Promise<string> {
    const actor = this.actor(asked);
    await this.store.schedule([actor], null);
    return actor.id;
  }

  async join(id: string, leaseMs = 60_000, store: Store = this.store): Promise<Heartbeat> {
    const heartbeat = await store.join({
      id,
      host: 'here',
      pid: 1,
      defs: [this.def],
      queues: [this.queue],
      leaseMs,
      concurrency: 10,
    });
    this.#closers.push(() => heartbeat.stop());
    return heartbeat;
  }

  async claim(worker: string, asked: Partial<ClaimRequest> = {}, store: Store = this.store): Promise<ClaimReply> {
    this.#lease += 1;
    return store.claim({
      worker,
      lease: this.#lease,
      queues: [this.queue],
      defs: [this.def],
      slots: 100,
      suspect: true,
      oldestFirst: false,
      ...asked,
    });
  }

  /** Claims exactly one. */
  async take(worker: string): Promise<Claimed> {
    const { claimed } = await this.claim(worker);
    if (claimed.length !== 1 || claimed[0] === undefined) throw new Error(`claimed ${claimed.length}, not 1`);
    return claimed[0];
  }

  /** One value of one row. */
  async value<T>(sql: string, values: unknown[] = []): Promise<T> {
    const { rows } = await this.pool.query<Record<string, T>>(sql, values);
    return Object.values(rows[0] ?? {})[0] as T;
  }

  async client(): Promise<Client> {
    const client = new Client({ connectionString: this.database.connectionString });
    client.on('error', () => undefined);
    await client.connect();
    this.#closers.push(() => client.end());
    return client;
  }

  /**
   * From now on every statement that asks for the time stands still, its snapshot taken, until `letGo`. Volatile, or the planner
   * would ask, before there is a snapshot. `claims`: only statements whose plan is pinned, which are those of claims.
   */
  async holdClock(whose: 'all' | 'claims' = 'all'): Promise<{ waiting(): Promise<unknown>; letGo(): Promise<void> }> {
    const holder = await this.client();
    await holder.query(`create or replace function carillon.now() returns timestamptz language plpgsql volatile as $$
      begin
        if ${whose === 'all'} or current_setting('enable_sort') = 'off' then
          perform pg_advisory_xact_lock_shared(${CLOCK_LOCK});
        end if;
        return date_trunc('milliseconds', statement_timestamp());
      end $$`);
    await holder.query(`select pg_advisory_lock(${CLOCK_LOCK})`);
    return {
      waiting: () =>
        waitUntil(
          () =>
            this.value<boolean>(`select count(*) > 0 from pg_stat_activity where wait_event = 'advisory'
            and datname = current_database()`),
          { what: 'a statement to wait for the clock' },
        ),
      letGo: async () => {
        await holder.query(`select pg_advisory_unlock(${CLOCK_LOCK})`);
      },
    };
  }
}

async function openStore(
  { connectionString }: TestDatabase,
  closers: (() => Promise<void>)[],
  options: Partial<PostgresStoreOptions>,
): Promise<Store & { readonly pool: Pool }> {
  const store = await openPostgresStore({
    connection: connectionString,
    namespace: 'default',
    schema: 'carillon',
    env: systemEnv,
    logger: quiet,
    ...options,
  });
  closers.push(() => store.close());
  return store;
}

const turn = { state: '"s"', snapshot: '{}', history: '', segment: null, attempt: 1 };

export function goesOn(
  claimed: Claimed,
  next: Partial<TurnWrite['next']> = {},
  write: Partial<TurnWrite> = {},
): TurnWrite {
  const goingOn = { kind: 'continued', hold: false, strikes: 0, wakeAt: null, quarantine: null } as const;
  return {
    ...writeOf(claimed),
    ...write,
    next: { ...turn, seq: claimed.seq + 1, ...goingOn, ...next } as TurnWrite['next'],
  };
}

export function settles(claimed: Claimed, next: Partial<Settled> = {}, write: Partial<TurnWrite> = {}): TurnWrite {
  const end = { kind: 'settled', status: 'done', outcome: 'success', reason: null, record: '{}' } as const;
  return {
    ...writeOf(claimed),
    ...write,
    next: { ...turn, seq: claimed.seq + 1, ...end, keepMs: 86_400_000, freesKey: false, ...next },
  };
}

function writeOf({ id, def, queue, priority, fence, seq, pokes, dueRowAt, mail }: Claimed): Omit<TurnWrite, 'next'> {
  const ids = mail.map((one) => one.id);
  const compared = { id, def, queue, priority, fence, seq, pokes, notBefore: null, dueRowAt };
  return { ...compared, mail: ids, sends: [], spawns: [], place: null };
}

export const noLeases = { emptied: [], rewritten: [] };

export function mailTo(
  actor: string,
  event = 'ping',
  dedupId: string | null = null,
): { actor: string; event: string; dedupId: string | null } {
  return { actor, event, dedupId };
}

export function keyOf(text: string, fingerprint = 1): NonNullable<NewActor['key']> {
  return { digest: Buffer.alloc(32, text), key: text, fingerprint: Buffer.alloc(32, fingerprint), retentionMs: 60_000 };
}
