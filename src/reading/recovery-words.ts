import { formatDuration } from '../duration.ts';

/** Out of quick retries, and waiting for a slow attempt. */
export interface Recovering {
  /** Number of the recovery that comes next. */
  readonly attempt: number;
  /** How many there may be. Absent where this process does not know the definition. */
  readonly of?: number;
  readonly nextAt: Date;
}

/** `Failed (recovering, 2 of 5, next in 28 s)`. */
export function recoveringText({ attempt, of, nextAt }: Recovering, nowMs: number): string {
  const count = of === undefined ? `${attempt}` : `${attempt} of ${of}`;
  return `Failed (recovering, ${count}, next ${inText(nextAt.getTime() - nowMs)})`;
}

/** Up to two minutes in seconds, as a clock that runs down is read. */
function inText(ms: number): string {
  if (ms <= 0) return 'now';
  return `in ${(ms < 120_000 ? `${Math.ceil(ms / 1000)}s` : formatDuration(ms)).replace(/(\d)([a-z])/, '$1 $2')}`;
}
