/** What can be seen of actors from outside. Reading holds nothing: it may be out of date as it arrives. */

import type { Instant } from './clock.ts';

export type Status = 'active' | 'done' | 'dropped' | 'quarantined';

export interface StoredActor {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly queue: string;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly status: Status;
  readonly state: string | null;
  readonly input: string | null;
  readonly snapshot: string | null;
  readonly history: string;
  readonly spilled: boolean;
  readonly seq: number;
  readonly fence: number;
  readonly attempt: number;
  readonly strikes: number;
  readonly retried: number;
  readonly worker: string | null;
  readonly claimedAt: Instant | null;
  readonly wakeAt: Instant | null;
  readonly parent: string | null;
  readonly role: string | null;
  readonly key: string | null;
  /** Why it is quarantined or parked, if it is. */
  readonly reason: string | null;
  readonly progress: string | null;
  readonly record: string | null;
  readonly mail: number;
  readonly createdAt: Instant;
  readonly settledAt: Instant | null;
}

export interface ListFilter {
  readonly status?: Status;
  readonly outcome?: string;
  readonly state?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly label?: string;
  readonly key?: string;
  readonly parentId?: string;
  readonly limit: number;
  /**
   * Only the newest so many, alive and settled each, are looked at: what is rare costs no more than that. The cursor then goes on
   * where the look ended, also after a page with nothing on it.
   */
  readonly within?: number;
  /** Newest first; the id after which to go on. */
  readonly cursor?: string;
}

/** What a waiter needs to know, for many ids in one question. */
export interface Progressed {
  readonly id: string;
  readonly seq: number;
  /** A worker has it, which may show more than the row says. */
  readonly held: boolean;
  readonly state: string | null;
  readonly status: Status;
  readonly record: string | null;
}

/** One broken promise found by the audit: an active actor that nothing will ever look at, for example. */
export interface AuditFinding {
  readonly actor: string;
  readonly problem: string;
}
