/**
 * Takes the entries of a past one by one, each by the version of the definition it was lived by. Where nobody knows that version
 * the state is what was stored, and nothing is taken again.
 */
import type { AnyEventObject, StateValue } from 'xstate';
import type { DefinitionInternals } from '../definitions/internals.ts';
import {
  type Description,
  decodeState,
  deliver,
  describe,
  encodeState,
  encodeWithoutOutput,
  finishEffect,
  fireTimer,
  init,
  type Prepared,
  type SystemState,
  setEffect,
} from '../interpreter/index.ts';
import type { JournaledEvent } from '../journal.ts';
import { outputOf, type StoredRecord } from '../run-record.ts';
import { bare, differenceIn, inWords, type ReplayDifference } from './difference.ts';
import type { Lived, LivedBy, Past } from './past.ts';

export class Fold {
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
    const { snapshots, success } = this.#past;
    const inState = differenceIn(state, this.value, 'state');
    if (inState) return { seq, ...inState };
    const stored = snapshots.get(seq);
    if (stored === undefined || !this.system || !this.lived) return undefined;
    const ended = success?.seq === seq;
    const encoded = ended ? encodeWithoutOutput : encodeState;
    const replayed = bare(encoded(this.system));
    const inSnapshot =
      differenceIn(bare(stored), replayed, '') &&
      // Earlier releases left less out of the text: what they stored is compared as it would be written now.
      differenceIn(bare(rewritten(stored, this.lived.prepared, encoded)), replayed, '');
    const difference = inSnapshot ?? (ended ? this.#inOutput(success.record, this.lived.internals) : undefined);
    return difference && { seq, ...difference };
  }

  #inOutput(record: StoredRecord, internals: DefinitionInternals): Omit<ReplayDifference, 'seq'> | undefined {
    return differenceIn(inWords(outputOf(internals, record)), inWords(this.description?.output), 'output');
  }
}

/** As it is, where this definition cannot read it. */
function rewritten(stored: string, prepared: Prepared, encoded: (state: SystemState) => string): string {
  try {
    return encoded(decodeState(prepared, stored));
  } catch {
    return stored;
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
