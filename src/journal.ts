import type { AnyEventObject, StateValue } from 'xstate';
import { decode, encode } from './codec.ts';
import type { Instant, StoredActor } from './store/contract.ts';
import type { JournalSegment } from './store/journal-segment.ts';

/**
 * How a journal entry came to the machine, so that a replay takes the same way: a timer by id, an effect's result by its
 * incarnation, what an effect said to an actor of the system by address, or one of the engine's own: interrupted, handed
 * back, stopped from outside, moved before its first step. From `retried` on it is another life: the machine begins from the
 * stored input, and what its entry says. `migrated` and `forked` carry the snapshot, as text, from which it went on: by a newer
 * version of its definition, or by itself. None: it had not begun.
 */
export type Via =
  | readonly ['timer' | 'effect' | 'sent' | 'interrupted' | 'handedBack' | 'migrated' | 'forked', string]
  | readonly ['stopped' | 'moved' | 'retried' | 'migrated' | 'forked'];

/** One thing that happened to an actor, and the state it was in afterwards. */
export interface JournalEntry {
  /** Counts from 1 over the actor's whole life, operator retries included. */
  readonly seq: number;
  readonly at: Date;
  readonly event: AnyEventObject;
  /** Null where it had not taken its first step. */
  readonly state: StateValue | null;
}

/** An entry with the way it reached the machine: what a replay needs. */
export interface JournaledEvent extends JournalEntry {
  readonly via: Via | null;
}

/** The whole journal of an actor: its spilled segments, then what its row still holds. */
export function readJournal(actor: StoredActor, segments: readonly JournalSegment[]): readonly JournaledEvent[] {
  const entries: JournaledEvent[] = [];
  for (const segment of segments) appendLines(entries, segment.entries, segment.fromSeq);
  if (actor.history !== '') {
    const count = actor.history.split('\n').length;
    appendLines(entries, actor.history, actor.seq - count + 1);
  }
  return entries;
}

function appendLines(entries: JournaledEvent[], text: string, fromSeq: number): void {
  text.split('\n').forEach((line, index) => {
    const [at, event, state, via] = decode(line) as [Instant, AnyEventObject, StateValue | null, Via?];
    entries.push({ seq: fromSeq + index, at: new Date(at), event, state, via: via ?? null });
  });
}

/** One journal entry as it is stored: time, event, the state it led to, and the way it came. */
export function journalLine(at: Instant, event: AnyEventObject, value: StateValue | null, via?: Via): string {
  const entry = via ? [at, event, value, via] : [at, event, value];
  return encode(entry, { path: 'event', maxBytes: Number.POSITIVE_INFINITY });
}
