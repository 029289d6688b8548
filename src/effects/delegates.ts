/**
 * Work that a machine invokes and an actor of its own does: with its own row, queue, attempts and history. Its owner is
 * free meanwhile, and hears of the end by mail.
 */

import { fromPromise, type PromiseActorLogic } from 'xstate';
import { encode } from '../codec.ts';
import type { JobOptions } from '../definitions/definition-options.ts';
import { parseInput } from '../definitions/input-schema.ts';
import type { DefinitionInternals } from '../definitions/internals.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import type { JobDefinition } from '../definitions/typed-name.ts';
import { internalsOf, jobInternals } from '../definitions.ts';
import { InvalidInputError } from '../errors.ts';
import type { RunContext } from '../run-context.ts';
import type { StoredRecord } from '../run-record.ts';
import type { Instant } from '../store/contract.ts';
import type { BirthRequest } from '../turn/birth.ts';
import type { EffectResult } from './effect-result.ts';

/** How one piece of invoked logic is done by an actor. */
export interface Delegate {
  /** The definition that actor lives by. `owner` and `src`: whose logic it is, and under which name. */
  definition(owner: DefinitionInternals, src: string): DefinitionInternals;
  /** What it is scheduled with, `now` being the time of the turn. Throws what the owner gets as the error of the invoked actor. */
  request(input: unknown, definition: LoadedDefinition, maxBytes: number, now: Instant): BirthRequest;
  /** What its owner hears of its end. */
  result(record: StoredRecord): EffectResult;
}

const delegates = new WeakMap<object, Delegate>();

export function delegateOf(logic: object): Delegate | undefined {
  return delegates.get(logic);
}

/** Actor logic that stands for an actor of its own. */
export function delegating<O, I>(name: string, delegate: Delegate): PromiseActorLogic<O, I> {
  const logic = fromPromise<O, I>(() => {
    throw new Error(`${name} is done by a Carillon worker. Schedule its machine with defineActor() and schedule().`);
  });
  delegates.set(logic, delegate);
  return logic;
}

/**
 * Actor logic for any machine that runs a function with the full run context: retries, attempts, a timeout and an
 * idempotency key of its own. It runs as an actor of its own, so that its owner waits without holding a worker, and leaving
 * the state that invoked it cancels it. A dropped run is `xstate.error.actor.*` with the error's code, or its reason.
 * @throws InvalidOptionError
 */
export function fromRun<O, I>(
  run: (context: RunContext<I>) => Promise<O>,
  options: Pick<JobOptions, 'retry' | 'attemptTimeout' | 'onAmbiguous'> = {},
): PromiseActorLogic<O, I> {
  jobInternals({ ...options, name: 'run', run });
  return delegating('fromRun()', {
    definition: (owner, src) => {
      const { queue, priority, retention } = owner;
      const days = { done: retention.doneMs, dropped: retention.droppedMs };
      const internals = jobInternals({ ...options, name: 'run', run, queue, priority, retention: days });
      // A name no definition of a user can have.
      return { ...internals, name: `${owner.name}/${src}`, version: owner.version };
    },
    request: requestOf,
    result: resultOf,
  });
}

/**
 * Actor logic for any machine that runs a job: a child with the whole life of that job, its queue, its limits and its
 * history. Leaving the state that invoked it cancels it; a drop is `xstate.error.actor.*`. The job need not be listed in
 * `definitions`. Its input is checked when it is invoked, so its schema has to answer at once.
 */
export function fromJob<I, O>(job: JobDefinition<I, O>): PromiseActorLogic<O, I> {
  const internals = internalsOf(job);
  return delegating(`Job '${internals.name}'`, { definition: () => internals, request: requestOf, result: resultOf });
}

function requestOf(input: unknown, definition: LoadedDefinition, maxBytes: number): BirthRequest {
  const parsed = parseInput(definition, input);
  if (parsed instanceof Promise) {
    parsed.catch(() => {});
    throw new InvalidInputError(
      'input',
      `the schema of '${definition.name}' is asynchronous; a turn cannot wait for it.`,
    );
  }
  const encoded = parsed === undefined ? null : encode(parsed, { path: 'input', maxBytes });
  return { input: encoded, when: { afterMs: 0 }, limits: definition.limitKeys(parsed) };
}

function resultOf({ status, output, reason, error }: StoredRecord): EffectResult {
  if (status === 'success') return { ok: true, output };
  const { name, message, code } = error ?? { name: 'DroppedError', message: `It was dropped: ${reason}.` };
  return { ok: false, error: Object.assign(new Error(message), { name, code: code ?? reason }) };
}
