/**
 * Lists that are empty for most jobs, or hold one thing. All empty ones are one, and one that changes is a new one: an array that is
 * pushed to takes room for seventeen at once.
 */
export const NONE: readonly never[] = [];

export function appended<T>(list: readonly T[], item: T): readonly T[] {
  return list.length === 0 ? [item] : [...list, item];
}

export function joined<T>(list: readonly T[], more: readonly T[]): readonly T[] {
  if (more.length === 0) return list;
  return list.length === 0 ? more : [...list, ...more];
}

/** The list itself where it is not in there. */
export function without<T>(list: readonly T[], item: T): readonly T[] {
  if (!list.includes(item)) return list;
  return list.length === 1 ? NONE : list.filter((other) => other !== item);
}
