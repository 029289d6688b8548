/** Schedulers on a test file's own database; one that a test forgets to stop is a failure of that test. */
import { type Logger, pino } from 'pino';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createScheduler, type Scheduler, type SchedulerOptions } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { expectNothingLeftBehind } from './left-behind.ts';

// Tests choose their backends themselves.
delete process.env['REDIS_URL'];
delete process.env['DATABASE_URL'];

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface OpenOptions extends Omit<SchedulerOptions, 'postgres'> {
  /** Started unless false. */
  readonly start?: boolean;
}

/** What `useSchedulers` gives a test file. */
export interface Schedulers {
  readonly database: TestDatabase;
  /** Opens one in a namespace of the running test, and starts it; stopped after the test at the latest. */
  open(options: OpenOptions): Promise<Scheduler>;
  /** What the schedulers of the running test have logged. */
  readonly log: readonly LogLine[];
}

/** Call once at the top of a test file. */
export function useSchedulers(): Schedulers {
  expectNothingLeftBehind();
  let database: TestDatabase;
  let namespace = 0;
  const log: LogLine[] = [];
  const opened = new Set<Scheduler>();
  const logger: Logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(JSON.parse(line)) });

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.close());
  afterEach(async () => {
    namespace += 1;
    log.length = 0;
    const left = [...opened];
    opened.clear();
    await Promise.all(left.map((scheduler) => scheduler.stop({ timeout: 0 })));
  });

  return {
    get database() {
      return database;
    },
    log,
    async open({ start = true, ...options }) {
      const scheduler = await createScheduler({
        logger,
        namespace: `test${namespace}`,
        ...options,
        postgres: database.connectionString,
      });
      opened.add(scheduler);
      if (start) await scheduler.start();
      return scheduler;
    },
  };
}
