/** What a turn makes of the actor's row: the write a worker commits. Pure. */
import { encode } from '../codec.ts';
import { encodeState, encodeWithoutOutput, type SystemState } from '../interpreter/index.ts';
import type { Settlement } from '../run-record.ts';
import type { Instant, NewActor, NewMail, Settled, TurnWrite } from '../store/contract.ts';
import type { LimitKeys } from '../store/limits.ts';
import type { Turn } from '../turn.ts';
import { inTrace, newsOfEnd } from './kinship.ts';
import { letterTo } from './mail.ts';
import { excessOf } from './state-limit.ts';

/** A history of at most this many bytes stays in the actor's row; a longer one moves to the journal. */
const ROW_HISTORY_BYTES = 1200;

/** What the store last had of an actor that is held. */
export interface Row {
  /** The definition it lives by. */
  readonly def: number;
  readonly seq: number;
  readonly pokes: number;
  /** Claims in a row before this one that ended with the death of their worker. */
  readonly strikes: number;
  readonly dueRowAt: Instant | null;
  readonly snapshot: string | null;
  readonly history: string;
  readonly state: string | null;
  readonly attempt: number;
}

/** Where the row lies, under which fence and which limits. */
interface Berth {
  readonly queue: number;
  readonly priority: number;
  readonly fence: number;
  readonly limits: LimitKeys | null;
}

interface Intent extends Berth {
  /** Its effects run: the worker keeps it. */
  readonly stays: boolean;
  /** Released with work left: due again at once. */
  readonly dueAgain: boolean;
  /** Mail comes faster than turns are written: what is not in this one waits for the next. */
  readonly crowded: boolean;
}

/** Gives an error instead where the turn made more of the actor than may be stored. */
export function composeWrite(
  turn: Turn,
  row: Row,
  { queue, priority, fence, limits, stays, dueAgain, crowded }: Intent,
): TurnWrite | Error {
  const { settlement, fault, life } = turn;
  const { definition } = life;
  const snapshot = life.system ? (settlement ? endOf(life.system, settlement) : encodeState(life.system)) : null;
  const excess = excessOf(snapshot, definition);
  if (excess !== null) return new Error(excess);
  const { history, segment } = historyOf(turn, row);
  return {
    id: life.id,
    def: definition.def,
    queue,
    priority,
    fence,
    seq: row.seq,
    pokes: crowded ? null : row.pokes,
    dueRowAt: row.dueRowAt,
    notBefore: turn.notBefore,
    mail: turn.consumed,
    next: settlement
      ? settledAs(settlement, turn, row, snapshot, history, segment)
      : {
          kind: 'continued',
          state: stateOf(turn, row),
          snapshot,
          history,
          segment,
          seq: life.seq,
          attempt: turn.attempt,
          hold: stays,
          // While it is held, the strike of this very claim stands: its worker may die before the next write.
          strikes: stays && !turn.survived ? row.strikes + 1 : 0,
          wakeAt: stays || fault ? null : turn.exhausted || dueAgain || crowded ? 'now' : turn.nextDueAt,
          quarantine: fault?.message ?? null,
        },
    sends: lettersOf(turn, row),
    spawns: bornOf(turn),
    place: limits && { keys: limits, start: stays && turn.starts.length > 0, until: turn.until },
  };
}

/** What a success gave is in its record, and need not be stored twice. */
function endOf(system: SystemState, { outcome }: Settlement): string {
  return outcome === 'success' ? encodeWithoutOutput(system) : encodeState(system);
}

// Field by field, here and above: spreading one object after others into a new one costs more than the whole rest.
function settledAs(
  settlement: Settlement,
  turn: Turn,
  row: Row,
  snapshot: string | null,
  history: string,
  segment: Settled['segment'],
): Settled {
  const { status, outcome, reason, record } = settlement;
  const { keepMs, freesKey } = turn.life.definition.settling(settlement);
  return {
    kind: 'settled',
    state: stateOf(turn, row),
    snapshot,
    history,
    segment,
    seq: turn.life.seq,
    attempt: turn.attempt,
    status,
    outcome,
    reason,
    record: encode(record, UNBOUNDED),
    keepMs,
    freesKey,
  };
}

const UNBOUNDED = { path: 'record', maxBytes: Number.POSITIVE_INFINITY };

function stateOf({ value }: Turn, row: Row): string | null {
  return value === null ? row.state : JSON.stringify(value);
}

function lettersOf(turn: Turn, row: Row): readonly NewMail[] {
  const { letters } = turn.outbox;
  return turn.life.kin === null ? letters : [...letters, ...newsOf(turn, row)];
}

/** Children of a run that belongs to a trace belong to it too. */
function bornOf({ outbox: { births }, life: { trace } }: Turn): readonly NewActor[] {
  return trace === null ? births : births.map((birth) => ({ ...birth, role: inTrace(birth.role, trace) }));
}

/** What its parent has to know of this turn. Only a flow shows that one of its children is out of quick retries. */
function newsOf({ life, settlement, value }: Turn, { state }: Row): readonly NewMail[] {
  const { id, kin } = life;
  if (!kin) return [];
  const { parent, role } = kin;
  if (settlement) return [letterTo(parent, { kind: 'news', news: newsOfEnd(id, role, settlement.record) })];
  const recovering = value === 'recovering';
  if (!('key' in role) || recovering === (state === '"recovering"')) return [];
  return [letterTo(parent, { kind: 'news', news: { child: id, role: { key: role.key }, recovering } })];
}

/** Takes an actor out of circulation with its row as it is: nothing of it is lost, and a release looks at it again. */
export function unchanged(
  row: Row,
  { id, queue, priority, fence, limits }: Berth & { readonly id: string },
  quarantine: string,
): TurnWrite {
  const { def, seq, pokes, dueRowAt, snapshot, history, state, attempt } = row;
  const next = { kind: 'continued', hold: false, strikes: 0, wakeAt: null, quarantine, segment: null } as const;
  return {
    id,
    def,
    queue,
    priority,
    fence,
    seq,
    pokes,
    dueRowAt,
    notBefore: null,
    mail: [],
    next: { ...next, seq, snapshot, history, state, attempt },
    sends: [],
    spawns: [],
    place: limits && { keys: limits, start: false, until: null },
  };
}

/** The journal in the row and that of this turn, or, where they grow too long, the former as a journal segment. */
function historyOf(turn: Turn, row: Row): Pick<TurnWrite['next'], 'history' | 'segment'> {
  const added = turn.journal;
  if (row.history === '') return { history: added, segment: null };
  if (added === '') return { history: row.history, segment: null };
  if (row.history.length + added.length <= ROW_HISTORY_BYTES)
    return { history: `${row.history}\n${added}`, segment: null };
  const fromSeq = row.seq - row.history.split('\n').length + 1;
  const keep = turn.life.definition.journalSegments ?? null;
  return { history: added, segment: { fromSeq, base: row.snapshot, entries: row.history, keep } };
}
