/**
 * The columns of a group of rows, each as one text that Postgres takes apart: the driver's own arrays escape every element, which
 * costs more than the rest of a write.
 */

export function numbers(values: readonly (number | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`;
}

export function flags(values: readonly boolean[]): string {
  return `{${values.join(',')}}`;
}

/** UUIDs, and whatever else needs no quotes in an array. */
export function ids(values: readonly (string | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`;
}

/**
 * For `string_to_array($n, chr(1), chr(2))`: neither character occurs in JSON, nor in names that were checked. Text that is nobody's
 * to check must not come this way. A single empty text comes out as null, so a column that has empty ones says `coalesce`.
 */
export function texts(values: readonly (string | null)[]): string {
  return values.map((value) => value ?? '\u0002').join('\u0001');
}

/** Text that nobody has checked, such as reasons: the driver escapes it, where there is any. */
export function unchecked(values: readonly (string | null)[]): string | readonly (string | null)[] {
  return values.every((value) => value === null) ? ids(values) : values;
}
