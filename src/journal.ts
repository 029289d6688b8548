import type { AnyEventObject, StateValue } from 'xstate';
import { decode } from './codec.ts';
import type { Instant, JournalSegment, StoredActor } from './store/contract.ts';
import type { Via } from './turn.ts';

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
