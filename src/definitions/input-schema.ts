/**
 * The schema of a definition's input: any that speaks Standard Schema. It is asked once, when an actor is made, and what it gives
 * is what is stored.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidInputError } from '../errors.ts';
import { isFunction } from '../option-checks.ts';
import type { DefinitionInternals } from './internals.ts';

export function isSchema(value: unknown): boolean {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject && isFunction((value as Partial<StandardSchemaV1>)['~standard']?.validate);
}

/**
 * The input as it is stored: parsed by the definition's schema if it has one, or the promise of that where the schema is
 * asynchronous. InvalidInputError names the path.
 */
export function parseInput({ inputSchema }: DefinitionInternals, input: unknown): unknown {
  if (!inputSchema) return input;
  const result = inputSchema['~standard'].validate(input);
  return result instanceof Promise ? result.then(parsed) : parsed(result);
}

function parsed(result: StandardSchemaV1.Result<unknown>): unknown {
  if (!result.issues) return result.value;
  const [first, ...others] = result.issues;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  throw new InvalidInputError(pathOf(first?.path ?? []), `${first?.message ?? 'is refused by its schema'}${more}`);
}

function pathOf(path: readonly (PropertyKey | StandardSchemaV1.PathSegment)[]): string {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return keys.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    'input',
  );
}
