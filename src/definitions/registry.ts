/** The definitions one scheduler knows, by name and version: two that share both are refused when it is created. */

import { internalsOf } from '../definitions.ts';
import { DefinitionVersionError, UnknownDefinitionError } from '../errors.ts';
import type { DefinitionInternals } from './internals.ts';
import type { AnyDefinition } from './typed-name.ts';

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
