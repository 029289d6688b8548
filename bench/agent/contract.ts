/**
 * What every system has to do to be measured, Carillon like its peers: an adapter is a module whose default export is a
 * `System`. Its database is in DATABASE_URL or REDIS_URL, and it is alone in it.
 */

/** The payload of every job. `i` numbers the jobs of one repetition from 0; below 0 it is a warm-up that nobody counts. */
export interface Job {
  readonly i: number;
  /** On the clock that all processes of a machine share, just before it was added. */
  readonly sentMs?: number;
  /** The instant it is due, on the wall clock. */
  readonly dueMs?: number;
  /** Its handler does not end before its process does. */
  readonly held?: boolean;
}

export interface TimedJob extends Job {
  readonly dueMs: number;
}

/** Some systems have one best setting for many jobs and another for timers. */
export type Purpose = 'throughput' | 'latency' | 'timers';

/** Pending for a job that is held. */
export type Started = (job: Job) => Promise<void> | undefined;

export interface System {
  /** What it is set to, in a line each, for the results. */
  readonly settings: { readonly worker: string; readonly producer: string };
  /** Makes its tables in an empty database. */
  prepare(): Promise<void>;
  connect(): Promise<Producer>;
  /** Runs what is due and tells of every job that starts: its handler ends when that does. Resolves with how to stop. */
  work(purpose: Purpose, started: Started): Promise<() => Promise<unknown>>;
}

export interface Producer {
  /** Resolves when the job is stored. */
  add(job: Job): Promise<unknown>;
  /** The system's own way for many at once; at most 1,000. */
  addMany(jobs: readonly Job[]): Promise<unknown>;
  addManyAt(jobs: readonly TimedJob[]): Promise<unknown>;
  /** Jobs that wait or run, but for those due in more than a day. */
  remaining(): Promise<number>;
  /** Jobs that ended as failures, or that have failed and wait for another attempt: there should be none. */
  failed(): Promise<number>;
  close(): Promise<unknown>;
}
