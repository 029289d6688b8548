/**
 * Folds an actor's journal through a definition and compares every step with what was stored. Pure: the journal holds every
 * instant, result and event, so that nothing is asked and nothing is started.
 */
import type { AnyEventObject, StateValue } from 'xstate';
import { decode } from './codec.ts';
import type { DefinitionInternals } from './definitions.ts';
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
import type { JournalSegment, StoredActor } from './store/contract.ts';

/** One step of an actor's past, as its definition takes it again. */
export interface ReplayStep {
  readonly seq: number;
  readonly at: Date;
  readonly event: AnyEventObject;
  /** Null before the first step of a custom machine. */
  readonly state: StateValue | null;
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
  const { id, createdAt, input } = stored;
  const entries = readJournal(stored, segments);
  return { id, createdAt, input: input === null ? undefined : decode(input), entries, snapshots };
}

/**
 * Replays up to and including `upTo`, or all. `definition` may be another version than the one it was lived by. `visit` is told what the
 * actor was after each step.
 */
export function replayPast(
  past: Past,
  definition: { readonly internals: DefinitionInternals; readonly prepared: Prepared },
  upTo: number = Number.POSITIVE_INFINITY,
  visit: (seq: number, now: Description) => void = () => {},
): ReplayReport {
  const fold = new Fold(past, definition);
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

class Fold {
  readonly #past: Past;
  readonly #internals: DefinitionInternals;
  readonly #prepared: Prepared;
  #system: SystemState | null;
  #lives = 0;

  constructor(past: Past, { internals, prepared }: Parameters<typeof replayPast>[1]) {
    this.#past = past;
    this.#internals = internals;
    this.#prepared = prepared;
    // Older segments of an endless actor are gone: its past begins where the one before ended.
    const [first] = past.entries;
    const base = first === undefined ? undefined : past.snapshots.get(first.seq - 1);
    this.#system = base === undefined ? null : decodeState(prepared, base);
  }

  get value(): StateValue | null {
    return this.#system && describe(this.#prepared, this.#system).value;
  }

  get context(): unknown {
    return this.#system && describe(this.#prepared, this.#system).context;
  }

  /** Null before the first step. */
  get description(): Description | null {
    return this.#system && describe(this.#prepared, this.#system);
  }

  take({ event, at, via }: JournaledEvent): void {
    const prepared = this.#prepared;
    const { id, input } = this.#past;
    if (via?.[0] === 'retried') this.#lives += 1;
    const moment = { id, now: at.getTime(), plan: this.#internals.plan?.(input, id, this.#lives) };
    const system = this.#system;
    if (via?.[0] === 'retried' || (!system && event.type === 'xstate.init')) {
      this.#system = init(prepared, { ...moment, input: this.#input(event) }).state;
      return;
    }
    if (!system) return;
    if (via === null) this.#system = deliver(prepared, system, { ...moment, event }).state;
    else if (via[0] === 'sent') this.#system = deliver(prepared, system, { ...moment, event, to: via[1] }).state;
    else if (via[0] === 'timer') this.#system = fireTimer(prepared, system, { ...moment, timer: via[1] }).state;
    else if (via[0] === 'effect')
      this.#system = finishEffect(prepared, system, { ...moment, ref: via[1], result: resultOf(event) }).state;
    else if (via[0] === 'interrupted') this.#system = startedAgain(system, via[1]);
  }

  #input(event: AnyEventObject): unknown {
    const { standard, begin } = this.#internals;
    const { input, createdAt } = this.#past;
    if (!standard) return input;
    const { dueAt = createdAt, attempts = 0 } = event as { readonly dueAt?: number; readonly attempts?: number };
    return begin ? begin(input, dueAt, attempts) : { dueAt, attempts };
  }

  compared({ seq, state }: JournaledEvent): ReplayDifference | undefined {
    const inState = differenceIn(state, this.value, 'state');
    if (inState) return { seq, ...inState };
    const stored = this.#past.snapshots.get(seq);
    if (stored === undefined || !this.#system) return undefined;
    const inSnapshot = differenceIn(bare(stored), bare(encodeState(this.#system)), '');
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
