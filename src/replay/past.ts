/**
 * What a replay is given: an actor's past as the store keeps it, decoded once for however many times it is taken, and the
 * definitions it was lived by.
 */
import { decode } from '../codec.ts';
import type { DefinitionInternals } from '../definitions/internals.ts';
import type { Prepared } from '../interpreter/index.ts';
import { type JournaledEvent, readJournal } from '../journal.ts';
import type { StoredRecord } from '../run-record.ts';
import type { StoredActor } from '../store/contract.ts';
import type { JournalSegment } from '../store/journal-segment.ts';

/** An actor's past as it is stored. */
export interface Past {
  readonly id: string;
  readonly createdAt: number;
  /** Of its definition, at the end. */
  readonly version: number;
  /** Decoded. */
  readonly input: unknown;
  readonly entries: readonly JournaledEvent[];
  /** Snapshots that were stored, by the seq of the last event in them: where segments end, and the row's own. */
  readonly snapshots: ReadonlyMap<number, string>;
  /** Of one that ended well: the last snapshot is without its output, which the record has. */
  readonly success: { readonly seq: number; readonly record: StoredRecord } | null;
}

/** Decodes what the store keeps of an actor's past. */
export function pastOf(stored: StoredActor, segments: readonly JournalSegment[]): Past {
  const snapshots = new Map<number, string>();
  for (const { fromSeq, base, entries } of segments)
    if (base !== null) snapshots.set(fromSeq + entries.split('\n').length - 1, base);
  if (stored.snapshot !== null) snapshots.set(stored.seq, stored.snapshot);
  const { id, createdAt, version, input, seq } = stored;
  const record = stored.record === null ? null : (decode(stored.record) as StoredRecord);
  const [oldest] = segments;
  // Where earlier segments are gone, the first snapshot there is comes after the oldest that is left.
  const isWhole = oldest === undefined || oldest.fromSeq === 1 || oldest.base === null;
  const entries = readJournal(stored, isWhole ? segments : segments.slice(1));
  return {
    id,
    createdAt,
    version,
    input: input === null ? undefined : decode(input),
    entries,
    snapshots,
    success: record?.status === 'success' ? { seq, record } : null,
  };
}

/** A definition as a replay needs it. */
export interface Lived {
  readonly internals: DefinitionInternals;
  readonly prepared: Prepared;
}

/** By version; undefined where it is not known. To replay by another one than it was lived by, give that for every version. */
export type LivedBy = (version: number) => Lived | undefined;
