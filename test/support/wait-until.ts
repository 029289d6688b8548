/** Waiting for a condition instead of for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with the first answer that is neither false, null nor undefined. Asks again after a pause that grows to 50 ms,
 * so that waiting takes no processor time from what is waited for.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000, what = 'the condition' }: { timeoutMs?: number; what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const endMs = performance.now() + timeoutMs;
  let pauseMs = 2;
  for (;;) {
    const answer = await condition();
    if (answer !== false && answer !== null && answer !== undefined) return answer as NonNullable<Exclude<T, false>>;
    if (performance.now() > endMs) throw new Error(`Waited ${timeoutMs} ms for ${what}, in vain.`);
    await sleep(pauseMs);
    pauseMs = Math.min(50, pauseMs * 1.5);
  }
}
