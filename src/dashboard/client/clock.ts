/** The store's clock, as far as a page can know it: this machine's may be an hour wrong. */
import { useEffect, useState } from 'preact/hooks';

let aheadMs = 0;

export function observeClock(now: number | undefined): void {
  if (now !== undefined) aheadMs = now - Date.now();
}

export function now(): number {
  return Date.now() + aheadMs;
}

/** The time, anew every second. */
export function useNow(): number {
  const [at, setAt] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setAt(now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return at;
}
