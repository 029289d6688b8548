/** The statechart as JSON, for drawing it where the code is not: functions become their names. */

import type { MachineEntry } from './catalogue.ts';
import { isLogic } from './xstate-internals.ts';

export function chartOf({ logic, names }: MachineEntry): string {
  const { schemas: _schemas, types: _types, context: _context, options: _options, ...config } = logic.config;
  return JSON.stringify({ ...config, id: logic.id }, (_key, value: unknown) => {
    if (isLogic(value)) return names.get(value) ?? '(inline)';
    if (typeof value === 'function') return nameOf(value);
    return typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value;
  });
}

interface Combined {
  readonly name: string;
  readonly type?: unknown;
  readonly guards?: readonly unknown[];
  readonly stateValue?: unknown;
}

function nameOf(value: Combined): string {
  const { name, type, guards, stateValue } = value;
  if (Array.isArray(guards)) return `${name}(${guards.map(guardName).join(', ')})`;
  if (stateValue !== undefined) return `${name}(${JSON.stringify(stateValue)})`;
  if (typeof type === 'string') return type;
  return name || '(anonymous)';
}

function guardName(guard: unknown): string {
  if (typeof guard === 'function') return nameOf(guard);
  return typeof guard === 'string' ? guard : String((guard as { readonly type?: unknown }).type);
}
