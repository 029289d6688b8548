/** One attempt to deliver one follow-up. */
export interface Delivery {
  readonly threadId: string;
  /** What was scheduled, as it was given. */
  readonly message: unknown;
  /** The id of the follow-up's actor. */
  readonly followupId: string;
  /** The same for all attempts of this follow-up: pass it on, so that a repetition is recognised. */
  readonly idempotencyKey: string;
  /** 1, 2, … */
  readonly attempt: number;
  /** Aborts on timeout, cancel, lost lease and stop. What a delivery answers after that no longer counts. */
  readonly signal: AbortSignal;
}

/**
 * How follow-ups reach their threads. Write your own to deliver inside the process, or use `webhookThreads()`.
 *
 * Resolving means delivered. Throw `ThreadNotFoundError` or `ThreadStoppedError` to drop the follow-up at once; `DropError`
 * and `RetryableError` mean what they mean in a job, and any other error is tried again within the budget. A delivery
 * happens at least once: the same message comes again when a worker dies before its success is written down.
 */
export interface ThreadGateway {
  deliver(delivery: Delivery): Promise<void>;
}
