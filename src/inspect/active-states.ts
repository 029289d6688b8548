import type { StateValue } from 'xstate';

/** Ids of the states that are active in a state value, parents included: 'math', 'math.added'. */
export function activeStates(value: StateValue | null, above = ''): readonly string[] {
  if (value === null) return [];
  const at = (key: string): string => (above === '' ? key : `${above}.${key}`);
  if (typeof value === 'string') return [at(value)];
  return Object.entries(value).flatMap(([key, inner]) => [
    at(key),
    ...(inner === undefined ? [] : activeStates(inner, at(key))),
  ]);
}
