/**
 * Hides parts of values from logs, inspection and dashboard. What is stored stays as it is. A path is looked for at every
 * depth, because the same input is `input` in one place and `snapshot.context.input` in another: rather too much is hidden
 * than too little.
 */

/** What is shown instead. */
export const REDACTED = '[Redacted]';

type Keys = readonly string[];

/** How far one path has come: the keys of it that are matched so far. */
interface Match {
  readonly keys: Keys;
  readonly matched: number;
}

const ONE_KEY = /\.?(?:([^.[\]*"'\s]+|\*)|\[(\d+|\*)\]|\["([^"]+)"\]|\['([^']+)'\])/y;

/** Paths of one list, read once. */
const read = new WeakMap<readonly string[], readonly Match[]>();

/** The keys that a path names: 'card.number', 'cards[*].number', '*.secret', 'headers["set-cookie"]'. Null: it is no path. */
export function readRedactPath(path: string): Keys | null {
  const keys: string[] = [];
  if (path.startsWith('.')) return null;
  ONE_KEY.lastIndex = 0;
  while (ONE_KEY.lastIndex < path.length) {
    const before = ONE_KEY.lastIndex;
    const found = ONE_KEY.exec(path);
    // Two bare keys need a point between them.
    if (!found || (before > 0 && found[1] !== undefined && path[before] !== '.')) return null;
    keys.push(found.slice(1).find((part) => part !== undefined) as string);
  }
  return keys.length > 0 ? keys : null;
}

/**
 * The value with all that `paths` name replaced by '[Redacted]'. Parts without any are the same objects as before, and nothing
 * is changed in place. `*` is any one key or item; items of arrays need not be named: 'cards.number' is in `cards[0].number`.
 */
export function redacted(value: unknown, paths: readonly string[]): unknown {
  if (paths.length === 0 || typeof value !== 'object' || value === null) return value;
  return hide(value, [], startsOf(paths), new Set());
}

function startsOf(paths: readonly string[]): readonly Match[] {
  const known = read.get(paths);
  if (known) return known;
  const starts = paths.flatMap((path) => {
    const keys = readRedactPath(path);
    return keys ? [{ keys, matched: 0 }] : [];
  });
  read.set(paths, starts);
  return starts;
}

function hide(value: unknown, matches: readonly Match[], starts: readonly Match[], above: Set<object>): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value;
  // What contains itself would show unhidden inside of what was hidden.
  if (above.has(value)) return '[Circular]';
  above.add(value);
  const changed = new Map<string, unknown>();
  const isArray = Array.isArray(value);
  for (const key of keysOf(value)) {
    const reached = [...matches, ...starts].flatMap((match) => advanced(match, key));
    const member = (value as Readonly<Record<string, unknown>>)[key];
    const shown = reached.some(({ keys, matched }) => keys.length === matched)
      ? REDACTED
      : hide(member, isArray ? [...matches, ...reached] : reached, starts, above);
    if (shown !== member) changed.set(key, shown);
  }
  above.delete(value);
  return changed.size === 0 ? value : withChanged(value, changed);
}

/** An error's own words are not enumerable, and are shown all the same. */
function keysOf(value: object): readonly string[] {
  return value instanceof Error ? Object.getOwnPropertyNames(value) : Object.keys(value);
}

function advanced({ keys, matched }: Match, key: string): readonly Match[] {
  const wanted = keys[matched];
  return wanted === key || wanted === '*' ? [{ keys, matched: matched + 1 }] : [];
}

function withChanged(value: object, changed: ReadonlyMap<string, unknown>): object {
  const copy: object = Array.isArray(value)
    ? [...value]
    : Object.create(Object.getPrototypeOf(value) as object | null, Object.getOwnPropertyDescriptors(value));
  for (const [key, shown] of changed) {
    const { enumerable = true } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    Object.defineProperty(copy, key, { value: shown, enumerable, writable: true, configurable: true });
  }
  return copy;
}
