/**
 * Payloads as text, and back. One character says which codec wrote it: `1` is plain JSON, `2` is JSON in which an object with the
 * key `$` stands for what JSON cannot say. Whatever would come back as something else is refused at the door, by path.
 */

import { isSimple } from './codec/plain-data.ts';
import { MAX_VALUES, Survey } from './codec/survey.ts';
import { copy, type References, tag, untag } from './codec/tagging.ts';
import { InvalidInputError } from './errors.ts';

export interface EncodeOptions {
  /** What the value is called in errors: `input`, `event`, … */
  readonly path: string;
  /** Most bytes of text it may take. */
  readonly maxBytes: number;
}

const PLAIN = '1';
const TAGGED = '2';

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

/** True only for what {@link canonical} gives back as it is. */
export function isWhole(value: unknown): boolean {
  return value === undefined || isSimple(value, true);
}
