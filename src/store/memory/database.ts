/**
 * The tables of the in-memory store, shared by all stores opened on one database, and the few moves that several
 * operations have in common. One thread and no await inside an operation: each is a transaction by itself.
 */
import type { DefinitionEntry, Instant, Mail, WorkerEntry } from '../contract.ts';
import type { JournalSegment } from '../journal-segment.ts';
import type { DefinitionLimits } from '../limits.ts';
import type { AuditEntry, DutyState, PrunedCount } from '../operating.ts';
import type { WakeListener } from '../wake-listener.ts';
import { type ActorRow, isSuspect, type SettledRow, SUSPECT_LANE } from './actor-row.ts';
import { createDueRows, type DueRows } from './due-rows.ts';
import type { PlaceRow, WaitRow } from './limits.ts';

/** The clock of an in-memory database: milliseconds since 1970. */
export interface MemoryClock {
  now(): number;
}

export interface QueueRow {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  paused: boolean;
}

/** What the registry says of a definition beside its number. */
export interface DefinitionRow {
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  readonly kind: DefinitionEntry['kind'];
  readonly chart: string;
  readonly registeredAt: Instant;
}

export interface WorkerRow {
  readonly entry: WorkerEntry;
  readonly namespace: string;
  readonly joinedAt: Instant;
  beatAt: Instant;
  duties: readonly DutyState[];
}

/** An idempotency key. `settled` is null for as long as its actor lives. */
export interface ClaimRow {
  readonly actor: string;
  readonly fingerprint: string;
  readonly retentionMs: number;
  settled: { readonly record: string; readonly expiresAt: Instant } | null;
}

export interface Mailbox {
  readonly mail: Mail[];
  readonly seen: Set<string>;
}

export interface Listening {
  readonly namespace: string;
  readonly worker: string | null;
  readonly listener: WakeListener;
}

export interface Tables {
  /** The one clock that decides what is due, on whole milliseconds. */
  now(): Instant;
  readonly definitions: Map<string, number>;
  /** By definition. */
  readonly limits: Map<number, DefinitionLimits>;
  readonly places: Map<string, PlaceRow>;
  /** By actor. */
  readonly waits: Map<string, WaitRow>;
  readonly kinds: Map<number, DefinitionRow>;
  readonly queues: Map<number, QueueRow>;
  readonly actors: Map<string, ActorRow>;
  readonly due: DueRows;
  readonly mailboxes: Map<string, Mailbox>;
  readonly segments: Map<string, JournalSegment[]>;
  readonly settled: Map<string, SettledRow>;
  readonly claims: Map<string, ClaimRow>;
  /** By what they are counted by, as text. */
  readonly pruned: Map<string, PrunedCount>;
  readonly audit: (AuditEntry & { readonly namespace: string })[];
  /** Living incarnations only: one found dead is gone, and with it its right to claim and write. */
  readonly workers: Map<string, WorkerRow>;
  /** By worker, then by lease number. */
  readonly leases: Map<string, Map<number, readonly string[]>>;
  readonly listeners: Set<Listening>;
  nextMailId: number;
}

export function createTables(clock: MemoryClock): Tables {
  return {
    now: () => Math.floor(clock.now()),
    definitions: new Map(),
    limits: new Map(),
    places: new Map(),
    waits: new Map(),
    kinds: new Map(),
    queues: new Map(),
    actors: new Map(),
    due: createDueRows(),
    mailboxes: new Map(),
    segments: new Map(),
    settled: new Map(),
    claims: new Map(),
    pruned: new Map(),
    audit: [],
    workers: new Map(),
    leases: new Map(),
    listeners: new Set(),
    nextMailId: 1,
  };
}

/** Gives the actor its one own due row. An instant that has passed means now. */
export function setOwnDue(tables: Tables, row: ActorRow, at: Instant): void {
  row.wakeAt = at;
  row.ownDue = { queue: row.queue, lane: laneOf(row), at, actor: row.id, def: row.def };
  tables.due.add(row.ownDue);
}

/** A due row besides its own: mail, or another reason to be looked at now. */
export function addDueNow(tables: Tables, row: ActorRow): void {
  addDueAt(tables, row, tables.now());
}

/** A due row besides its own. */
export function addDueAt(tables: Tables, row: ActorRow, at: Instant): void {
  tables.due.add({ queue: row.queue, lane: laneOf(row), at, actor: row.id, def: row.def });
}

/** Back into circulation. What was due before stays due since then, and keeps its place in the order. */
export function makeDue(tables: Tables, row: ActorRow): void {
  const now = tables.now();
  if (row.ownDue === null) setOwnDue(tables, row, Math.min(row.wakeAt ?? now, now));
  else addDueNow(tables, row);
}

function laneOf(row: ActorRow): number {
  return isSuspect(row) ? SUSPECT_LANE : row.priority;
}

export function writeLease(tables: Tables, worker: string, lease: number, actors: readonly string[]): void {
  if (actors.length === 0) return;
  const mine = tables.leases.get(worker) ?? new Map<number, readonly string[]>();
  tables.leases.set(worker, mine);
  mine.set(lease, actors);
}

/** Postgres text refuses the character NUL; so does this store, or a simulation would accept what production refuses. */
export function refusal(texts: readonly (string | null | undefined)[]): Error | null {
  return texts.some((text) => text?.includes('\u0000')) ? new Error('a text contains the character NUL') : null;
}
