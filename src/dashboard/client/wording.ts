/** How numbers and instants read. */
import type { Count } from '../wire.ts';

const number = new Intl.NumberFormat('en');

export function countText(count: number, exact = true): string {
  return exact ? number.format(count) : `≈ ${number.format(rounded(count))}`;
}

/** What the store stopped counting. */
export function boundedText({ count, exact }: Count): string {
  return exact ? number.format(count) : `${number.format(count)}+`;
}

/** Two digits are all that a sample says. */
function rounded(count: number): number {
  const size = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 1);
  return Math.round(count / size) * size;
}

export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(size)} ms`;
  if (size < 10_000) return `${(size / 1000).toFixed(1)} s`;
  if (size < 60_000) return `${Math.floor(size / 1000)} s`;
  if (size < 3_600_000) return two(size, 60_000, 'min', 1000, 's');
  if (size < 86_400_000) return two(size, 3_600_000, 'h', 60_000, 'min');
  return two(size, 86_400_000, 'd', 3_600_000, 'h');
}

function two(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`;
}

/** 'in 3 s', '2 min ago'. */
export function relativeText(at: number, now: number): string {
  const ms = at - now;
  if (Math.abs(ms) < 500) return 'now';
  return ms > 0 ? `in ${durationText(ms)}` : `${durationText(ms)} ago`;
}

/** The innermost of the states that are active. */
export function innermost(states: readonly string[]): readonly string[] {
  return states.filter((path) => !states.some((other) => other.startsWith(`${path}.`)));
}
