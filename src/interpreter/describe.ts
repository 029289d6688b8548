/** Questions about a state that take no step. */

import type { StateValue } from 'xstate';
import type { Prepared } from './prepare.ts';
import { rootOf, type SystemState } from './system-state.ts';
import type { MachineSnapshot } from './xstate-internals.ts';

export interface Description {
  readonly value: StateValue;
  readonly context: unknown;
  readonly status: 'active' | 'done' | 'error';
  readonly tags: readonly string[];
  readonly output: unknown;
  readonly error: unknown;
}

export function describe(_prepared: Prepared, state: SystemState): Description {
  const { value, context, status, tags, output, error } = rootOf(state).snapshot as MachineSnapshot;
  return { value, context, status: status as Description['status'], tags: [...tags], output, error };
}

/** Event types, and patterns of them, that the root handles in its present state. Guards may still say no. */
export function accepts(_prepared: Prepared, state: SystemState): string[] {
  return handledBy(rootOf(state).snapshot as MachineSnapshot);
}

/** The same of a state that is only known by its value. */
export function acceptsIn({ machine }: Prepared, value: StateValue): string[] {
  return handledBy(machine.resolveState({ value, context: {} }) as unknown as MachineSnapshot);
}

function handledBy({ status, _nodes }: MachineSnapshot): string[] {
  if (status !== 'active') return [];
  const types = new Set(_nodes.flatMap((node) => node.ownEvents));
  return [...types].filter((type) => !type.startsWith('xstate.')).sort();
}
