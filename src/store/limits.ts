/** What the contract says of limits: how much a definition allows, under which keys an actor counts, and who waits. */
import type { Instant } from './contract/clock.ts';

/** How much a definition allows under each of its keys; null: as much as there is. */
export interface DefinitionLimits {
  /** Actors that hold a place at once. */
  readonly concurrency: number | null;
  /** Starts in any stretch of time of that length. */
  readonly rate: { readonly limit: number; readonly perMs: number } | null;
}

export interface LimitKey {
  /** UUID of namespace, definition name, kind of limit and key: who has the same one shares the limit. */
  readonly id: string;
  /** As it is shown. */
  readonly key: string;
}

/** What an actor's starts are counted under; null where its definition had no such limit when it was scheduled. */
export interface LimitKeys {
  readonly concurrency: LimitKey | null;
  readonly rate: LimitKey | null;
}

/** What a turn of an actor with limits wants. One that lets go of the actor gives its place back, whatever it says here. */
export interface PlaceRequest {
  readonly keys: LimitKeys;
  /**
   * An attempt begins with this write. Where there is no place for it nothing of the write happens: the actor is let go of as
   * it was before its claim, its mail unread, and waits for its turn (`CommitReply.waiting`).
   */
  readonly start: boolean;
  /** While it waits it is looked at again at this instant, whatever comes first. */
  readonly until: Instant | null;
}

/** Why an actor does not start although it is due. */
export interface PlaceWait {
  readonly kind: 'concurrency' | 'rate';
  readonly key: string;
  /** Null: its definition has no such limit any more. */
  readonly limit: number | null;
  /** Places held, or starts that still count. */
  readonly taken: number;
  /** Of a full rate: when the next start is allowed, to whoever is first. */
  readonly nextAt: Instant | null;
  /** There is room for it now, and it is due. */
  readonly admitted: boolean;
}

/** Something in that queue is due at that instant. */
export interface Upcoming {
  readonly queue: number;
  readonly at: Instant;
}
