/** What registration refuses: whatever XState would accept and a stored actor could not keep, and why. */

import type { Catalogue } from './catalogue.ts';

/** Throws DefinitionVersionError for the first machine that cannot be persisted or stepped; returns what to warn of. */
export function checkMachine(_catalogue: Catalogue, _definition: string): string[] {
  return [];
}
