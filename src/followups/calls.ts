import type { Handle } from '../definitions/handle.ts';
import type { ActorView } from '../reading/views.ts';
import type { FollowupOptions } from './options.ts';

/** What a scheduler offers for follow-ups. */
export interface FollowupCalls {
  /**
   * Schedules one message to one thread, delivered by `threads` of whichever worker's process it falls to. With `key`, what is
   * pending under it is cancelled (reason `replaced`) in the same transaction, and the outcome is `replaced`; one whose
   * delivery has begun is no longer pending, and the new one is scheduled beside it.
   * @throws InvalidOptionError @throws InvalidInputError @throws IdempotencyConflictError
   */
  scheduleFollowup(options: FollowupOptions): Promise<Handle>;
  /** All of a thread that have not settled, and those settled that were to be kept (`deleteAfterRun: false`); newest first. */
  listFollowups(filter: { threadId: string }): Promise<ActorView[]>;
  /** Cancels what has not settled: of one key, or all of a thread. Gives how many were asked to end. */
  cancelFollowup(selector: { key: string } | { threadId: string }): Promise<number>;
}
