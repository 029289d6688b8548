/**
 * Most of a context says that nothing special happened. A definition may name what its machine's begins with: members that are
 * still so are left out of the text, and put back when it is read.
 */

type Members = Readonly<Record<string, unknown>>;

/** The members that have changed, in the order of the context. */
export function unrested(context: Members, atRest: object): Members {
  const told: Record<string, unknown> = {};
  for (const key in context) if (!isSame(context[key], (atRest as Members)[key])) told[key] = context[key];
  return told;
}

/** The whole of it, in the order of what it began with. */
export function rested(told: Members, atRest: object): Members {
  return { ...atRest, ...told };
}

function isSame(value: unknown, other: unknown): boolean {
  return value === other || (isEmpty(value) && isEmpty(other));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
