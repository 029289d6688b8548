/** What one repetition of one row has to itself: a system on its database, a producer, and as many workers as it starts. */
import { Client } from 'pg';
import type { Purpose } from './agent/contract.ts';
import { type BenchProcess, startBenchProcess } from './bench-process.ts';
import { type Databases, databaseName } from './databases.ts';
import type { Sizes } from './sizes.ts';
import type { BenchedSystem } from './systems.ts';

export interface Arena {
  readonly system: BenchedSystem;
  readonly sizes: Sizes;
  /** Connected. */
  readonly producer: BenchProcess;
  readonly env: Readonly<Record<string, string>>;
  /** Begins to work as soon as it can. Ends with the arena. */
  startWorker(purpose: Purpose, count: number): BenchProcess;
  /** So that no repetition pays for what the one before left unwritten. */
  checkpoint(): Promise<void>;
  /** Written to the log of changes so far, by everyone on this Postgres. */
  walBytes(): Promise<number>;
  storedBytes(): Promise<number>;
  /** Takes a snapshot of the database and keeps it, as a long report or a backup would, until the returned function is called. */
  holdSnapshot(): Promise<() => Promise<void>>;
  /** Something the results have to say about this figure. */
  note(text: string): void;
}

export interface OpenArena extends Arena {
  readonly notes: readonly string[];
  /** Ends its processes. The database stays when it is `kept`. */
  close(): Promise<void>;
}

interface Place {
  readonly databases: Databases;
  readonly system: BenchedSystem;
  readonly sizes: Sizes;
  /** A database that already holds what this arena is to find; a new one unless given. */
  readonly kept?: { readonly name: string; readonly env: Readonly<Record<string, string>> };
}

export async function openArena({ databases, system, sizes, kept }: Place): Promise<OpenArena> {
  const { postgres, redis } = databases;
  const name = kept?.name ?? databaseName(system);
  const env = kept?.env ?? (await databases.create(system, name));
  const processes: BenchProcess[] = [];
  const notes: string[] = [];
  const producer = startBenchProcess(system, env);
  processes.push(producer);
  const arena: OpenArena = {
    system,
    sizes,
    producer,
    env,
    notes,
    startWorker(purpose, count) {
      const worker = startBenchProcess(system, env, { purpose, count });
      processes.push(worker);
      return worker;
    },
    async checkpoint() {
      await postgres.query('checkpoint');
    },
    async walBytes() {
      const [row] = await postgres.query<{ bytes: number }>(
        `select (pg_current_wal_insert_lsn() - '0/0')::float8 as bytes`,
      );
      return row?.bytes ?? 0;
    },
    async storedBytes() {
      if (system.store === 'redis') return (await redis?.usedBytes()) ?? 0;
      const [row] = await postgres.query<{ bytes: number }>(`select pg_database_size('${name}')::float8 as bytes`);
      return row?.bytes ?? 0;
    },
    async holdSnapshot() {
      const client = new Client({ connectionString: postgres.urlOf(name) });
      client.on('error', () => undefined);
      await client.connect();
      await client.query('begin isolation level repeatable read');
      await client.query('select count(*) from pg_class');
      return () => client.end();
    },
    note: (text) => void notes.push(text),
    async close() {
      await Promise.all(processes.map((process) => process.stop()));
      if (!kept) await databases.drop(system, name);
    },
  };
  try {
    await producer.ask('connect');
    await arena.checkpoint();
    return arena;
  } catch (error) {
    await arena.close();
    throw error;
  }
}
