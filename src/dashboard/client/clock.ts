/** The store's clock, as far as a page can know it: this machine's may be an hour wrong. */
import { useEffect, useState } from 'preact/hooks';

let aheadMs = 0;

export function observeClock(now: number | undefined): void {
  if (now !== undefined) aheadMs = now - Date.now();
}

export function now(): number {
  return Date.now() + aheadMs;
}

const watching = new Set<(at: number) => void>();
let ticking: ReturnType<typeof setInterval> | null = null;

/** The time, anew every second; one timer serves all that show it. */
export function useNow(): number {
  const [at, setAt] = useState(now);
  useEffect(() => {
    watching.add(setAt);
    ticking ??= setInterval(() => {
      for (const tell of watching) tell(now());
    }, 1000);
    return () => {
      watching.delete(setAt);
      if (watching.size > 0 || ticking === null) return;
      clearInterval(ticking);
      ticking = null;
    };
  }, []);
  return at;
}
