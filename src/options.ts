/**
 * The options of a scheduler and of one scheduling: each with its default, its unit and its check. Inside, durations are
 * milliseconds and nothing is optional any more.
 */

import type { Redis, RedisOptions } from 'ioredis';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { ThreadGateway } from '../actors/thread-gateway.ts';
import type { AnyDefinition } from './definitions/typed-name.ts';
import type { Duration } from './duration.ts';
import { InvalidOptionError } from './errors.ts';
import type { StatelyInspectionEvent } from './inspect/stately-events.ts';
import { operatorName } from './operations/operator-name.ts';
import {
  client,
  date,
  duration,
  integer,
  isFunction,
  kind,
  list,
  name,
  object,
  optional,
  refuse,
  text,
} from './option-checks.ts';
import { readRedactPath } from './telemetry/redact.ts';

const HOUR_MS = 3_600_000;

/** When a run is due. Neither: now. An `at` in the past runs now. */
export type When = { readonly delay?: Duration; readonly at?: never } | { readonly at?: Date; readonly delay?: never };

/** What one `schedule` call may ask for. */
export type ScheduleOptions = When & {
  /** At most 512 bytes: as long as its record is kept, the same key schedules nothing a second time. */
  readonly idempotencyKey?: string;
  /** 0 (first) to 9. The definition's own unless given. */
  readonly priority?: number;
  /** The definition's own unless given. */
  readonly queue?: string;
  /** At most 20 of at most 64 bytes, to find runs by. */
  readonly labels?: readonly string[];
  /** Schedule inside the transaction that is open on this client: gone with its rollback. */
  readonly client?: pg.ClientBase;
};

export const scheduleOptionChecks = {
  delay: optional(duration(0), undefined),
  at: optional(date, undefined),
  idempotencyKey: optional(text(512), null),
  priority: optional(integer(0, 9), undefined),
  queue: optional(name, undefined),
  labels: optional(list(20, text(64)), []),
  client: optional(client, null),
};

const scheduleChecks = object(scheduleOptionChecks);

export interface ResolvedSchedule {
  readonly when: { readonly afterMs: number } | { readonly at: number };
  readonly idempotencyKey: string | null;
  readonly priority: number;
  readonly queue: string;
  readonly labels: readonly string[];
  readonly client: pg.ClientBase | null;
}

/** `defaults` are those of the definition that is scheduled. */
export function resolveScheduleOptions(
  options: unknown,
  defaults: { readonly queue: string; readonly priority: number },
): ResolvedSchedule {
  const { delay, at, idempotencyKey, priority, queue, labels, client: within } = scheduleChecks(options, '');
  if (at && delay !== undefined) throw new InvalidOptionError('at', "excludes 'delay': give one of the two.");
  return {
    when: at ? { at: at.getTime() } : { afterMs: delay ?? 0 },
    idempotencyKey,
    priority: priority ?? defaults.priority,
    queue: queue ?? defaults.queue,
    labels,
    client: within,
  };
}

/** What this process works on. */
export interface WorkerOptions {
  /** The queues it serves. All queues of its definitions unless given. */
  readonly queues?: readonly string[];
  /**
   * Runs at the same time; 1 to 10,000. What is taken together shares a claim, and what ends together a commit: raise it to 1,000 for
   * many short runs. Lower it where each run needs much memory, or a connection of its own. @defaultValue 100
   */
  readonly concurrency?: number;
  /**
   * How long a worker that went silent keeps what it holds. Lower it to recover sooner from a crash; a value near the
   * longest pause of the event loop makes a living worker lose its runs. 100 ms to 1 h. @defaultValue '10s'
   */
  readonly lease?: Duration;
}

/** What `createScheduler` takes. */
export interface SchedulerOptions {
  readonly definitions: readonly AnyDefinition[];
  /** DATABASE_URL unless given, else the embedded Postgres. A pool passed in is never closed. */
  readonly postgres?: string | pg.PoolConfig | pg.Pool;
  /** REDIS_URL unless given, else BullMQ runs on Postgres. A client passed in is never closed. */
  readonly redis?: string | RedisOptions | Redis;
  /** Separates the queues of two applications in one database. @defaultValue 'default' */
  readonly namespace?: string;
  /** Lower case letters, digits and '_', at most 63, not starting with a digit or 'pg_'. @defaultValue 'carillon' */
  readonly schema?: string;
  /** `false`: this process schedules, sends and reads, and runs nothing. */
  readonly worker?: false | WorkerOptions;
  /** How often what alarms missed is looked for. 10 ms to 1 h. @defaultValue '1s' */
  readonly sweepInterval?: Duration;
  /** Bytes of an input, event, output or context, each; 1 KiB to 64 MiB. @defaultValue 1 MiB */
  readonly maxPayload?: number;
  /** How follow-ups reach their threads. Without it this process can schedule them, and others have to deliver them. */
  readonly threads?: ThreadGateway;
  /** `false`: no logs. A pino logger of its own unless given. */
  readonly logger?: Logger | false;
  /**
   * Paths hidden in logs, inspection and dashboard, wherever they begin: `'card.number'` hides it in an input, a context and an event
   * alike. `'*'` is any one key. Programs and the command line that read actors see everything. At most 1,000. @defaultValue none
   */
  readonly redact?: readonly string[];
  /**
   * Told of every turn this process commits, as an inspector of Stately's wants to hear it: `@xstate.actor`, `@xstate.event` and
   * `@xstate.snapshot` of `@statelyai/inspect` 0.7. Called in the worker's own loop, so it should only pass events on; what it throws is
   * logged and costs no run anything. Not telling costs nothing. @defaultValue none
   */
  readonly inspect?: (event: StatelyInspectionEvent) => void;
  /** Who is named in the audit for what this scheduler is asked to do. @defaultValue the system's user and host, 'ada@build-7' */
  readonly operator?: string;
}

const workerChecks = object({
  queues: optional(list(1000, name), null),
  concurrency: optional(integer(1, 10_000), 100),
  lease: optional(duration(100, HOUR_MS), 10_000),
});

function workerSettings(value: unknown, option: string): ResolvedScheduler['worker'] {
  if (value === false) return null;
  const { lease, ...rest } = workerChecks(value, option);
  return { ...rest, leaseMs: lease };
}

function redactPath(value: unknown, option: string): string {
  const path = text(256)(value, option);
  if (!readRedactPath(path))
    refuse(option, "must be a path such as 'card.number', 'cards[*].number' or '*.token'", value);
  return path;
}

/** It becomes part of SQL text, so it is checked against a strict pattern. */
function schemaName(value: unknown, option: string): string {
  if (typeof value !== 'string' || !/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(value)) {
    refuse(option, "must be lower case letters, digits and '_', at most 63, not starting with a digit or 'pg_'", value);
  }
  return value;
}

const schedulerChecks = object({
  definitions: list(
    10_000,
    kind<AnyDefinition>('a definition', (value) => typeof value === 'object' && value !== null),
  ),
  postgres: optional(kind<string | pg.PoolConfig | pg.Pool>('a URL, a pg pool or its configuration', isAddress), null),
  redis: optional(kind<string | RedisOptions | Redis>('a URL, an ioredis client or its options', isAddress), null),
  namespace: optional(name, 'default'),
  schema: optional(schemaName, 'carillon'),
  worker: workerSettings,
  sweepInterval: optional(duration(10, HOUR_MS), 1000),
  maxPayload: optional(integer(1024, 67_108_864), 1_048_576),
  threads: optional(
    kind<ThreadGateway>('an object with the method deliver()', (value) =>
      isFunction((value as Partial<ThreadGateway> | null)?.deliver),
    ),
    null,
  ),
  logger: optional(kind<Logger | false>('a pino logger or false', isLogger), null),
  redact: optional(list(1000, redactPath), []),
  inspect: optional(
    kind<NonNullable<SchedulerOptions['inspect']>>('a function of one inspection event', isFunction),
    null,
  ),
  operator: optional(text(256), null),
});

export interface ResolvedScheduler {
  readonly definitions: readonly AnyDefinition[];
  /** Null: not given. */
  readonly postgres: string | pg.PoolConfig | pg.Pool | null;
  readonly redis: string | RedisOptions | Redis | null;
  readonly namespace: string;
  readonly schema: string;
  /** Null: this process runs nothing. `queues` null: all queues of its definitions. */
  readonly worker: {
    readonly queues: readonly string[] | null;
    readonly concurrency: number;
    readonly leaseMs: number;
  } | null;
  readonly sweepIntervalMs: number;
  readonly maxPayloadBytes: number;
  readonly threads: ThreadGateway | null;
  readonly logger: Logger | false | null;
  readonly redact: readonly string[];
  /** Null: nobody is told. */
  readonly inspect: ((event: StatelyInspectionEvent) => void) | null;
  readonly operator: string;
}

export function resolveSchedulerOptions(options: unknown): ResolvedScheduler {
  const { sweepInterval, maxPayload, operator, ...rest } = schedulerChecks(options, '');
  return {
    ...rest,
    sweepIntervalMs: sweepInterval,
    maxPayloadBytes: maxPayload,
    operator: operator ?? operatorName(),
  };
}

export function isDate(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

function isAddress(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null);
}

function isLogger(value: unknown): boolean {
  return value === false || isFunction((value as Partial<Logger> | null)?.child);
}
