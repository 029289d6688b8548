/** The scheduler: what applications call. */
import type { AnyEventObject } from 'xstate';
import type { CronCalls } from './crons/calls.ts';
import type { CompatibilityReport } from './definitions/compatibility.ts';
import type { Handle, Schedule } from './definitions/handle.ts';
import type { AnyDefinition, InputOf } from './definitions/typed-name.ts';
import type { Duration } from './duration.ts';
import type { FlowOptions } from './flows/flow-options.ts';
import type { FollowupCalls } from './followups/calls.ts';
import type { StatelyInspectionEvent } from './inspect/stately-events.ts';
import type { JournalEntry } from './journal.ts';
import type { Operations } from './operations/operations.ts';
import type { ScheduleOptions, SchedulerOptions } from './options.ts';
import type { Explanation } from './reading/explain.ts';
import type { Stats } from './reading/stats.ts';
import type { ActorView } from './reading/views.ts';
import type { ReplayReport } from './replay.ts';
import type {
  CheckOptions,
  ForkOptions,
  ListOptions,
  ReplayOptions,
  SendOptions,
  WaitOptions,
} from './scheduler/call-options.ts';
import { Door } from './scheduler/door.ts';
import type { SchedulerEvents } from './scheduler/events.ts';
import { openRuntime } from './scheduler/open-runtime.ts';
import { realWorld, type World } from './scheduler/world.ts';

export interface Scheduler extends FollowupCalls, CronCalls, Operations {
  /**
   * Begins to work: claims what is due in this process's queues. Safe to call twice. Not needed to schedule, send or read.
   * @throws SchedulerStoppedError after `stop()`.
   */
  start(): Promise<void>;
  /**
   * Stops claiming, lets what runs finish for `timeout`, then hands it back to be started again elsewhere without spending a
   * retry, and closes what this scheduler opened. @defaultValue timeout '30s'
   */
  stop(options?: { timeout?: Duration }): Promise<void>;

  /**
   * Schedules one run. When the promise resolves, it is durable. The input is validated, and what the schema gave is stored.
   * @throws InvalidInputError @throws InvalidOptionError @throws IdempotencyConflictError @throws UnknownDefinitionError
   */
  readonly schedule: Schedule;
  /** Schedules many runs in one transaction: all or none. An error names the index that is wrong. */
  scheduleMany<D extends AnyDefinition>(
    definition: D,
    items: readonly { readonly input: InputOf<D>; readonly options?: ScheduleOptions }[],
  ): Promise<Handle<D>[]>;
  /**
   * Schedules a flow: children that start when those they come after are done, each with the outputs of those at hand. The flow is
   * one run, whose output names its children: `{ children: { [key]: { id, status } } }`. A dropped child drops it.
   * @throws InvalidOptionError, also for a cycle @throws InvalidInputError @throws UnknownDefinitionError
   * @throws IdempotencyConflictError
   */
  scheduleFlow(options: FlowOptions): Promise<Handle>;
  /** A grip on an actor that exists already; the definition only gives it its types. Nothing is looked up. */
  getHandle<D extends AnyDefinition>(id: string, definition?: D): Handle<D>;

  /**
   * Puts an event into the actor's mailbox; once resolved, it is delivered unless the run settles first. Events of the engine
   * (`xstate.*`, `attempt.*`), `''` and `'*'` are refused. `dedupId`: a second event with it is dropped.
   * @throws ActorNotFoundError @throws ActorSettledError @throws InvalidInputError
   */
  send(id: string, event: AnyEventObject, options?: SendOptions): Promise<void>;
  /** Ends the run as `cancelled`; a custom machine that handles `job.cancel` in its state decides for itself. */
  cancel(id: string, reason?: string): Promise<void>;
  /** Runs what waits for its time now: the first start, a retry, a recovery. @throws InvalidStateError where nothing waits. */
  runNow(id: string): Promise<void>;
  /** Moves the first start. @throws InvalidStateError once it has begun. */
  reschedule(id: string, at: Date): Promise<void>;
  /** Takes an actor out of quarantine, due now. @throws InvalidStateError when it is not in it. */
  release(id: string): Promise<void>;
  /** Nothing of this queue is claimed until it is resumed; durable, for all processes. */
  pauseQueue(queue: string): Promise<void>;
  resumeQueue(queue: string): Promise<void>;

  get(id: string): Promise<ActorView | null>;
  /** Newest first. `cursor`, when there are more. */
  list(filter?: ListOptions): Promise<{ items: ActorView[]; cursor?: string }>;
  /** Why it is not running, what will wake it and when, and which events it accepts. @throws ActorNotFoundError */
  explain(id: string): Promise<Explanation>;
  /**
   * Waits until the actor is in a state, or enters it after the call; without one, until it settles. `state`: a dotted path
   * such as 'math.added'. @throws WaitTimeoutError @throws ActorNotFoundError @throws ActorSettledError when it settles first
   */
  waitFor(id: string, options?: WaitOptions): Promise<ActorView>;
  /** Everything that happened to it. @throws ActorNotFoundError */
  history(id: string): Promise<JournalEntry[]>;
  /**
   * Takes an actor's past again, purely, and compares every step with what was stored. A machine that reads a clock or draws
   * randomness is found so. With `definition`: what another version would have done.
   * @throws ActorNotFoundError @throws UnknownDefinitionError where this process has no code for its version
   */
  replay(id: string, options?: ReplayOptions): Promise<ReplayReport>;
  /**
   * A copy of an actor, alive or settled, as it was after one of its events. It is nobody's child, has no idempotency key, and is
   * found by the label `fork:<id>`. Held by default: see it with `get()`, let it go with `release(id)`, or `cancel(id)` it before
   * that and it ends without doing anything. Every effect it ever starts has an id, and so an `idempotencyKey`, that differs from
   * its origin's: what receives it takes it for another order. Timers keep their instants: what has passed fires upon release.
   * @throws ActorNotFoundError @throws InvalidOptionError @throws InvalidStateError where it had ended by then, and for crons and flows
   * @throws ReplayDivergedError @throws UnknownDefinitionError where this process has no code for its version of then
   */
  fork(id: string, options: ForkOptions): Promise<Handle>;
  /**
   * What would become of everything that is alive under this definition, which need not be registered: how many actors go on as
   * they are, migrate, or would be set aside, and why. A sample of pasts is taken again, to find machines that read a clock or
   * draw randomness. Reads only. @throws DefinitionVersionError where the machine itself is refused
   */
  checkDefinition(definition: AnyDefinition, options?: CheckOptions): Promise<CompatibilityReport>;
  /**
   * Its past as an inspector of Stately's wants to hear it: its ancestors and itself introduced, then every event with the state it led
   * to. What `redact` names is hidden. @throws ActorNotFoundError
   */
  inspectionEvents(id: string): Promise<StatelyInspectionEvent[]>;
  stats(): Promise<Stats>;
  /**
   * Counts, durations and ages as Prometheus reads them: what this process did, and what the store, the sweep and the event loop
   * look like now. Labels are names of definitions and queues only. Answers within about two seconds, also without a store.
   */
  metrics(): Promise<string>;
  /** What this process's worker does. Returns how to stop listening. */
  on<K extends keyof SchedulerEvents>(event: K, listener: (event: SchedulerEvents[K]) => void): () => void;
}

/** For `carillon.config.ts`: gives the options their type. */
export function defineConfig(options: SchedulerOptions): SchedulerOptions {
  return options;
}

/**
 * Opens a scheduler: connects to Postgres (`postgres`, else DATABASE_URL, else the embedded one), checks or migrates its
 * schema, and registers the definitions. It schedules and reads at once; `start()` makes it work.
 * @throws InvalidOptionError @throws DefinitionVersionError @throws SchemaVersionError
 */
export function createScheduler(options: SchedulerOptions): Promise<Scheduler> {
  return openScheduler(options, realWorld);
}

/** As `createScheduler`, in any world. */
export async function openScheduler(options: SchedulerOptions, world: World): Promise<Scheduler> {
  // Handlers schedule through the scheduler they run in, which exists only once its runtime does.
  const host = {
    send: (id: string, event: AnyEventObject) => door.send(id, event),
    scheduleFor: (runKey: string): Schedule => {
      let count = 0;
      return (definition: AnyDefinition | string, input?: unknown, given?: ScheduleOptions) => {
        const idempotencyKey = given?.idempotencyKey ?? `${runKey}/schedule/${++count}`;
        return door.schedule(definition, input, { ...given, idempotencyKey });
      };
    },
  };
  const runtime = await openRuntime(options, host, world);
  const door = new Door(runtime);
  return door;
}
