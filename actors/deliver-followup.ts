import { MISSING_GATEWAY } from '../machines/followup.ts';
import { DropError, RetryableError } from '../src/classify.ts';
import type { RunContext } from '../src/run-context.ts';
import type { ThreadGateway } from './thread-gateway.ts';

/** Of a follow-up, what is needed to deliver it. One that was made by a machine may name no thread. */
export interface Parcel {
  readonly threadId: string | null;
  readonly message: unknown;
}

/** The handler of follow-ups in a process with this gateway, or with none. */
export function deliverFollowup(threads: ThreadGateway | null) {
  return async ({ id, input, attempt, idempotencyKey, signal }: RunContext<Parcel>): Promise<void> => {
    const { threadId, message } = input;
    // Known for good, so it comes before what may be otherwise in another process.
    if (!threadId) throw new DropError('The follow-up names no thread.', { reason: 'missing_thread_id' });
    if (!threads) {
      throw new RetryableError("This process has no gateway to threads: give createScheduler() the option 'threads'.", {
        code: MISSING_GATEWAY,
      });
    }
    await threads.deliver({ threadId, message, followupId: id, idempotencyKey, attempt, signal });
  };
}
