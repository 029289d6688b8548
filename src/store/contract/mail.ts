/** Events for actors that exist: stored in order until a turn reads them, and once for each dedupId. */

import type { Instant, Reply } from './clock.ts';

export interface NewMail {
  readonly actor: string;
  readonly event: string;
  /**
   * A second mail with the same id to the same actor is dropped, for as long as the actor lives. Mail of one call is read in
   * its order, unless one with such an id has to wait for another sender's open transaction.
   */
  readonly dedupId: string | null;
}

export interface Mail {
  readonly id: string;
  readonly event: string;
  readonly at: Instant;
}

/** `settled` and `unknown`: nothing was stored for this one. `duplicate`: its dedupId was seen before. */
export type Sent = 'stored' | 'duplicate' | 'settled' | 'unknown';

export interface SendReply extends Reply {
  readonly items: readonly Sent[];
  /** Distinct queue ids that now have something due: whom to wake. */
  readonly queues: readonly number[];
}
