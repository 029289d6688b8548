import type { Insight } from '../scheduler/insight.ts';

/** However little was written, what depends on the time of day alone is told anew after this. */
const OLDEST_MS = 2_000;
/** What took long is not asked again before so many times that long has passed, whatever was written. */
const REST = 4;

/**
 * Remembers an answer for as long as nothing was written, and asks once for all who ask at the same time: ten open pages cost
 * what one does. On a store that is written to all the time the answer may be old by a few times what it takes to get.
 */
export function remembered<T>(insight: Insight, ask: () => Promise<T>): () => Promise<T> {
  const { env } = insight;
  let last: { readonly value: T; readonly mark: string; readonly atMs: number; readonly tookMs: number } | null = null;
  let asking: Promise<T> | null = null;
  const answer = async (): Promise<T> => {
    const startMs = env.monotonicMs();
    if (last && startMs - last.atMs < REST * last.tookMs) return last.value;
    // Asked before, so that what is written meanwhile makes the answer old.
    const now = await insight.mark();
    if (last && now === last.mark && startMs - last.atMs < OLDEST_MS) return last.value;
    const value = await ask();
    const atMs = env.monotonicMs();
    last = { value, mark: now, atMs, tookMs: atMs - startMs };
    return value;
  };
  return () => {
    asking ??= answer().finally(() => {
      asking = null;
    });
    return asking;
  };
}
