/** How an actor is taken over to a newer version of its definition: what its code is given of the older one, and what it gives. */

import type { AnyEventObject } from 'xstate';

/** A pending timer of an actor as it is stored; `dueAt` in milliseconds since 1970. */
export interface StoredTimer {
  readonly id: string;
  readonly event: AnyEventObject;
  readonly dueAt: number;
}

/** A child of an actor as it is stored. */
export interface StoredChild {
  readonly id: string;
  readonly src: string;
  readonly snapshot: unknown;
}

/** How an actor goes on after a migration. */
export interface MigrationOutcome {
  /** `{ value, context }`, as this version has them; with `historyValue` where the machine has history. */
  snapshot: unknown;
  /**
   * Pending timers: those of before, changed or not, by their ids, and new ones under any other id. The event of an `after` is
   * `xstate.after.<delay>.<machine id>.<state>`. All of those of before unless given.
   */
  timers?: StoredTimer[];
  /** Children that go on; the others are stopped. All unless given. New ones cannot be started here. */
  children?: readonly { readonly id: string }[];
}

/**
 * Takes an actor of an older version over to this one, when it is next due and no living worker has code for that version.
 * Pure: the same from the same. What it throws, or gives that does not fit the machine, sets the actor aside, unchanged.
 * `old.snapshot` is `{ value, context }`, with `historyValue` where the machine has history.
 */
export type Migrate = (old: {
  version: number;
  snapshot: unknown;
  timers: StoredTimer[];
  children: StoredChild[];
}) => MigrationOutcome;
