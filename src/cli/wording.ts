/**
 * How data reads on a terminal. Everything that came out of the database goes through `plain` before it is shown: a name or
 * an error message must not be able to move the cursor, recolour the screen or hide text.
 */
import { stripVTControlCharacters } from 'node:util';
import type { StateValue } from 'xstate';
import { formatDuration } from '../duration.ts';
import { systemEnv } from '../env.ts';
import { recoveringText } from '../reading/recovery-words.ts';
import type { ActorView } from '../reading/views.ts';

/** Control characters, and the marks that turn the direction of text. */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** One line of text without terminal escapes and control characters. */
export function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\s*[\r\n\t]+\s*/g, ' ')
    .replaceAll(CONTROLS, '');
}

/** At most so many characters; a cut is visible. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** A value on one line, cut where it is long. */
export function short(value: unknown, length = 100): string {
  return clip(plain(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')), length);
}

/** `math.added`, or `left.a right.b` for parallel states. */
export function stateText(state: StateValue | null): string {
  return state === null ? 'not begun' : plain(paths(state).join(' '));
}

function paths(state: StateValue): string[] {
  if (typeof state === 'string') return [state];
  return Object.entries(state).flatMap(([key, inner]) => {
    const below = inner === undefined ? [] : paths(inner);
    return below.length === 0 ? [key] : below.map((path) => `${key}.${path}`);
  });
}

/** `in 3s`, `2m ago`. */
export function relative(instant: Date, nowMs: number): string {
  const ms = instant.getTime() - nowMs;
  if (Math.abs(ms) < 1) return 'now';
  return ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}

/** The instant and how far away it is. */
export function instantText(instant: Date, nowMs: number): string {
  return `${instant.toISOString()} (${relative(instant, nowMs)})`;
}

/** How it is or how it ended, in a few words. */
export function statusText(
  { status, state, record, reason, recovering }: ActorView,
  nowMs = systemEnv.wallMs(),
): string {
  if (status === 'active' && recovering) return recoveringText(recovering, nowMs);
  if (status === 'active') return stateText(state) + (reason === undefined ? '' : ' (parked)');
  if (status === 'quarantined') return 'quarantined';
  if (!record) return status;
  return record.status === 'success' ? 'success' : plain(`${record.status}: ${record.reason}`);
}
