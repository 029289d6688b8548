/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine read alike. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The wall clock, finer than whole milliseconds. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
