import ms from 'ms';

/** A span of time: a number of milliseconds, or text such as '250ms', '30s', '15m', '24h' or '7d'. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const DURATION_TEXT = /^\d+(\.\d+)?(ms|s|m|h|d)$/;

/** Whole milliseconds, rounded up so that nothing is early. Null: not a duration (negative, endless, other units, other types). */
export function readDuration(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.ceil(value) : null;
  if (typeof value !== 'string' || value.length > 32 || !DURATION_TEXT.test(value)) return null;
  return Math.ceil(ms(value as ms.StringValue));
}

/** For messages: '366d', '1s', '200ms'. */
export function formatDuration(durationMs: number): string {
  return ms(durationMs);
}
