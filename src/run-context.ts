import type { Logger } from 'pino';
import type { Schedule } from './definitions/handle.ts';

/** All a handler gets to know of its run, and the ways to speak while it runs. */
export interface RunContext<I> {
  readonly id: string;
  readonly name: string;
  readonly input: I;
  /** 1, 2, … */
  readonly attempt: number;
  /** Names this attempt alone: for logs and fencing. */
  readonly attemptId: string;
  /** The same for all attempts, retries and takeovers of this run: give it to whatever the handler calls. */
  readonly idempotencyKey: string;
  /** When the run was due, not when it started. */
  readonly nominalAt: Date;
  /** Outputs of the finished children this run comes after, by key, where it is part of a flow. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Aborts on timeout, cancel, lost lease and stop. What the handler returns after that no longer counts. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Shown in every view of the run; survives retries. */
  readonly progress: (value: unknown) => Promise<void>;
  /** Keyed by this run, so that a retry does not schedule twice. */
  readonly schedule: Schedule;
}
