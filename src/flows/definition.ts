/** The definition all flows live by, and what their machine's commands come to. */
import { type FlowCommand, type FlowContext, flowMachine } from '../../machines/flow.ts';
import type { Commander, Deed, DefinitionInternals } from '../definitions/internals.ts';
import { SYSTEM_QUEUE } from '../definitions/system-queue.ts';
import { newborn } from '../turn/birth.ts';
import { letterTo } from '../turn/mail.ts';
import { flowChildId, planOf, type StoredFlow } from './plan.ts';
import { childrenWaitedFor } from './waiting.ts';

const HOUR_MS = 3_600_000;

export const flowDefinition: DefinitionInternals = {
  kind: 'flow',
  name: 'carillon.flow',
  version: 1,
  queue: SYSTEM_QUEUE,
  // Its turns take no time, and others wait for them.
  priority: 0,
  retention: { doneMs: 24 * HOUR_MS, droppedMs: 72 * HOUR_MS },
  machine: flowMachine,
  standard: true,
  inputSchema: undefined,
  run: undefined,
  initialState: '"scheduled"',
  claimed: null,
  begin: (input, dueAt) => {
    const { onDrop, children } = input as StoredFlow;
    return { dueAt, onDrop, count: children.length };
  },
  plan: (input, id, life) => planOf(input as StoredFlow, id, life),
  act: (command, commander) => deedOf(command as FlowCommand, commander),
  waitingFor: (context, input) => childrenWaitedFor(context as FlowContext, input as StoredFlow),
  recoveries: 0,
  attemptTimeoutMs: 0,
  dedupOn: 'success',
  onAmbiguous: 'retry',
  migrate: undefined,
};

function deedOf(command: FlowCommand, { id, input, retried }: Commander): Deed {
  const child = flowChildId(id, command.key, retried);
  if (command.type === 'child.cancel') return { recall: child, reason: command.reason };
  if (command.type === 'child.runNow') {
    return { letter: letterTo(child, { kind: 'control', control: { type: 'runNow' } }) };
  }
  return { birth: birthOf(input as StoredFlow, id, command.key, retried) };
}

function birthOf(flow: StoredFlow, id: string, key: string, life: number): ReturnType<typeof newborn> {
  const stored = flow.children[planOf(flow, id, life).indexOf(key)];
  const breed = stored && flow.targets[stored.target];
  if (!breed) throw new Error(`Flow ${id} has no child '${key}'.`);
  const earlier = stored.after.map((index) => flow.children[index]?.key ?? '');
  const after = Object.fromEntries(earlier.map((each) => [each, flowChildId(id, each, life)]));
  const kin = { id: flowChildId(id, key, life), parent: id, role: { key, after } };
  return newborn(breed, kin, { input: stored.input, limits: stored.limits ?? null, when: { afterMs: 0 } });
}
