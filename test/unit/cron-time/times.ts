import type { CronTimes } from '../../../src/cron-time.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const NOW = Date.UTC(2026, 10, 24, 12);

export const at = (text: string): number => Date.parse(text);

export function times(rhythm: string | number, rest: Partial<CronTimes> = {}): CronTimes {
  const [cron, everyMs] = typeof rhythm === 'string' ? [rhythm, null] : [null, rhythm];
  return { cron, everyMs, timezone: 'UTC', startAt: null, endAt: null, ...rest };
}
