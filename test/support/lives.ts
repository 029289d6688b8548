/** Definitions as a worker loads them, and actors of them before their first turn. */
import { type AnyDefinition, internalsOf } from '../../src/definitions.ts';
import { type LoadedDefinition, loadDefinition, prepareDefinition } from '../../src/loaded-definition.ts';
import type { Life } from '../../src/turn.ts';

/** When every actor of {@link newborn} was made. */
export const T0 = 1_700_000_000_000;

export function loaded(definition: AnyDefinition, maxSnapshot = 1_000_000): LoadedDefinition {
  const internals = internalsOf(definition);
  return loadDefinition(internals, prepareDefinition(internals), 1, maxSnapshot);
}

/** Due when it was made, unless said otherwise. */
export function newborn(
  definition: LoadedDefinition,
  { dueAt = T0, input }: { dueAt?: number; input?: unknown } = {},
): Life {
  return { id: 'a-1', definition, createdAt: T0, firstDueAt: dueAt, system: null, input, seq: 0 };
}
