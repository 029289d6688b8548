/** Definitions as a worker loads them, and actors of them before their first turn. */

import type { DefinitionInternals } from '../../src/definitions/internals.ts';
import { type LoadedDefinition, loadDefinitions, prepareDefinitions } from '../../src/definitions/loaded-definition.ts';
import type { AnyDefinition } from '../../src/definitions/typed-name.ts';
import { internalsOf } from '../../src/definitions.ts';
import type { Life } from '../../src/turn/life.ts';

/** When every actor of {@link newborn} was made. */
export const T0 = 1_700_000_000_000;

export function loaded(definition: AnyDefinition, maxPayload?: number): LoadedDefinition {
  return loadedInternals(internalsOf(definition), maxPayload);
}

/** As {@link loaded}, of a definition of our own. */
export function loadedInternals(internals: DefinitionInternals, maxPayload = 1_000_000): LoadedDefinition {
  const prepared = prepareDefinitions([internals]);
  const all = loadDefinitions(prepared, {
    maxPayload,
    namespace: 'default',
    defOf: (internals) => 1 + prepared.findIndex((each) => each.internals === internals),
    queueOf: () => 1,
  });
  return all.get(1) as LoadedDefinition;
}

/** Due when it was made, unless said otherwise. */
export function newborn(
  definition: LoadedDefinition,
  { dueAt = T0, input }: { dueAt?: number; input?: unknown } = {},
): Life {
  const unborn = { system: null, input, retried: 0, attempts: 0, seq: 0, kin: null, trace: null };
  return { id: 'a-1', definition, createdAt: T0, firstDueAt: dueAt, ...unborn };
}
