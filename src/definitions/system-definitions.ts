import { cronDefinition } from '../crons/definition.ts';
import { flowDefinition } from '../flows/definition.ts';
import { followupDefinition } from '../followups/definition.ts';
import type { DefinitionInternals } from './internals.ts';

/** Definitions every scheduler has. Their names begin with `carillon.`, which no other definition's may. */
export const systemDefinitions: readonly DefinitionInternals[] = [followupDefinition, cronDefinition, flowDefinition];
