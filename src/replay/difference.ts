/**
 * Where what was stored and what was replayed part ways: the first path that differs, whether in a state or in a whole snapshot.
 * Equal means equal in words and in order, but for what is no part of the past.
 */

import { encode } from '../codec.ts';

/** Where the replay left what was stored. */
export interface ReplayDifference {
  readonly seq: number;
  /** `state`, or a path in the stored snapshot. */
  readonly path: string;
  readonly stored: unknown;
  readonly replayed: unknown;
}

interface RecordText {
  readonly v?: unknown;
  readonly c?: unknown;
}

/**
 * A stored snapshot in words, as it lies in its text. Whether an effect runs just now is its worker's affair, and no part of
 * the past.
 */
export function bare(snapshot: string): unknown {
  const { m, t, e, r, ...system } = JSON.parse(snapshot.slice(1)) as {
    readonly m: RecordText;
    readonly t?: unknown;
    readonly e?: readonly object[];
    readonly r?: unknown;
  };
  const { v: state, c: context, ...machine } = m;
  const effects = e?.map((effect) => Object.fromEntries(Object.entries(effect).filter(([key]) => key !== 'b')));
  return { state, context, machine, timers: t, effects, children: r, system };
}

/** A value as it would lie in such a text. */
export function inWords(value: unknown): unknown {
  const text = encode(value, { path: 'output', maxBytes: Number.POSITIVE_INFINITY });
  return text.length === 1 ? undefined : JSON.parse(text.slice(1));
}

/** The first part in which the two differ. Key order counts: it decides what XState does next. */
export function differenceIn(
  stored: unknown,
  replayed: unknown,
  path: string,
): Omit<ReplayDifference, 'seq'> | undefined {
  if (Object.is(stored, replayed)) return undefined;
  const differs = { path, stored, replayed };
  if (!isContainer(stored) || !isContainer(replayed)) return differs;
  const keys = Object.keys(stored);
  const others = Object.keys(replayed);
  const missing = [...keys, ...others].find((key) => !Object.hasOwn(stored, key) || !Object.hasOwn(replayed, key));
  const changed = [...(missing === undefined ? [] : [missing]), ...keys]
    .map((key) => differenceIn(stored[key], replayed[key], path === '' ? key : `${path}.${key}`))
    .find((found) => found !== undefined);
  return changed ?? (keys.join('\n') === others.join('\n') ? undefined : differs);
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !(value instanceof Error);
}
