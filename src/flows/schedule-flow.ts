/** From `scheduleFlow` to one stored actor: all that can be wrong with a flow is found here, before anything is written. */

import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { CarillonError, InvalidInputError } from '../errors.ts';
import type { Scheduling } from '../scheduler/scheduling.ts';
import type { Submitted } from '../scheduler/submission.ts';
import { flowDefinition } from './definition.ts';
import { type FlowOptions, type ResolvedFlow, resolveFlowOptions } from './flow-options.ts';
import type { StoredFlow } from './plan.ts';

/** A flow holds the inputs of many runs, each of which may be as large as `maxPayload`. */
const INPUT_FACTOR = 4;

/** @throws InvalidOptionError @throws InvalidInputError @throws UnknownDefinitionError @throws IdempotencyConflictError */
export async function scheduleFlow(scheduling: Scheduling, given: FlowOptions, maxPayload: number): Promise<Submitted> {
  const flow = resolveFlowOptions(given);
  const { name: _name, children: _children, onDrop: _onDrop, ...options } = given;
  const { input, jobs } = await storedFlow(scheduling, flow);
  // Another version of a job, or another queue for it, does not make it another flow.
  const fingerprint = JSON.stringify([flow.name, flow.onDrop, jobs, input.children]);
  const maxBytes = INPUT_FACTOR * maxPayload;
  try {
    return await scheduling.own(flowDefinition, {
      input,
      options,
      extra: { labels: [`flow:${flow.name}`], fingerprint, maxBytes },
    });
  } catch (error) {
    if (!(error instanceof InvalidInputError) || error.path !== 'input') throw error;
    throw new InvalidInputError('children', `${problemOf(error)} That is ${INPUT_FACTOR} times 'maxPayload'.`);
  }
}

async function storedFlow(
  scheduling: Scheduling,
  { name, onDrop, children }: ResolvedFlow,
): Promise<{ readonly input: StoredFlow; readonly jobs: readonly string[] }> {
  const targets: LoadedDefinition[] = [];
  const stored: StoredFlow['children'][number][] = [];
  for (const [index, { key, job, input, after }] of children.entries()) {
    const template = await scheduling.template(job, input).catch((error: unknown) => {
      throw at(index, error);
    });
    let target = targets.indexOf(template.definition);
    if (target < 0) target = targets.push(template.definition) - 1;
    stored.push({ key, after, target, input: template.input, ...(template.limits && { limits: template.limits }) });
  }
  const breeds = targets.map(({ def, name, version, queueNumber, priority, initialState }) => ({
    def,
    name,
    version,
    queueNumber,
    priority,
    initialState,
  }));
  return { input: { name, onDrop, targets: breeds, children: stored }, jobs: targets.map((target) => target.name) };
}

/** The error, naming the child it is about. */
function at(index: number, error: unknown): unknown {
  if (error instanceof InvalidInputError)
    return new InvalidInputError(`children[${index}].${error.path}`, problemOf(error));
  if (error instanceof CarillonError) error.message = `children[${index}].job: ${error.message}`;
  return error;
}

function problemOf({ path, message }: InvalidInputError): string {
  return message.slice(`${path}: `.length);
}
