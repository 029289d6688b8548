/**
 * What a worker asks of what is due, and all it needs to know of an actor it gets. Whoever claims holds alone: the fence was
 * raised, and a claim of before can write no more.
 */

import type { LimitKeys } from '../limits.ts';
import type { Instant, Reply } from './clock.ts';
import type { Mail } from './mail.ts';

export interface ClaimRequest {
  readonly worker: string;
  /** Number of the lease row written for this claim; never reused by this worker. */
  readonly lease: number;
  /** Within a priority level, an earlier one is emptied before a later one is looked at. */
  readonly queues: readonly number[];
  /** What this worker has code for. Anything else is left where it is. */
  readonly defs: readonly number[];
  /** Older versions of those, where it may take them over (see {@link Store.orphans}). None unless given. */
  readonly inherits?: readonly Orphan[];
  readonly slots: number;
  /**
   * Whether one actor that was held at two or more worker deaths in a row may be among them. A worker runs at most one
   * such suspect at a time, so that a job which kills its process cannot have its neighbours blamed.
   */
  readonly suspect: boolean;
  /** Serve the priority level whose head has waited longest first (aging). */
  readonly oldestFirst: boolean;
}

/** A definition that no living worker of that queue has code for. */
export interface Orphan {
  readonly queue: number;
  readonly def: number;
}

export interface Claimed {
  readonly id: string;
  readonly def: number;
  readonly name: string;
  readonly version: number;
  readonly queue: number;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly parent: string | null;
  readonly role: string | null;
  readonly input: string | null;
  /** As views show it, so that a row which cannot be decoded keeps it. */
  readonly state: string | null;
  readonly attempt: number;
  /** Null before the first turn. */
  readonly snapshot: string | null;
  readonly history: string;
  readonly spilled: boolean;
  readonly seq: number;
  /** Already raised by this claim. */
  readonly fence: number;
  readonly pokes: number;
  /** Claims in a row, before this one, that ended with the death of their worker. */
  readonly strikes: number;
  /** How often an operator had it begin again. */
  readonly retried: number;
  /** When the claim before this one was made, if its worker died; null otherwise. */
  readonly claimedBefore: Instant | null;
  /**
   * The instant of its own due row before the claim: when it said it wanted to be looked at. One that has passed outlives
   * the death of the worker that claimed it, so that a first turn taken again still knows when the run was due.
   */
  readonly wakeAt: Instant | null;
  /** Its own due row if that is still in the table (the claim was for mail), else null. */
  readonly dueRowAt: Instant | null;
  readonly createdAt: Instant;
  readonly limits: LimitKeys | null;
  /** At most 1,000, oldest first. What is left is due again by a row of its own. */
  readonly mail: readonly Mail[];
}

/** An actor that was due but is held by a living worker: its owner has to look into the mailbox. */
export interface Poked {
  readonly id: string;
  readonly worker: string;
}

export interface ClaimReply extends Reply {
  readonly claimed: readonly Claimed[];
  readonly poked: readonly Poked[];
  /** True when `slots` was not enough for what is due. */
  readonly more: boolean;
  /** When to claim again although nothing more was seen, because it may not have looked everywhere. Null: it has. */
  readonly again: Instant | null;
}

/** `elsewhere`: something waits where claims did not look so far, and will from now on. What the last one did not find may be had. */
export type DueReply = Reply & { readonly due: ReadonlyMap<number, Instant>; readonly elsewhere: boolean };
