/**
 * Owns `definitions` and `queues`: small integers for names, so that due rows are narrow. Registered in transactions of
 * their own, never in a caller's, so that two callers do not wait for each other's commit.
 */
import type { DefinitionEntry, DefinitionVersion } from '../contract.ts';
import type { Operator } from '../operating.ts';
import type { Database, Statement } from './database.ts';

const ADD_DEFINITIONS: Statement = {
  name: 'add_defs',
  text: `insert into carillon.definitions (namespace, name, version, kind, chart, registered_at)
  select $1, d.name, d.version, d.kind, d.chart, carillon.now()
  from unnest($2::text[], $3::int4[], $4::text[], $5::text[]) as d(name, version, kind, chart)
  order by d.name, d.version
  on conflict (namespace, name, version) do update set chart = excluded.chart, registered_at = excluded.registered_at
  where definitions.chart <> excluded.chart`,
};

/** A limit is the name's, so every version gets it: also one that is rolled back to. */
const SET_LIMITS: Statement = {
  name: 'set_limits',
  text: `with changed as materialized (
    select d.id, n.concurrency, n.rate, n.rate_ms
    from unnest($2::text[], $3::int4[], $4::int4[], $5::float8[]) as n(name, concurrency, rate, rate_ms)
    join carillon.definitions d on d.namespace = $1 and d.name = n.name
    where (d.concurrency, d.rate, d.rate_ms) is distinct from (n.concurrency, n.rate, n.rate_ms)
    order by d.id for update of d
  )
  update carillon.definitions d set concurrency = c.concurrency, rate = c.rate, rate_ms = c.rate_ms
  from changed c where d.id = c.id`,
};

const READ_DEFINITIONS: Statement = {
  name: 'read_defs',
  text: `select id, name, version from carillon.definitions where namespace = $1`,
};

const READ_VERSIONS: Statement = {
  name: 'read_versions',
  text: `select version, id as def from carillon.definitions where namespace = $1 and name = $2 order by version`,
};

const ADD_QUEUES: Statement = {
  name: 'add_queues',
  text: `insert into carillon.queues (namespace, name)
  select $1, q.name from unnest($2::text[]) as q(name) order by q.name
  on conflict (namespace, name) do nothing`,
};

const READ_QUEUES: Statement = {
  name: 'read_queues',
  text: `select id, name from carillon.queues where namespace = $1`,
};

const SET_PAUSED: Statement = {
  name: 'set_paused',
  text: `with before as materialized (
    select id, paused from carillon.queues where namespace = $1 and name = $2 for update
  ), noted as (
    insert into carillon.audit (id, at, namespace, who, action, target, reason, before, after)
    select $4, carillon.now(), $1, $5, case when $3 then 'pauseQueue' else 'resumeQueue' end, $2, $6,
      jsonb_build_object('paused', b.paused), jsonb_build_object('paused', $3::bool)
    from before b where $4::uuid is not null
    on conflict (id) do nothing
  )
  update carillon.queues q set paused = $3 from before b where q.id = b.id`,
};

export interface DefinitionName {
  readonly name: string;
  readonly version: number;
}

export class Registry {
  readonly #db: Database;
  readonly #definitions = new Map<number, DefinitionName>();

  constructor(db: Database) {
    this.#db = db;
  }

  async registerDefinitions(definitions: readonly DefinitionEntry[]): Promise<readonly number[]> {
    const distinct = [...new Map(definitions.map((d) => [nameOf(d), d])).values()];
    await this.#db.repeated(() =>
      this.#db.query(ADD_DEFINITIONS, [
        this.#db.namespace,
        distinct.map((d) => d.name),
        distinct.map((d) => d.version),
        distinct.map((d) => d.kind),
        distinct.map((d) => d.chart),
      ]),
    );
    const newest = [...new Map([...distinct].sort((a, b) => a.version - b.version).map((d) => [d.name, d])).values()];
    await this.#db.repeated(() =>
      this.#db.query(SET_LIMITS, [
        this.#db.namespace,
        newest.map((d) => d.name),
        newest.map((d) => d.limits?.concurrency ?? null),
        newest.map((d) => d.limits?.rate?.limit ?? null),
        newest.map((d) => d.limits?.rate?.perMs ?? null),
      ]),
    );
    await this.#read();
    const ids = new Map([...this.#definitions].map(([id, d]) => [nameOf(d), id]));
    return definitions.map((d) => known(ids.get(nameOf(d)), nameOf(d)));
  }

  async registerQueues(names: readonly string[]): Promise<readonly number[]> {
    await this.#db.repeated(() => this.#db.query(ADD_QUEUES, [this.#db.namespace, [...new Set(names)]]));
    const rows = await this.#db.query<{ id: number; name: string }>(READ_QUEUES, [this.#db.namespace]);
    const ids = new Map(rows.map(({ id, name }) => [name, id]));
    return names.map((name) => known(ids.get(name), name));
  }

  /** Names travel in the registry only, not in every actor's row. */
  async definition(id: number): Promise<DefinitionName> {
    if (!this.#definitions.has(id)) await this.#read();
    return known(this.#definitions.get(id), `definition ${id}`);
  }

  /** The same where it was read before. */
  known(id: number): DefinitionName | undefined {
    return this.#definitions.get(id);
  }

  async versions(name: string): Promise<readonly DefinitionVersion[]> {
    return this.#db.query<DefinitionVersion>(READ_VERSIONS, [this.#db.namespace, name]);
  }

  async setPaused(queue: string, paused: boolean, by: Operator | undefined): Promise<void> {
    await this.registerQueues([queue]);
    const noted = [by ? this.#db.env.uuid() : null, by?.who ?? null, by?.reason ?? null];
    await this.#db.repeated(() => this.#db.query(SET_PAUSED, [this.#db.namespace, queue, paused, ...noted]));
  }

  async #read(): Promise<void> {
    const rows = await this.#db.query<DefinitionName & { id: number }>(READ_DEFINITIONS, [this.#db.namespace]);
    for (const { id, name, version } of rows) this.#definitions.set(id, { name, version });
  }
}

function nameOf({ name, version }: DefinitionName): string {
  return `${name}@${version}`;
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`The registry does not know ${what}.`);
  return value;
}
