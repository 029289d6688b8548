/**
 * Payloads as text, and back. One character says which codec wrote it: `1` is plain JSON, `2` is JSON in which an object with the
 * key `$` stands for what JSON cannot say. Whatever would come back as something else is refused at the door, by path.
 */

import { InvalidInputError } from './errors.ts';

/** Actor references, which only the interpreter can name and find again. */
export interface References {
  /** What to store for `value`; undefined when it is no reference. */
  name(value: object): { readonly id: string; readonly address: string } | undefined;
  find(id: string, address: string): unknown;
}

export interface EncodeOptions {
  /** What the value is called in errors: `input`, `event`, … */
  readonly path: string;
  /** Most bytes of text it may take. */
  readonly maxBytes: number;
}

type Plain = Record<string, unknown>;

const PLAIN = '1';
const TAGGED = '2';

/** Deeper than this is refused rather than left to overflow the stack. */
const MAX_DEPTH = 200;
/** More values than this are refused before anybody tries to write them: shared parts can unfold without end. */
const MAX_VALUES = 5_000_000;

/** Text for a payload. Throws InvalidInputError naming the part that cannot be stored. */
export function encode(value: unknown, options: EncodeOptions, references?: References): string {
  if (value === undefined) return PLAIN;
  const tagged = !isSimple(value, false) && isTagged(value, options, references);
  const text = tagged ? TAGGED + JSON.stringify(tag(value, references)) : PLAIN + JSON.stringify(value);
  // A UTF-16 unit takes at most three bytes, so most texts need no counting.
  if (text.length * 3 > options.maxBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > options.maxBytes) {
      throw new InvalidInputError(options.path, `takes ${bytes} bytes; the limit is ${options.maxBytes}.`);
    }
  }
  return text;
}

function isTagged(value: unknown, { path, maxBytes }: EncodeOptions, references: References | undefined): boolean {
  const survey = new Survey(path, references, Math.min(maxBytes, MAX_VALUES));
  survey.visit(value, 0);
  return survey.tagged;
}

/** The payload behind a text of {@link encode}. */
export function decode(text: string, references?: References): unknown {
  const codec = text[0];
  if (codec === PLAIN) return text.length === 1 ? undefined : JSON.parse(text.slice(1));
  if (codec === TAGGED) return untag(JSON.parse(text.slice(1)), references);
  throw new Error(`Unknown payload codec '${codec ?? ''}': this text was written by a newer version.`);
}

/**
 * What {@link decode} would give back for the encoded value, and the value itself where that is already so. What passes through
 * here is the same whether it is kept in memory or read from the store.
 */
export function canonical(value: unknown, path: string, references?: References): unknown {
  if (isWhole(value)) return value;
  const survey = new Survey(path, references, MAX_VALUES);
  survey.visit(value, 0);
  return survey.tagged || survey.lossy ? copy(value, references) : value;
}

/** Most values and levels of what is looked at without keeping the path to it. */
const SIMPLE_VALUES = 200;
const SIMPLE_LEVELS = 8;
let looked = 0;

/**
 * Small and plain through and through: JSON says all of it. Most payloads, contexts and events are; the walk that can name what is
 * wrong with one costs more than everything else that happens to them. `whole`: JSON says it back, too, and drops nothing.
 */
function isSimple(value: unknown, whole: boolean): boolean {
  looked = 0;
  return isPlainData(value, whole, SIMPLE_LEVELS);
}

function isPlainData(value: unknown, whole: boolean, levels: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !(whole && Object.is(value, -0));
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1)
      if (++looked > SIMPLE_VALUES || !isPlainData(value[index], whole, levels - 1)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) {
    if (++looked > SIMPLE_VALUES) return false;
    const member = (value as Plain)[key];
    if (member === undefined ? whole : !isPlainData(member, whole, levels - 1)) return false;
  }
  return true;
}

/** True only for what {@link canonical} gives back as it is. */
export function isWhole(value: unknown): boolean {
  return value === undefined || isSimple(value, true);
}

/** One walk over a value: refuses what cannot be stored and notices what plain JSON would change. */
class Survey {
  tagged = false;
  lossy = false;
  readonly #root: string;
  readonly #references: References | undefined;
  readonly #maxValues: number;
  readonly #keys: (string | number)[] = [];
  #top: unknown;
  #values = 0;

  constructor(root: string, references: References | undefined, maxValues: number) {
    this.#root = root;
    this.#references = references;
    this.#maxValues = maxValues;
  }

  visit(value: unknown, depth: number): void {
    if (depth === 0) this.#top = value;
    if (++this.#values > this.#maxValues) {
      throw new InvalidInputError(
        this.#root,
        `holds more than ${this.#maxValues} values, so it takes more bytes than that.`,
      );
    }
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return;
      case 'number':
        if (!Number.isFinite(value)) this.#refuse(depth, `${value} cannot be stored; use null or a string.`);
        if (value === 0 && Object.is(value, -0)) this.lossy = true;
        return;
      case 'object':
        if (value !== null) this.#visitObject(value, depth);
        return;
      default:
        this.#refuse(depth, `a ${typeof value} cannot be stored; pass data only.`);
    }
  }

  #visitObject(value: object, depth: number): void {
    if (depth > MAX_DEPTH) this.#refuseDepth();
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) {
        this.#keys[depth] = index;
        if (value[index] === undefined) this.tagged = true;
        else this.visit(value[index], depth + 1);
      }
      return;
    }
    if (!isPlain(value)) return this.#visitInstance(value, depth);
    for (const key of Object.keys(value)) {
      const member = (value as Plain)[key];
      this.#keys[depth] = key;
      if (member === undefined) this.lossy = true;
      else this.visit(member, depth + 1);
    }
  }

  #visitInstance(value: object, depth: number): void {
    this.tagged = true;
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) this.#refuse(depth, 'an invalid Date cannot be stored.');
      return;
    }
    if (value instanceof Error || this.#references?.name(value)) return;
    const kind = value.constructor?.name ?? 'object with a prototype';
    this.#refuse(
      depth,
      `an instance of ${kind} cannot be stored; pass plain objects, arrays, strings, numbers and Dates.`,
    );
  }

  #refuse(depth: number, problem: string): never {
    throw new InvalidInputError(pathOf(this.#root, this.#keys.slice(0, depth)), problem);
  }

  #refuseDepth(): never {
    const above = new Set<unknown>();
    let value = this.#top;
    for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
      if (above.has(value)) this.#refuse(depth, 'refers to an object that contains it; a cycle cannot be stored.');
      above.add(value);
      value = (value as Plain)[this.#keys[depth] as string];
    }
    this.#refuse(8, `is nested more than ${MAX_DEPTH} levels deep.`);
  }
}

function pathOf(root: string, keys: readonly (string | number)[]): string {
  let path = root;
  for (const key of keys) {
    if (typeof key === 'number') path += `[${key}]`;
    else path += /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  }
  return path;
}

/** An object whose members are all there is to it, from this realm or another. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A key named `__proto__` is data like any other. */
function put(target: Plain, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else target[key] = value;
}

function tag(value: unknown, references: References | undefined): unknown {
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

function untag(value: unknown, references: References | undefined): unknown {
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

function copy(value: unknown, references: References | undefined): unknown {
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
