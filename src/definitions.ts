/**
 * Definitions: a name, a version and the statechart that lives under them. What callers hold is only the typed name; what
 * the engine needs of it stays here, so that every typed definition is an AnyDefinition.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnyEventObject, AnyStateMachine, EventFrom, InputFrom, OutputFrom } from 'xstate';
import type { ThreadGateway } from '../actors/thread-gateway.ts';
import { type JobEvent, jobMachine } from '../machines/job.ts';
import { jobGuardsAndDelays } from '../machines/job-policy.ts';
import {
  type JobOptions,
  type ResolvedDefinition,
  type Retention,
  resolveActorOptions,
  resolveJobOptions,
} from './definitions/definition-options.ts';
import type { Limits } from './definitions/limits.ts';
import type { LoadedDefinition } from './definitions/loaded-definition.ts';
import { DefinitionVersionError, InvalidInputError, InvalidOptionError, UnknownDefinitionError } from './errors.ts';
import type { Waiting } from './reading/explain.ts';
import type { RunContext } from './run-context.ts';
import type { DefinitionEntry, Instant, NewActor, NewMail } from './store/contract.ts';

/** Carries the types of a definition. No value has it. */
declare const types: unique symbol;

/** Any definition, whatever its types. */
export interface AnyDefinition {
  readonly kind: 'job' | 'actor';
  readonly name: string;
  readonly version: number;
  readonly [types]?: { input: unknown; parsed: unknown; output: unknown; event: AnyEventObject };
}

/** `I` is what callers give, `P` what the handler gets once the schema has parsed it. */
export interface JobDefinition<I = unknown, O = unknown, P = I> extends AnyDefinition {
  readonly kind: 'job';
  readonly [types]?: { input: I; parsed: P; output: O; event: JobEvent };
}

export interface ActorDefinition<M extends AnyStateMachine = AnyStateMachine> extends AnyDefinition {
  readonly kind: 'actor';
  readonly [types]?: { input: InputFrom<M>; parsed: InputFrom<M>; output: OutputFrom<M>; event: EventFrom<M> };
}

/** What a definition takes as input. */
export type InputOf<D> = D extends { readonly [types]?: { input: infer I } } ? I : never;
/** What its runs give as output. */
export type OutputOf<D> = D extends { readonly [types]?: { output: infer O } } ? O : never;
/** What may be sent to its actors. */
export type EventOf<D> = D extends { readonly [types]?: { event: infer E } } ? E : never;

/** Arguments after the definition: the input may be left out where it may be undefined. */
export type InputArgs<I, O> = undefined extends I ? [input?: I, options?: O] : [input: I, options?: O];

/** A pending timer of an actor as it is stored; `dueAt` in milliseconds since 1970. */
export interface StoredTimer {
  readonly id: string;
  readonly event: AnyEventObject;
  readonly dueAt: number;
}

/** A child of an actor as it is stored. */
export interface StoredChild {
  readonly id: string;
  readonly src: string;
  readonly snapshot: unknown;
}

/** How an actor goes on after a migration. */
export interface MigrationOutcome {
  /** `{ value, context }`, as this version has them; with `historyValue` where the machine has history. */
  snapshot: unknown;
  /**
   * Pending timers: those of before, changed or not, by their ids, and new ones under any other id. The event of an `after` is
   * `xstate.after.<delay>.<machine id>.<state>`. All of those of before unless given.
   */
  timers?: StoredTimer[];
  /** Children that go on; the others are stopped. All unless given. New ones cannot be started here. */
  children?: readonly { readonly id: string }[];
}

/**
 * Takes an actor of an older version over to this one, when it is next due and no living worker has code for that version.
 * Pure: the same from the same. What it throws, or gives that does not fit the machine, sets the actor aside, unchanged.
 * `old.snapshot` is `{ value, context }`, with `historyValue` where the machine has history.
 */
export type Migrate = (old: {
  version: number;
  snapshot: unknown;
  timers: StoredTimer[];
  children: StoredChild[];
}) => MigrationOutcome;

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

/** What a command of a standard machine comes to: another actor, a letter to one, or the end of one that is its child. */
export type Deed =
  | { readonly birth: NewActor }
  | { readonly letter: NewMail }
  | { readonly recall: string; readonly reason: string };

/** Who gives a command. */
export interface Commander {
  readonly id: string;
  readonly input: unknown;
  readonly context: unknown;
  readonly definition: LoadedDefinition;
  /** How often an operator had it begin again. */
  readonly retried: number;
}

/** The engine's side of a definition. */
export interface DefinitionInternals extends Omit<ResolvedDefinition, 'input'> {
  readonly kind: DefinitionEntry['kind'];
  readonly machine: AnyStateMachine;
  /** A machine of ours: its events carry `at`, its output is a run record, and its first state is known. */
  readonly standard: boolean;
  readonly inputSchema: StandardSchemaV1 | undefined;
  /** A job's handler. */
  readonly run: ((context: RunContext<never>) => unknown) | undefined;
  /** A handler made for the scheduler it runs in, in the place of `run`. */
  readonly handlerFor?: (world: { readonly threads: ThreadGateway | null }) => DefinitionInternals['run'];
  /** The state shown before the first turn, as JSON text; null where the machine itself decides. */
  readonly initialState: string | null;
  /** What is shown while a worker holds it and no turn says so: its claim is the record that this effect runs. */
  readonly claimed: { readonly state: string; readonly effect: string } | null;
  /** A standard machine's input, from the stored one. `{ dueAt, attempts }` unless given; `attempts`: of earlier lives. */
  readonly begin?: (input: unknown, dueAt: Instant, attempts: number) => unknown;
  /**
   * What a standard machine is told as `plan` with every event but the first: what follows from its stored input, which
   * is written once, while its context is written with every turn. Pure, and asked for often: to be remembered by input.
   */
  readonly plan?: (input: unknown, id: string, retried: number) => unknown;
  /** Carries out what a standard machine emits, which is a command to the engine. Pure. */
  readonly act?: (command: AnyEventObject, commander: Commander) => Deed;
  /** What it waits for besides timers, effects and events, in a state with this context. */
  readonly waitingFor?: (context: unknown, input: unknown) => readonly Waiting[];
  /** Most slow attempts after the quick ones; 0: none. */
  readonly recoveries: number;
  /** 0: none. */
  readonly attemptTimeoutMs: number;
  /** Which ends keep the key; `none`: it is free as soon as there is an end. */
  readonly dedupOn: 'success' | 'any' | 'none';
  readonly onAmbiguous: 'retry' | 'drop';
  /** Of what never ends: the newest segments of its journal that are kept. All unless given. */
  readonly journalSegments?: number;
  /** None unless given. */
  readonly limits?: Limits;
  readonly migrate: Migrate | undefined;
}

const internals = new WeakMap<AnyDefinition, DefinitionInternals>();

/** The engine's side of what `defineJob` and `defineActor` gave. */
export function internalsOf(definition: AnyDefinition): DefinitionInternals {
  const found = internals.get(definition);
  if (!found)
    throw new InvalidOptionError('definitions', 'takes what defineJob() and defineActor() give, and nothing else.');
  return found;
}

/** A job: a handler under the standard life cycle. Its input is validated once, when it is scheduled. */
export function defineJob<S extends StandardSchemaV1, O = void>(
  options: JobOptions & { input: S; run(context: RunContext<StandardSchemaV1.InferOutput<S>>): Promise<O> | O },
): JobDefinition<StandardSchemaV1.InferInput<S>, O, StandardSchemaV1.InferOutput<S>>;
export function defineJob<I = undefined, O = void>(
  options: JobOptions & { input?: never; run(context: RunContext<I>): Promise<O> | O },
): JobDefinition<I, O>;
export function defineJob(options: JobOptions): JobDefinition {
  return register<JobDefinition>(jobInternals(options), 'job');
}

/** The engine's side of a job. @throws InvalidOptionError */
export function jobInternals(options: unknown): DefinitionInternals {
  const { input, run, policy, ...resolved } = resolveJobOptions(options);
  return {
    ...resolved,
    kind: 'job',
    machine: jobMachine.provide(jobGuardsAndDelays(policy)),
    standard: true,
    inputSchema: input,
    run: run as DefinitionInternals['run'],
    initialState: '"scheduled"',
    claimed: { state: 'dispatching', effect: 'run' },
    recoveries: policy.recovery?.max ?? 0,
    attemptTimeoutMs: policy.attemptTimeoutMs,
    onAmbiguous: policy.onAmbiguous,
    migrate: undefined,
  };
}

/** Any XState machine as a durable actor. */
export function defineActor<M extends AnyStateMachine>(options: ActorOptions<M>): ActorDefinition<M> {
  const { input, migrate, ...resolved } = resolveActorOptions(options);
  const entry: DefinitionInternals = {
    ...resolved,
    kind: 'actor',
    standard: false,
    inputSchema: input,
    run: undefined,
    initialState: null,
    claimed: null,
    recoveries: 0,
    attemptTimeoutMs: 0,
    dedupOn: 'success',
    onAmbiguous: 'retry',
    migrate: migrate as Migrate | undefined,
  };
  return register<ActorDefinition<M>>(entry, 'actor');
}

function register<D extends AnyDefinition>(entry: DefinitionInternals, kind: D['kind']): D {
  const definition: AnyDefinition = Object.freeze({ kind, name: entry.name, version: entry.version });
  internals.set(definition, entry);
  return definition as D;
}

/**
 * The input as it is stored: parsed by the definition's schema if it has one, or the promise of that where the schema is
 * asynchronous. InvalidInputError names the path.
 */
export function parseInput({ inputSchema }: DefinitionInternals, input: unknown): unknown {
  if (!inputSchema) return input;
  const result = inputSchema['~standard'].validate(input);
  return result instanceof Promise ? result.then(parsed) : parsed(result);
}

function parsed(result: StandardSchemaV1.Result<unknown>): unknown {
  if (!result.issues) return result.value;
  const [first, ...others] = result.issues;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  throw new InvalidInputError(pathOf(first?.path ?? []), `${first?.message ?? 'is refused by its schema'}${more}`);
}

function pathOf(path: readonly (PropertyKey | StandardSchemaV1.PathSegment)[]): string {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return keys.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    'input',
  );
}

/** The definitions one scheduler knows. A name and a version mean one definition. */
export interface Registry {
  readonly all: readonly DefinitionInternals[];
  /** Of those that were listed. */
  readonly names: readonly string[];
  /** The newest version of that name. Throws UnknownDefinitionError. */
  newest(name: string): DefinitionInternals;
  find(name: string, version: number): DefinitionInternals | undefined;
  /** By what `defineJob` or `defineActor` gave; it has to be one of those registered. Throws UnknownDefinitionError. */
  of(definition: AnyDefinition): DefinitionInternals;
}

/** `listed` can be scheduled by name; the others are there because something makes actors of them. */
export function createRegistry(
  listed: readonly AnyDefinition[],
  others: readonly DefinitionInternals[] = [],
): Registry {
  const named = listed.map(internalsOf);
  const all = [...named, ...others.filter((internals) => !named.includes(internals))];
  const byKey = new Map<string, DefinitionInternals>();
  const newest = new Map<string, DefinitionInternals>();
  for (const entry of all) {
    const key = keyOf(entry.name, entry.version);
    if (byKey.has(key)) {
      throw new DefinitionVersionError(
        `Two definitions are named '${entry.name}' with version ${entry.version}. Rename one, or give it another version.`,
      );
    }
    byKey.set(key, entry);
    if (!named.includes(entry)) continue;
    if (entry.version >= (newest.get(entry.name)?.version ?? 0)) newest.set(entry.name, entry);
  }
  const names = [...newest.keys()];
  return {
    all,
    names,
    newest(name) {
      const found = newest.get(name);
      if (!found) throw new UnknownDefinitionError(name, names);
      return found;
    },
    find: (name, version) => byKey.get(keyOf(name, version)),
    of(definition) {
      const entry = internalsOf(definition);
      if (byKey.get(keyOf(entry.name, entry.version)) !== entry) throw new UnknownDefinitionError(entry.name, names);
      return entry;
    },
  };
}

function keyOf(name: string, version: number): string {
  return `${name}@${version}`;
}
