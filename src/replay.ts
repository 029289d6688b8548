/**
 * Folds an actor's journal through a definition and compares every step with what was stored. Pure: the journal holds every
 * instant, result and event, so that nothing is asked and nothing is started.
 */
import type { AnyEventObject, StateValue } from 'xstate';
import { decode } from './codec.ts';
import type { DefinitionInternals } from './definitions/internals.ts';
import {
  type Description,
  decodeState,
  deliver,
  describe,
  encodeState,
  finishEffect,
  fireTimer,
  init,
  type Prepared,
  type SystemState,
  setEffect,
} from './interpreter/index.ts';
import { type JournaledEvent, readJournal } from './journal.ts';
import type { StoredActor } from './store/contract.ts';
import type { JournalSegment } from './store/journal-segment.ts';

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

/** Where the replay left what was stored. */
export interface ReplayDifference {
  readonly seq: number;
  /** `state`, or a path in the stored snapshot. */
  readonly path: string;
  readonly stored: unknown;
  readonly replayed: unknown;
}

/** What a replay came to. */
export interface ReplayReport {
  /** Every step gave what was stored. */
  readonly ok: boolean;
  readonly steps: readonly ReplayStep[];
  readonly firstDifference?: ReplayDifference;
}

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
}

/** Decodes what the store keeps of an actor's past. */
export function pastOf(stored: StoredActor, segments: readonly JournalSegment[]): Past {
  const snapshots = new Map<number, string>();
  for (const { fromSeq, base, entries } of segments)
    if (base !== null) snapshots.set(fromSeq + entries.split('\n').length - 1, base);
  if (stored.snapshot !== null) snapshots.set(stored.seq, stored.snapshot);
  const { id, createdAt, version, input } = stored;
  const [oldest] = segments;
  // Where earlier segments are gone, the first snapshot there is comes after the oldest that is left.
  const isWhole = oldest === undefined || oldest.fromSeq === 1 || oldest.base === null;
  const entries = readJournal(stored, isWhole ? segments : segments.slice(1));
  return { id, createdAt, version, input: input === null ? undefined : decode(input), entries, snapshots };
}

/** A definition as a replay needs it. */
export interface Lived {
  readonly internals: DefinitionInternals;
  readonly prepared: Prepared;
}

/** By version; undefined where it is not known. To replay by another one than it was lived by, give that for every version. */
export type LivedBy = (version: number) => Lived | undefined;

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

class Fold {
  version: number;
  lived: Lived | null;
  system: SystemState | null = null;
  readonly #past: Past;
  readonly #livedBy: LivedBy;
  #lives = 0;
  #untaken: StateValue | null = null;

  constructor(past: Past, livedBy: LivedBy) {
    this.#past = past;
    this.#livedBy = livedBy;
    const moved = past.entries.find(({ via }) => via?.[0] === 'migrated');
    this.version = moved ? (moved.event['from'] as number) : past.version;
    this.lived = livedBy(this.version) ?? null;
    // Older segments of an endless actor are gone: its past begins where the one before ended.
    const [first] = past.entries;
    const base = first === undefined ? undefined : past.snapshots.get(first.seq - 1);
    if (base !== undefined && this.lived) this.system = decodeState(this.lived.prepared, base);
  }

  get value(): StateValue | null {
    if (!this.lived) return this.#untaken;
    return this.system && describe(this.lived.prepared, this.system).value;
  }

  get context(): unknown {
    if (!this.lived) return undefined;
    return this.system && describe(this.lived.prepared, this.system).context;
  }

  /** Null before the first step, and where nobody knows the version it was lived by. */
  get description(): Description | null {
    return this.system && this.lived && describe(this.lived.prepared, this.system);
  }

  take(entry: JournaledEvent): void {
    const { event, via } = entry;
    if (via?.[0] === 'migrated') {
      this.version = event['to'] as number;
      this.lived = this.#livedBy(this.version) ?? null;
    }
    if (via?.[0] === 'migrated' || via?.[0] === 'forked') {
      const [, text] = via;
      this.system = text === undefined || !this.lived ? null : decodeState(this.lived.prepared, text);
    } else if (this.lived) this.#step(entry, this.lived);
    this.#untaken = entry.state;
  }

  #step({ event, at, via }: JournaledEvent, { prepared, internals }: Lived): void {
    const { id, input } = this.#past;
    if (via?.[0] === 'retried') this.#lives += 1;
    const moment = { id, now: at.getTime(), plan: internals.plan?.(input, id, this.#lives) };
    const { system } = this;
    if (via?.[0] === 'retried' || (!system && event.type === 'xstate.init')) {
      this.system = init(prepared, { ...moment, input: this.#input(event, internals) }).state;
      return;
    }
    if (!system) return;
    if (via === null) this.system = deliver(prepared, system, { ...moment, event }).state;
    else if (via[0] === 'sent') this.system = deliver(prepared, system, { ...moment, event, to: via[1] }).state;
    else if (via[0] === 'timer') this.system = fireTimer(prepared, system, { ...moment, timer: via[1] }).state;
    else if (via[0] === 'effect')
      this.system = finishEffect(prepared, system, { ...moment, ref: via[1], result: resultOf(event) }).state;
    else if (via[0] === 'interrupted') this.system = startedAgain(system, via[1]);
  }

  #input(event: AnyEventObject, { standard, begin }: DefinitionInternals): unknown {
    const { input, createdAt } = this.#past;
    if (!standard) return input;
    const { dueAt = createdAt, attempts = 0 } = event as { readonly dueAt?: number; readonly attempts?: number };
    return begin ? begin(input, dueAt, attempts) : { dueAt, attempts };
  }

  compared({ seq, state }: JournaledEvent): ReplayDifference | undefined {
    const inState = differenceIn(state, this.value, 'state');
    if (inState) return { seq, ...inState };
    const stored = this.#past.snapshots.get(seq);
    if (stored === undefined || !this.system) return undefined;
    const inSnapshot = differenceIn(bare(stored), bare(encodeState(this.system)), '');
    return inSnapshot && { seq, ...inSnapshot };
  }
}

function resultOf(event: AnyEventObject): { ok: true; output: unknown } | { ok: false; error: unknown } {
  return event.type.startsWith('xstate.error.')
    ? { ok: false, error: event['error'] }
    : { ok: true, output: event['output'] };
}

function startedAgain(system: SystemState, ref: string): SystemState {
  const effect = system.effects.find((candidate) => candidate.ref === ref);
  return effect ? setEffect(system, ref, { attempt: effect.attempt + 1 }) : system;
}

interface RecordText {
  readonly v?: unknown;
  readonly c?: unknown;
}

/**
 * A stored snapshot in words, as it lies in its text. Whether an effect runs just now is its worker's affair, and no part of
 * the past.
 */
function bare(snapshot: string): unknown {
  const { m, t, e, r, ...system } = JSON.parse(snapshot.slice(1)) as {
    readonly m: RecordText;
    readonly t?: unknown;
    readonly e?: readonly object[];
    readonly r?: unknown;
  };
  const { v: state, c: context, ...machine } = m;
  const effects = e?.map((effect) => Object.fromEntries(Object.entries(effect).filter(([key]) => key !== 'b')));
  return { state, context, machine, timers: t, effects, children: r, system };
}

/** The first part in which the two differ. Key order counts: it decides what XState does next. */
function differenceIn(stored: unknown, replayed: unknown, path: string): Omit<ReplayDifference, 'seq'> | undefined {
  if (Object.is(stored, replayed)) return undefined;
  const differs = { path, stored, replayed };
  if (!isContainer(stored) || !isContainer(replayed)) return differs;
  const keys = Object.keys(stored);
  const others = Object.keys(replayed);
  const missing = [...keys, ...others].find((key) => !Object.hasOwn(stored, key) || !Object.hasOwn(replayed, key));
  const changed = [...(missing === undefined ? [] : [missing]), ...keys]
    .map((key) => differenceIn(stored[key], replayed[key], path === '' ? key : `${path}.${key}`))
    .find((found) => found !== undefined);
  return changed ?? (keys.join('\n') === others.join('\n') ? undefined : differs);
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !(value instanceof Error);
}
