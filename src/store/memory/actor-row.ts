/**
 * What the in-memory store keeps of one actor, alive or settled. Mirrors the columns of the Postgres tables, so that a
 * simulation meets the same states: stale due rows, raised strikes, a wake time that outlives its due row.
 */
import type { Instant, NewActor, Settled } from '../contract.ts';
import type { LimitKeys } from '../limits.ts';
import type { DueRow } from './due-rows.ts';

/** From this many deaths in a row on, an actor is a suspect and has the lane of its own. */
const SUSPECT_STRIKES = 2;
export const SUSPECT_LANE = 10;

export interface ActorRow {
  readonly id: string;
  def: number;
  readonly queue: number;
  readonly name: string;
  version: number;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly parent: string | null;
  readonly role: string | null;
  readonly input: string | null;
  readonly key: string | null;
  readonly keyDigest: string | null;
  readonly limits: LimitKeys | null;
  readonly createdAt: Instant;
  /** How often an operator had it begin again. */
  readonly retried: number;
  state: string | null;
  snapshot: string | null;
  history: string;
  spilled: boolean;
  seq: number;
  attempt: number;
  fence: number;
  pokes: number;
  strikes: number;
  worker: string | null;
  /** Number of the lease row it was last claimed under. */
  lease: number;
  /** Kept when the worker dies, cleared by every clean release. */
  claimedAt: Instant | null;
  /** Kept while it is held and its due row is gone: a first turn taken again must still know when the run was due. */
  wakeAt: Instant | null;
  ownDue: DueRow | null;
  quarantine: string | null;
  parked: string | null;
  progress: string | null;
}

export interface SettledRow {
  readonly row: ActorRow;
  readonly end: Settled;
  readonly settledAt: Instant;
  readonly undelivered: number;
}

export function newActorRow(actor: NewActor, wakeAt: Instant, now: Instant): ActorRow {
  return {
    id: actor.id,
    def: actor.def,
    queue: actor.queue,
    name: actor.name,
    version: actor.version,
    priority: actor.priority,
    labels: actor.labels,
    parent: actor.parent,
    role: actor.role,
    input: actor.input,
    key: actor.key?.key ?? null,
    keyDigest: actor.key?.digest.toString('hex') ?? null,
    limits: actor.limits,
    createdAt: now,
    retried: 0,
    state: actor.state,
    snapshot: null,
    history: '',
    spilled: false,
    seq: 0,
    attempt: 0,
    fence: 0,
    pokes: 0,
    strikes: 0,
    worker: null,
    lease: 0,
    claimedAt: null,
    wakeAt,
    ownDue: null,
    quarantine: null,
    parked: null,
    progress: null,
  };
}

/** The row of a dropped run that begins again: before its first turn, with its past behind it. */
export function retriedRow(row: ActorRow, state: string | null): ActorRow {
  return {
    ...row,
    retried: row.retried + 1,
    fence: row.fence + 1,
    state,
    snapshot: null,
    pokes: 0,
    strikes: 0,
    ownDue: null,
    quarantine: null,
    parked: null,
  };
}

export function isSuspect(row: ActorRow): boolean {
  return row.worker === null && row.strikes >= SUSPECT_STRIKES;
}

/** The start of a claim, and of an actor inserted already leased. */
export function lease(row: ActorRow, worker: string, leaseNumber: number, now: Instant): void {
  row.worker = worker;
  row.lease = leaseNumber;
  row.fence += 1;
  row.strikes += 1;
  row.claimedAt = now;
}
