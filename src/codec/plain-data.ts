/**
 * What of a value is plain data: members and nothing else. Most payloads are small and plain all through, which a short look tells
 * without keeping a path; what it does not vouch for is left to the walk that can name what is wrong.
 */

export type Plain = Record<string, unknown>;

/** An object whose members are all there is to it, from this realm or another. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Most values and levels of what is looked at without keeping the path to it. */
const SIMPLE_VALUES = 200;
const SIMPLE_LEVELS = 8;
let looked = 0;

/**
 * Small and plain through and through: JSON says all of it. Most payloads, contexts and events are; the walk that can name what is
 * wrong with one costs more than everything else that happens to them. `whole`: JSON says it back, too, and drops nothing.
 */
export function isSimple(value: unknown, whole: boolean): boolean {
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
