import type { Reply } from './contract/clock.ts';
import type { Scheduled } from './contract/scheduling.ts';

/** Whose place a new actor takes, and what those are told. */
export interface Replacement {
  /** Those of its definition's name with this label that nothing has happened to yet but mail. */
  readonly label: string;
  /** Event put into the mailbox of each. One that has it there already is as good as gone, and is not told again. */
  readonly letter: string;
}

export interface Replaced extends Reply {
  readonly item: Scheduled;
  /** Whose place it took, newest first; empty where it was not scheduled. */
  readonly replaced: readonly string[];
  /** Distinct queue ids that now have something due. */
  readonly queues: readonly number[];
}
