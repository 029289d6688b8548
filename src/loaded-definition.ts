import type { DefinitionInternals } from './definitions.ts';
import { type Prepared, prepare } from './interpreter/index.ts';
import type { Settlement } from './run-record.ts';

/** A definition as a worker runs it: checked, prepared for the pure step, and known to the store by a number. */
export interface LoadedDefinition extends DefinitionInternals {
  readonly prepared: Prepared;
  /** Registry number of (name, version). */
  readonly def: number;
  /** Most characters of a snapshot that may be stored. */
  readonly maxSnapshot: number;
  /** What the store does with a run that ends so. */
  settling(settlement: Settlement): { readonly keepMs: number; readonly freesKey: boolean };
}

/** Throws DefinitionVersionError when its machine cannot be persisted or simulated. */
export function prepareDefinition(internals: DefinitionInternals): Prepared {
  const { name, version, machine, standard } = internals;
  return prepare(machine, { name, version, standard });
}

export function loadDefinition(
  internals: DefinitionInternals,
  prepared: Prepared,
  def: number,
  maxSnapshot: number,
): LoadedDefinition {
  const { retention, dedupOn } = internals;
  return {
    ...internals,
    prepared,
    def,
    maxSnapshot,
    settling: ({ status }) => ({
      keepMs: status === 'done' ? retention.doneMs : retention.droppedMs,
      freesKey: status === 'dropped' && dedupOn === 'success',
    }),
  };
}
