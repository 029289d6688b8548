/** How much is measured. */
export interface Sizes {
  /** Scheduled in bulk and drained. */
  readonly jobs: number;
  readonly manyJobs: number;
  /** Scheduled one by one. */
  readonly singles: number;
  readonly freshLatencies: number;
  readonly latencies: number;
  /** Jobs that a process has run before it counts as warm. */
  readonly latencyWarmUp: number;
  readonly timers: number;
  readonly timersOverMs: number;
  /** From storing the first timer to when the first is due. */
  readonly timersLeadMs: number;
  readonly herd: number;
  /** Stored and due in a month while the rows are measured again. */
  readonly future: number;
  readonly replays: number;
  /** Running in the hands of the worker that is killed. */
  readonly held: number;
  readonly sustainedMinutes: number;
  readonly longDrain: number;
  /** Runs in the history while others are drained. */
  readonly settled: number;
}

export const fullSizes: Sizes = {
  jobs: 20_000,
  manyJobs: 100_000,
  singles: 10_000,
  freshLatencies: 300,
  latencies: 400,
  latencyWarmUp: 2_000,
  timers: 1_000,
  timersOverMs: 10_000,
  timersLeadMs: 3_000,
  herd: 20_000,
  future: 1_000_000,
  replays: 2_000,
  held: 20,
  sustainedMinutes: 5,
  longDrain: 1_000_000,
  settled: 10_000_000,
};

export const quickSizes: Sizes = {
  jobs: 2_000,
  manyJobs: 10_000,
  singles: 500,
  freshLatencies: 80,
  latencies: 80,
  latencyWarmUp: 300,
  timers: 100,
  timersOverMs: 1_000,
  timersLeadMs: 1_200,
  herd: 2_000,
  future: 20_000,
  replays: 300,
  held: 5,
  sustainedMinutes: 0.25,
  longDrain: 20_000,
  settled: 50_000,
};
