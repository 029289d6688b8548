/**
 * Folds an actor's journal through a definition and compares every step with what was stored. Pure: the journal holds every
 * instant, result and event, so that nothing is asked and nothing is started.
 */
import type { AnyEventObject, StateValue } from 'xstate';
import { type Description, encodeState, type SystemState } from './interpreter/index.ts';
import { bare, differenceIn, type ReplayDifference } from './replay/difference.ts';
import { Fold } from './replay/fold.ts';
import type { LivedBy, Past } from './replay/past.ts';

/** One step of an actor's past, as its definition takes it again. */
export interface ReplayStep {
  readonly seq: number;
  readonly at: Date;
  readonly event: AnyEventObject;
  /** Null before the first step of a custom machine. */
  readonly state: StateValue | null;
  /** Undefined where it lived by an older version of its definition that is not known here: such a step is not taken again. */
  readonly context: unknown;
}

/** What a replay came to. */
export interface ReplayReport {
  /** Every step gave what was stored. */
  readonly ok: boolean;
  readonly steps: readonly ReplayStep[];
  readonly firstDifference?: ReplayDifference;
}

/** Replays up to and including `upTo`, or all. `visit` is told what the actor was after each step. */
export function replayPast(
  past: Past,
  livedBy: LivedBy,
  upTo: number = Number.POSITIVE_INFINITY,
  visit: (seq: number, now: Description) => void = () => {},
): ReplayReport {
  const fold = new Fold(past, livedBy);
  const steps: ReplayStep[] = [];
  for (const entry of past.entries) {
    if (entry.seq > upTo) break;
    const { seq, at, event } = entry;
    try {
      fold.take(entry);
    } catch (error) {
      const replayed = (error as Error).message;
      return { ok: false, steps, firstDifference: { seq, path: 'state', stored: entry.state, replayed } };
    }
    steps.push({ seq, at, event, state: fold.value, context: fold.context });
    if (fold.description) visit(seq, fold.description);
    const firstDifference = fold.compared(entry);
    if (firstDifference) return { ok: false, steps, firstDifference };
  }
  return { ok: true, steps };
}

/**
 * Takes a past twice at the same time, and gives the first step that came out differently. It ends where the machine takes it no
 * further, as another version than the one it was lived by may not.
 */
export function repeatedly(past: Past, livedBy: LivedBy): ReplayDifference | undefined {
  try {
    const [one, other] = [new Fold(past, livedBy), new Fold(past, livedBy)];
    for (const entry of past.entries) {
      one.take(entry);
      other.take(entry);
      if (!one.system || !other.system) continue;
      const difference = differenceIn(bare(encodeState(one.system)), bare(encodeState(other.system)), '');
      if (difference) return { seq: entry.seq, ...difference };
    }
  } catch {
    // The machine fails on an event of this past: that is not for this question.
  }
  return undefined;
}

/** An actor at one point of its past. */
export interface PastState {
  /** Of its definition, then. */
  readonly version: number;
  /** Null before its first step. */
  readonly system: SystemState | null;
}

/** Where it stood after that event. Null where its version of then is not known. @throws MachineFault */
export function stateAt(past: Past, livedBy: LivedBy, seq: number): PastState | null {
  const fold = new Fold(past, livedBy);
  for (const entry of past.entries) if (entry.seq <= seq) fold.take(entry);
  return fold.lived && { version: fold.version, system: fold.system };
}
