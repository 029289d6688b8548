/**
 * What stands in the text for what JSON cannot say, and back: an object with the key `$`. A copy takes both ways at once and gives
 * what the text would have given. All of it takes only what the survey let through.
 */

import { isPlain, type Plain } from './plain-data.ts';

/** Actor references, which only the interpreter can name and find again. */
export interface References {
  /** What to store for `value`; undefined when it is no reference. */
  name(value: object): { readonly id: string; readonly address: string } | undefined;
  find(id: string, address: string): unknown;
}

/** A key named `__proto__` is data like any other. */
function put(target: Plain, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else target[key] = value;
}

export function tag(value: unknown, references: References | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return Array.from(value, (item: unknown) => (item === undefined ? { $: 'undefined' } : tag(item, references)));
  }
  if (isPlain(value)) {
    const copied: Plain = {};
    for (const key of Object.keys(value)) put(copied, key, tag((value as Plain)[key], references));
    return Object.hasOwn(value, '$') ? { $: 'object', value: copied } : copied;
  }
  if (value instanceof Date) return { $: 'date', value: value.toISOString() };
  if (value instanceof Error) return { $: 'error', ...errorParts(value) };
  const reference = references?.name(value);
  return { $: 'actor', id: reference?.id, address: reference?.address };
}

export function untag(value: unknown, references: References | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) value[index] = untag(value[index], references);
    return value;
  }
  const tagged = value as Plain;
  if (Object.hasOwn(value, '$')) {
    switch (tagged['$']) {
      case 'undefined':
        return undefined;
      case 'date':
        return new Date(tagged['value'] as string);
      case 'error':
        return revivedError(tagged as unknown as ErrorParts);
      case 'actor':
        return references?.find(tagged['id'] as string, tagged['address'] as string);
      default:
        return untagMembers(tagged['value'] as Plain, references);
    }
  }
  return untagMembers(tagged, references);
}

function untagMembers(value: Plain, references: References | undefined): Plain {
  for (const key of Object.keys(value)) put(value, key, untag(value[key], references));
  return value;
}

export function copy(value: unknown, references: References | undefined): unknown {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => copy(item, references));
  if (isPlain(value)) {
    const copied: Plain = {};
    for (const key of Object.keys(value)) {
      const member = (value as Plain)[key];
      if (member !== undefined) put(copied, key, copy(member, references));
    }
    return copied;
  }
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof Error) return revived.has(value) ? value : revivedError(errorParts(value));
  const name = references?.name(value);
  return name && references?.find(name.id, name.address);
}

interface ErrorParts {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
}

/** Errors made here: they carry nothing that the text would lose. */
const revived = new WeakSet<Error>();

function errorParts(error: Error): ErrorParts {
  const { name, message, code } = error as { readonly [part in keyof ErrorParts]?: unknown };
  const parts = { name: String(name), message: String(message) };
  return typeof code === 'string' || (typeof code === 'number' && Number.isFinite(code)) ? { ...parts, code } : parts;
}

function revivedError({ name, message, code }: ErrorParts): Error {
  const error = new Error(message);
  // Where it was revived tells nothing; where it was thrown was never stored.
  Object.defineProperty(error, 'stack', { value: `${name}: ${message}`, writable: true, configurable: true });
  if (name !== 'Error') Object.defineProperty(error, 'name', { value: name, writable: true, configurable: true });
  if (code !== undefined) Object.assign(error, { code });
  revived.add(error);
  return error;
}
