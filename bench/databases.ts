/** Where a system keeps its jobs: an empty database of its own for every repetition, copied from one that it has prepared. */
import { startBenchProcess } from './bench-process.ts';
import type { PostgresServer } from './servers/postgres.ts';
import type { RedisServer } from './servers/redis.ts';
import { type BenchedSystem, systems } from './systems.ts';

export interface Databases {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | null;
  /** Empty, and ready to take jobs. Returns what tells a process of the system where it is. */
  create(system: BenchedSystem, name: string): Promise<Readonly<Record<string, string>>>;
  drop(system: BenchedSystem, name: string): Promise<void>;
  close(): Promise<void>;
}

export function openDatabases(postgres: PostgresServer, redis: RedisServer | null): Databases {
  const templates = new Map<string, Promise<string>>();
  const dropped = (name: string): Promise<object[]> => postgres.query(`drop database if exists ${name} with (force)`);

  const surroundings = (system: BenchedSystem, name: string): Record<string, string> => {
    if (system.store !== 'postgres' && redis === null) throw new Error('there is no redis-server on this machine');
    return {
      ...(system.store !== 'redis' && { DATABASE_URL: postgres.urlOf(name) }),
      ...(system.store !== 'postgres' && redis && { REDIS_URL: redis.urlOf(systems.indexOf(system)) }),
    };
  };
  const prepare = async (system: BenchedSystem): Promise<string> => {
    const name = `${databaseName(system)}_template`;
    await dropped(name);
    await postgres.query(`create database ${name}`);
    const process = startBenchProcess(system, surroundings(system, name));
    try {
      await process.ask('prepare');
    } finally {
      await process.stop();
    }
    return name;
  };
  return {
    postgres,
    redis,
    async create(system, name) {
      const env = surroundings(system, name);
      if (system.store !== 'postgres') await redis?.empty(systems.indexOf(system));
      if (system.store === 'redis') return env;
      const template = templates.get(system.name) ?? prepare(system);
      templates.set(system.name, template);
      template.catch(() => templates.delete(system.name));
      await dropped(name);
      await postgres.query(`create database ${name} template ${await template}`);
      return env;
    },
    async drop(system, name) {
      if (system.store !== 'postgres') await redis?.empty(systems.indexOf(system));
      if (system.store !== 'redis') await dropped(name);
    },
    async close() {
      for (const template of templates.values()) await dropped(await template).catch(() => undefined);
    },
  };
}

export function databaseName({ name }: BenchedSystem): string {
  return `bench_${name.replaceAll('-', '_')}`;
}
