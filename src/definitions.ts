/**
 * Definitions: a name, a version and the statechart that lives under them. What callers hold is only the typed name; what
 * the engine needs of it stays here, so that every typed definition is an AnyDefinition.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnyStateMachine } from 'xstate';
import { jobAtRest, jobMachine } from '../machines/job.ts';
import { jobGuardsAndDelays } from '../machines/job-policy.ts';
import {
  type ActorOptions,
  type JobOptions,
  resolveActorOptions,
  resolveJobOptions,
} from './definitions/definition-options.ts';
import type { DefinitionInternals } from './definitions/internals.ts';
import type { Migrate } from './definitions/migration.ts';
import type { ActorDefinition, AnyDefinition, JobDefinition } from './definitions/typed-name.ts';
import { InvalidOptionError } from './errors.ts';
import type { RunContext } from './run-context.ts';

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
    atRest: jobAtRest,
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
