/** A whole scheduler for tests: the real one, over the store in memory, with time in the test's hand. */

import type { Handle } from '../definitions/handle.ts';
import { prepareDefinitions } from '../definitions/loaded-definition.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { internalsOf } from '../definitions.ts';
import type { Duration } from '../duration.ts';
import { date, duration, integer, object, oneOf, optional } from '../option-checks.ts';
import type { SchedulerOptions } from '../options.ts';
import { openScheduler, type Scheduler } from '../scheduler.ts';
import { createMemoryDatabase } from '../store/memory.ts';
import { NO_ALARMS } from './no-alarms.ts';
import { RecordedThreads } from './recorded-threads.ts';
import { SimulatedEnv } from './simulated-env.ts';
import { SnapshotCheck } from './snapshot-check.ts';
import { VirtualTime } from './virtual-time.ts';

/** What `createTestScheduler` takes besides the options of a scheduler. */
export interface TestSchedulerOptions
  extends Omit<SchedulerOptions, 'postgres' | 'redis' | 'schema' | 'sweepInterval'> {
  /** What the clock shows at first. @defaultValue 1 January 2030, midnight UTC */
  readonly startAt?: Date;
  /**
   * `true`: `schedule()` runs a job to its end, through its waits and retries, before it returns, and any other actor as far as
   * it gets without time passing. @defaultValue false
   */
  readonly inline?: boolean;
  /**
   * How long of real time the clock waits for a handler before time goes on without it. Raise it where handlers talk to slow
   * things; lower it where they hang on purpose. 0 to 1 h. @defaultValue '1s'
   */
  readonly patience?: Duration;
  /** Randomness (jitter of sweeps, ids) follows from it. @defaultValue 1 */
  readonly seed?: number;
  /**
   * `keep`: an actor that is set aside (its machine threw, or its state could not be stored) is left to the test to look at.
   * @defaultValue 'throw': the next call on the scheduler fails with the reason
   */
  readonly quarantine?: 'throw' | 'keep';
}

/** A scheduler on a virtual clock. Its own calls need no time; `result()`, `waitFor()` and `stop()` move the clock on until there is an answer. */
export interface TestScheduler extends Scheduler {
  /** What time it is there. Handlers and machines that read the machine's clock do not see it. */
  now(): Date;
  /**
   * Moves the clock on: `'3 days'`, `'90s'`, or milliseconds. Every timer on the way fires at its instant and in order, every handler
   * it starts is waited for, and when it resolves all is quiet. At most 400 days at once.
   */
  advance(duration: number | string): Promise<void>;
  /** As `advance`, to an instant; one that has passed moves nothing. */
  advanceTo(at: Date): Promise<void>;
  /** What reached threads, unless `threads` was given. */
  readonly threads: RecordedThreads;
  /** States that went into the store so far, each of which was read back and found to be the same. */
  readonly checkedSnapshots: number;
}

const DAY_ONE = new Date('2030-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;

const testChecks = object({
  startAt: optional(date, DAY_ONE),
  inline: optional(oneOf(true, false), false),
  patience: optional(duration(0, HOUR_MS), 1000),
  seed: optional(integer(1, 2 ** 32 - 1), 1),
  quarantine: optional(oneOf('throw', 'keep'), 'throw'),
});

/**
 * Opens a scheduler on a store of its own in memory, and starts it. Nothing leaves the process, nothing waits in real time.
 *
 * @throws InvalidOptionError @throws DefinitionVersionError
 */
export async function createTestScheduler(options: TestSchedulerOptions): Promise<TestScheduler> {
  const { startAt, inline, patience, seed, quarantine, ...given } = options;
  const settings = testChecks({ startAt, inline, patience, seed, quarantine }, '');
  const env = new SimulatedEnv(settings.seed, settings.startAt.getTime());
  const time = new VirtualTime(env, settings.patience);
  const threads = new RecordedThreads(() => time.now());
  const check = new SnapshotCheck();
  const store = createMemoryDatabase({ now: () => env.wallMs() }).open({
    env,
    ...(given.namespace !== undefined && { namespace: given.namespace }),
  });
  const door = await openScheduler(
    { logger: false, threads, ...given, sweepInterval: '1h', worker: workerOf(given) },
    {
      env,
      connect: async () => ({
        store: check.watch(store, preparedIn(given.definitions)),
        alarms: NO_ALARMS,
        pool: () => null,
        close: () => store.close(),
      }),
      // Whoever waits is told by the worker; asking every so often would only make time slow.
      askEveryMs: HOUR_MS,
      effects: time,
    },
  );
  if (given.worker !== false) await time.soon(door.start());
  const judged = async <T>(outcome: Promise<T>): Promise<T> => {
    const value = await outcome;
    const problems = check.takeProblems();
    if (problems.length > 0 && settings.quarantine === 'throw') throw new Error(problems.join('\n'));
    return value;
  };
  const kit: Kit = { door, time, inline: settings.inline, judged, isJob: jobIn(given.definitions) };
  const extras: Omit<TestScheduler, keyof Scheduler> = {
    now: () => time.now(),
    advance: (span) => judged(time.advance(span)),
    advanceTo: (at) => judged(time.advance(Math.max(0, at.getTime() - time.now().getTime()))),
    threads,
    get checkedSnapshots() {
      return check.count;
    },
  };
  return driven(kit, extras);
}

interface Kit {
  readonly door: Scheduler;
  readonly time: VirtualTime;
  readonly inline: boolean;
  readonly judged: <T>(outcome: Promise<T>) => Promise<T>;
  readonly isJob: (definition: unknown) => boolean;
}

/** Calls that wait for something to happen: time has to pass for it. */
const WAITING: ReadonlySet<PropertyKey> = new Set(['waitFor', 'stop']);

function driven(kit: Kit, extras: object): TestScheduler {
  const { door, time, judged } = kit;
  const proxy = new Proxy(door, {
    get(target, key) {
      if (Object.hasOwn(extras, key)) return Reflect.get(extras, key) as unknown;
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]): unknown => {
        const outcome: unknown = Reflect.apply(member, target, args);
        if (!(outcome instanceof Promise)) return isHandle(outcome) ? patient(kit, outcome) : outcome;
        if (WAITING.has(key)) return judged(time.until(outcome));
        return judged(scheduled(kit, key, args, time.soon(outcome)));
      };
    },
  });
  return proxy as TestScheduler;
}

async function scheduled(
  kit: Kit,
  key: PropertyKey,
  [definition]: readonly unknown[],
  outcome: Promise<unknown>,
): Promise<unknown> {
  const given = await outcome;
  const handles = Array.isArray(given) ? given.filter(isHandle) : isHandle(given) ? [given] : [];
  if (handles.length === 0) return given;
  if (kit.inline && (key === 'schedule' || key === 'scheduleMany')) {
    if (!kit.isJob(definition)) await kit.time.advance(0);
    else for (const { id } of handles) await kit.time.until(kit.door.waitFor(id));
  }
  return Array.isArray(given) ? handles.map((handle) => patient(kit, handle)) : patient(kit, handles[0] as Handle);
}

function isHandle(value: unknown): value is Handle {
  return typeof value === 'object' && value !== null && 'result' in value && 'outcome' in value;
}

/** The same handle, whose waiting moves the clock. */
function patient({ time, judged }: Kit, handle: Handle): Handle {
  return {
    ...handle,
    result: (options) => judged(time.until(handle.result(options))),
    send: (event) => judged(time.soon(handle.send(event as never))),
    cancel: (reason) => judged(time.soon(handle.cancel(reason))),
  };
}

/** Long leases and rare sweeps: in memory nobody dies unseen, and three days are to take no three days. */
function workerOf({ worker }: Pick<SchedulerOptions, 'worker'>): SchedulerOptions['worker'] {
  return worker === false ? false : { lease: '1h', ...worker };
}

function preparedIn(definitions: readonly AnyDefinition[]): Parameters<SnapshotCheck['watch']>[1] {
  const all = prepareDefinitions(definitions.map(internalsOf)).map(({ internals, prepared }) => ({
    ...internals,
    prepared,
  }));
  return (name, version) => all.find((each) => each.name === name && each.version === version)?.prepared;
}

function jobIn(definitions: readonly AnyDefinition[]): Kit['isJob'] {
  return (given) => {
    const name = typeof given === 'string' ? given : (given as AnyDefinition).name;
    return definitions.some((definition) => definition.name === name && definition.kind === 'job');
  };
}
