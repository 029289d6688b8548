import type { DefinitionInternals } from './definitions.ts';
import { followupDefinition } from './followups/definition.ts';

/** Where crons and flows live: their turns take no time, so every worker serves it, whatever else it serves. */
export const SYSTEM_QUEUE = 'carillon';

/** Definitions every scheduler has. Their names begin with `carillon.`, which no other definition's may. */
export const systemDefinitions: readonly DefinitionInternals[] = [followupDefinition];
