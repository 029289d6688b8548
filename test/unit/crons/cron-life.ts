/** One cron as its worker sees it: real turns, stored as text and read again between any two of them. */
import type { CronContext } from '../../../machines/cron-context.ts';
import { decode } from '../../../src/codec.ts';
import { cronDefinition, runId, type StoredCron } from '../../../src/crons/definition.ts';
import type { LoadedDefinition } from '../../../src/definitions/loaded-definition.ts';
import { decodeState, encodeState } from '../../../src/interpreter/index.ts';
import type { RunRecord } from '../../../src/run-record.ts';
import type { NewActor } from '../../../src/store/contract.ts';
import type { FireRole } from '../../../src/turn/kinship.ts';
import type { Life } from '../../../src/turn/life.ts';
import { type Control, decodeLetter, type Letter } from '../../../src/turn/mail.ts';
import { Turn } from '../../../src/turn.ts';
import { loadedInternals } from '../../support/lives.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** 2026-01-01, on the hour. */
export const T0 = 1_767_225_600_000;

export function at(hours: number, minutes = 0): number {
  return T0 + hours * HOUR + minutes * MINUTE;
}

export function hours(nominals: readonly number[]): number[] {
  return nominals.map((nominalAt) => (nominalAt - T0) / HOUR);
}

export function started({ started: runs }: Did): number[] {
  return hours(runs.map(({ nominalAt }) => nominalAt));
}

/** Registered ten minutes after the hour: the next one is its first. */
export function cron(given: Partial<StoredCron> = {}): CronLife {
  return new CronLife(specOf(given), at(0, 10));
}

export const ACTOR = '0190a000-0000-7000-8000-00000000c407';

export const definition: LoadedDefinition = loadedInternals(cronDefinition);

const breed = { def: 7, name: 'tick', version: 1, queueNumber: 2, priority: 5, initialState: '"scheduled"' };

/** Hourly on the hour, unless said otherwise. */
export function specOf(given: Partial<StoredCron> = {}): StoredCron {
  return {
    id: 'tick',
    declared: false,
    times: { cron: null, everyMs: 3_600_000, timezone: 'UTC', startAt: null, endAt: null },
    target: { breed, input: null, limits: null },
    enabled: true,
    limit: null,
    jitterMs: 0,
    missed: 'last',
    missedWindowMs: null,
    overlap: 'skip',
    pauseAfterFailures: null,
    deleteAfterRun: false,
    ...given,
  };
}

/** What one turn did. */
export interface Did {
  readonly started: readonly { readonly nominalAt: number; readonly delayMs: number; readonly birth: NewActor }[];
  /** Ids of runs that were told to end. */
  readonly cancelled: readonly string[];
}

export class CronLife {
  state = '';
  context: CronContext;
  /** When it asks to be looked at. */
  dueAt: number | null;
  over = false;
  record: Turn['settlement'] = null;
  #life: Life;
  #mail = 0;

  constructor(spec: StoredCron, at: number) {
    this.#life = {
      id: ACTOR,
      definition,
      createdAt: at,
      firstDueAt: at,
      system: null,
      input: spec,
      seq: 0,
      retried: 0,
      attempts: 0,
      kin: null,
      trace: null,
    };
    this.context = undefined as unknown as CronContext;
    this.dueAt = at;
    this.at(at);
  }

  /** Looked at then, with this mail. */
  at(now: number, ...letters: readonly Letter[]): Did {
    const turn = new Turn(this.#life);
    for (const letter of letters) turn.takeMail(String(++this.#mail), letter, now, now);
    turn.begin(now);
    turn.fireDue(now, now);
    if (turn.fault) throw turn.fault;
    const { system } = turn.life;
    if (!system) throw new Error('It has not begun.');
    this.#life = { ...turn.life, system: decodeState(definition.prepared, encodeState(system)) };
    this.state = turn.value as string;
    this.context = turn.context as CronContext;
    this.record = turn.settlement;
    this.over = turn.settlement !== null;
    this.dueAt = this.over ? null : turn.nextDueAt;
    const started = turn.outbox.births.map((birth) => ({
      birth,
      nominalAt: (decode(birth.role ?? '') as FireRole).nominalAt,
      delayMs: 'afterMs' in birth.when ? birth.when.afterMs : Number.NaN,
    }));
    const cancelled = turn.outbox.letters
      .filter(({ event }) => isCancel(decodeLetter(event)))
      .map(({ actor }) => actor);
    return { started, cancelled };
  }

  asked(now: number, control: Control): Did {
    return this.at(now, { kind: 'control', control });
  }

  /** The end of one of its runs. */
  ended(now: number, nominalAt: number, status: RunRecord['status'] = 'success', extra?: true): Did {
    return this.at(now, newsOf(now, nominalAt, status, extra));
  }
}

export function newsOf(now: number, nominalAt: number, status: RunRecord['status'] = 'success', extra?: true): Letter {
  const role: FireRole = { nominalAt, ...(extra && { extra }) };
  const record = { status, attempts: 1, startedAt: now, settledAt: now };
  return { kind: 'news', news: { child: runId(ACTOR, nominalAt), role, record } };
}

function isCancel(letter: Letter): boolean {
  return letter.kind === 'control' && letter.control.type === 'cancel';
}
