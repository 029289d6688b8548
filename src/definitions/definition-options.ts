/**
 * The options of a definition: each with its default, its unit and its check. Inside, durations are milliseconds and
 * nothing is optional any more.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnyStateMachine, InputFrom } from 'xstate';
import { defaultJobPolicy, type JobPolicy } from '../../machines/job-policy.ts';
import type { Duration } from '../duration.ts';
import {
  type Check,
  duration,
  integer,
  isFunction,
  kind,
  name,
  object,
  oneOf,
  optional,
  refuse,
} from '../option-checks.ts';
import { isSchema } from './input-schema.ts';
import { type Concurrency, concurrencyCheck, type Limits, type RateLimit, rateLimitCheck } from './limits.ts';
import type { Migrate } from './migration.ts';
import { type Recovery, type RetryRule, recoveryPolicy, retryRules } from './retry-options.ts';

const HOUR_MS = 3_600_000;

/** How long settled runs stay readable and retryable. 0 turns the floor off. */
export interface Retention {
  /** @defaultValue '24h' */
  readonly done?: Duration;
  /** @defaultValue '72h' */
  readonly dropped?: Duration;
}

/** What `defineJob` takes besides `input` and `run`. */
export interface JobOptions {
  /** Letter first, then letters, digits, '.', '_' and '-'; at most 128. */
  readonly name: string;
  /** Raise it when runs in flight must keep the old behaviour. @defaultValue 1 */
  readonly version?: number;
  /** @defaultValue 'default' */
  readonly queue?: string;
  /** 0 (first) to 9. @defaultValue 5 */
  readonly priority?: number;
  /** `byCode` gives errors with that code a budget and a curve of their own; what it leaves out comes from the general rule. */
  readonly retry?: RetryRule & { readonly byCode?: Readonly<Record<string, RetryRule>> };
  /** Off unless asked for. */
  readonly recovery?: boolean | Recovery;
  /** 0: none. @defaultValue '15m' */
  readonly attemptTimeout?: Duration;
  /** From the first due time to settling. None unless given. */
  readonly deadline?: Duration;
  /** Whether a dropped run frees its idempotency key at once (`success`) or keeps it. @defaultValue 'success' */
  readonly dedupOn?: 'success' | 'any';
  /** What happens to an attempt whose effect may have happened before its worker died. @defaultValue 'retry' */
  readonly onAmbiguous?: 'retry' | 'drop';
  /** How many runs go on at once; more of them wait, in the order of priority and due time. None unless given. */
  readonly concurrency?: Concurrency;
  /** How many attempts start in a stretch of time; more of them wait. None unless given. */
  readonly rateLimit?: RateLimit;
  readonly retention?: Retention;
}

/** What `defineActor` takes. */
export interface ActorOptions<M extends AnyStateMachine> {
  readonly name: string;
  readonly version?: number;
  readonly machine: M;
  readonly input?: StandardSchemaV1<InputFrom<M>, InputFrom<M>>;
  readonly queue?: string;
  readonly priority?: number;
  readonly retention?: Retention;
  readonly migrate?: Migrate;
}

/** Names of Carillon's own definitions begin so. */
const OWN_PREFIX = 'carillon.';

const definitionName: Check<string> = (value, option) => {
  const checked = name(value, option);
  if (checked.startsWith(OWN_PREFIX))
    refuse(option, `must not begin with '${OWN_PREFIX}', which is Carillon's own`, value);
  return checked;
};

const definitionChecks = {
  name: definitionName,
  version: optional(integer(1, 2_147_483_647), 1),
  queue: optional(name, 'default'),
  priority: optional(integer(0, 9), 5),
  input: optional(kind<StandardSchemaV1>('a schema with a Standard Schema interface', isSchema), undefined),
  retention: object({
    done: optional(duration(0), 24 * HOUR_MS),
    dropped: optional(duration(0), 72 * HOUR_MS),
  }),
};

const jobChecks = object({
  ...definitionChecks,
  run: kind<(context: never) => unknown>('a function', isFunction),
  retry: retryRules,
  recovery: recoveryPolicy,
  attemptTimeout: optional(duration(0), defaultJobPolicy.attemptTimeoutMs),
  deadline: optional(duration(1), 0),
  dedupOn: optional(oneOf('success', 'any'), 'success' as const),
  onAmbiguous: optional(oneOf('retry', 'drop'), defaultJobPolicy.onAmbiguous),
  concurrency: concurrencyCheck,
  rateLimit: rateLimitCheck,
});

const actorChecks = object({
  ...definitionChecks,
  machine: kind<AnyStateMachine>('a machine made with createMachine()', isMachine),
  migrate: optional(kind<(old: never) => unknown>('a function', isFunction), undefined),
});

/** What every definition has, in its inner form. */
export interface ResolvedDefinition {
  readonly name: string;
  readonly version: number;
  readonly queue: string;
  readonly priority: number;
  readonly input: StandardSchemaV1 | undefined;
  readonly retention: { readonly doneMs: number; readonly droppedMs: number };
}

export interface ResolvedJob extends ResolvedDefinition {
  readonly run: (context: never) => unknown;
  readonly policy: JobPolicy;
  readonly dedupOn: 'success' | 'any';
  readonly limits: Limits;
}

export interface ResolvedActor extends ResolvedDefinition {
  readonly machine: AnyStateMachine;
  readonly migrate: ((old: never) => unknown) | undefined;
}

export function resolveJobOptions(options: unknown): ResolvedJob {
  const { retry, recovery, attemptTimeout, deadline, onAmbiguous, run, dedupOn, concurrency, rateLimit, ...rest } =
    jobChecks(options, '');
  return {
    ...definitionOf(rest),
    run,
    dedupOn,
    limits: {
      concurrency,
      rate: rateLimit && { key: rateLimit.key, limit: rateLimit.limit, perMs: rateLimit.per },
    },
    policy: {
      ...retry,
      recovery,
      attemptTimeoutMs: attemptTimeout,
      deadlineMs: deadline,
      onAmbiguous,
    },
  };
}

export function resolveActorOptions(options: unknown): ResolvedActor {
  const { machine, migrate, ...rest } = actorChecks(options, '');
  return { ...definitionOf(rest), machine, migrate };
}

function definitionOf({
  retention,
  ...rest
}: Pick<ReturnType<typeof jobChecks>, keyof typeof definitionChecks>): ResolvedDefinition {
  return { ...rest, retention: { doneMs: retention.done, droppedMs: retention.dropped } };
}

function isMachine(value: unknown): boolean {
  const machine = value as Partial<AnyStateMachine> | null | undefined;
  return typeof machine?.root === 'object' && isFunction(machine.getInitialSnapshot);
}
