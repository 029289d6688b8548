/**
 * A full in-row history moved to the journal table: its entries, from `fromSeq` on. `base` is the snapshot AFTER the last of
 * them, so that a replay of what follows can start there once older segments are gone.
 */
export interface JournalSegment {
  readonly fromSeq: number;
  readonly base: string | null;
  readonly entries: string;
}

/** A segment as a turn moves it out of the row. */
export interface SpilledSegment extends JournalSegment {
  /** So many of the newest segments stay, this one among them. Null: all, for the life of the actor. */
  readonly keep: number | null;
}
