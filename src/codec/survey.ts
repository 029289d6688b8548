/**
 * The walk over a payload before it is written: whatever cannot be stored, or would not come back as it was, is refused here by
 * its path. After it, tagging meets nothing that it has no tag for.
 */

import { InvalidInputError } from '../errors.ts';
import { isPlain, type Plain } from './plain-data.ts';
import type { References } from './tagging.ts';

/** Deeper than this is refused rather than left to overflow the stack. */
const MAX_DEPTH = 200;
/** More values than this are refused before anybody tries to write them: shared parts can unfold without end. */
export const MAX_VALUES = 5_000_000;

/** One walk over a value: refuses what cannot be stored and notices what plain JSON would change. */
export class Survey {
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
