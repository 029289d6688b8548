/**
 * Places and who waits for them, as in Postgres: a turn that starts an attempt takes a place in each line of its actor, whoever
 * lets go gives it back and admits the next, and what was admitted has room kept for it for a while.
 */
import type { DefinitionEntry, Instant, TurnWrite } from '../contract.ts';
import type { DefinitionLimits, LimitKeys, PlaceWait, Upcoming } from '../limits.ts';
import type { ActorRow } from './actor-row.ts';
import { addDueAt, addDueNow, type Tables } from './database.ts';

const KEPT_MS = 2_000;

export interface PlaceRow {
  readonly line: string;
  readonly actor: string;
  readonly fence: number;
  /** Null: when its holder lets go. */
  readonly endsAt: Instant | null;
}

export interface WaitRow {
  readonly actor: string;
  readonly line: string;
  readonly kind: 'concurrency' | 'rate';
  readonly rankAt: Instant;
  readonly until: Instant | null;
  admittedAt: Instant | null;
}

type Rank = Pick<WaitRow, 'actor' | 'rankAt'> & { readonly priority: number };

const KINDS = ['concurrency', 'rate'] as const;

/** Those of the newest version given hold for the name. */
export function setLimits(tables: Tables, namespace: string, definitions: readonly DefinitionEntry[]): void {
  for (const { name, limits } of [...definitions].sort((a, b) => a.version - b.version)) {
    for (const [key, id] of tables.definitions) {
      if (!key.startsWith(`${namespace}/${name}@`)) continue;
      if (limits === undefined) tables.limits.delete(id);
      else tables.limits.set(id, limits);
    }
  }
}

function mostOf(limits: DefinitionLimits | undefined, kind: WaitRow['kind']): number | null {
  if (limits === undefined) return null;
  return kind === 'rate' ? (limits.rate?.limit ?? null) : limits.concurrency;
}

/** Those of these writes that want to start and may not, and the line that is full. */
export function refusedPlaces(
  tables: Tables,
  worker: string,
  writes: readonly TurnWrite[],
): ReadonlyMap<string, Pick<WaitRow, 'line' | 'kind'>> {
  const asking = writes.flatMap((write) => {
    const row = tables.actors.get(write.id);
    return write.place?.start && row?.worker === worker && row.fence === write.fence ? [{ row, ...write.place }] : [];
  });
  const refused = new Map<string, Pick<WaitRow, 'line' | 'kind'>>();
  const ids = new Set(asking.map(({ row }) => row.id));
  const ranked = asking.sort((a, b) => order(rankOf(tables, a.row), rankOf(tables, b.row)));
  for (const kind of KINDS) {
    const wanted = new Map<string, number>();
    for (const { row, keys } of ranked) {
      const line = keys[kind]?.id;
      const most = mostOf(tables.limits.get(row.def), kind);
      if (line === undefined || most === null || tables.places.has(placeKey(line, row))) continue;
      const before = wanted.get(line) ?? 0;
      wanted.set(line, before + 1);
      const rank = rankOf(tables, row);
      const promised = waitingIn(tables, line).filter(
        (other) => isKept(tables, other) && !ids.has(other.actor) && order(rankOfWait(tables, other), rank) < 0,
      );
      const nth = taken(tables, line) + promised.length + before + 1;
      if (nth > most && !refused.has(row.id)) refused.set(row.id, { line, kind });
    }
  }
  return refused;
}

/** Lets go of an actor as it was before its claim. */
export function letWait(
  tables: Tables,
  row: ActorRow,
  { pokes, place }: TurnWrite,
  refusal: Pick<WaitRow, 'line' | 'kind'>,
): void {
  row.worker = null;
  row.claimedAt = null;
  row.strikes = Math.max(0, row.strikes - 1);
  const known = tables.waits.get(row.id);
  const until = place?.until ?? null;
  if (until !== null && known?.until !== until) addDueAt(tables, row, Math.max(until, tables.now()));
  const { rankAt } = rankOf(tables, row);
  tables.waits.set(row.id, { actor: row.id, ...refusal, rankAt, until, admittedAt: null });
  if (pokes === null) addDueNow(tables, row);
}

/** After this write was applied: takes or gives back its places. */
export function movePlaces(tables: Tables, row: ActorRow, write: TurnWrite): void {
  const { place, next, fence } = write;
  if (place === null) return;
  const leaves = next.kind === 'settled' || !next.hold || next.quarantine !== null;
  if (!place.start && !leaves) return;
  const limits = tables.limits.get(row.def);
  for (const kind of KINDS) {
    const line = place.keys[kind]?.id;
    if (line === undefined) continue;
    const key = placeKey(line, { id: row.id, fence });
    if (!place.start && kind === 'concurrency') tables.places.delete(key);
    if (!place.start || mostOf(limits, kind) === null) continue;
    const endsAt = kind === 'rate' ? tables.now() + (limits?.rate?.perMs ?? 0) : null;
    tables.places.set(key, { line, actor: row.id, fence, endsAt });
  }
  const waited = tables.waits.get(row.id);
  tables.waits.delete(row.id);
  if (waited !== undefined) tables.due.takeAhead(row.id, [waited.until, waited.admittedAt], tables.now());
}

export function linesOf(place: { readonly keys: LimitKeys } | null): readonly string[] {
  return KINDS.flatMap((kind) => place?.keys[kind]?.id ?? []);
}

/** Makes those due for whom there is room in these lines, now or at the next known instant. */
export function admitTo(tables: Tables, lines: Iterable<string>): readonly Upcoming[] {
  const now = tables.now();
  const upcoming: Upcoming[] = [];
  for (const line of new Set(lines)) {
    for (const [key, place] of tables.places)
      if (place.endsAt !== null && place.endsAt <= now) tables.places.delete(key);
    for (const wait of waitingIn(tables, line)) {
      if (wait.admittedAt !== null && !isKept(tables, wait)) tables.waits.delete(wait.actor);
    }
    const waiting = waitingIn(tables, line)
      .filter(({ actor }) => tables.queues.get(tables.actors.get(actor)?.queue ?? 0)?.paused === false)
      .sort((a, b) => order(rankOfWait(tables, a), rankOfWait(tables, b)));
    const [head] = waiting;
    const at = head === undefined ? null : roomAt(tables, line, mostFor(tables, head));
    if (at === null) continue;
    const counted = taken(tables, line, at);
    waiting.forEach((wait, index) => {
      const row = tables.actors.get(wait.actor);
      const most = mostFor(tables, wait);
      if (row === undefined || (most !== null && counted + index + 1 > most)) return;
      if (wait.admittedAt !== null && wait.admittedAt <= at) return;
      wait.admittedAt = at;
      addDueAt(tables, row, at <= now ? wait.rankAt : at);
      upcoming.push({ queue: row.queue, at });
    });
  }
  return upcoming;
}

/** What no commit does: places of the dead, changed limits, queues that are no longer paused. */
export function admitAll(tables: Tables): {
  readonly processed: number;
  readonly errors: number;
  readonly due: readonly Upcoming[];
} {
  let vacated = 0;
  const lines = new Set([...tables.waits.values()].map(({ line }) => line));
  for (const [key, { line, actor, fence, endsAt }] of tables.places) {
    const row = tables.actors.get(actor);
    if (endsAt !== null || (row?.worker != null && row.fence === fence)) continue;
    tables.places.delete(key);
    lines.add(line);
    vacated += 1;
  }
  const due = admitTo(tables, lines);
  return { processed: vacated + due.length, errors: 0, due };
}

export function placeWait(tables: Tables, id: string): PlaceWait | null {
  const row = tables.actors.get(id);
  const wait = tables.waits.get(id);
  if (row === undefined || wait === undefined || row.worker !== null) return null;
  const { kind, line, admittedAt } = wait;
  const limit = mostFor(tables, wait);
  const counted = taken(tables, line);
  const nextAt = kind === 'rate' && limit !== null && counted >= limit ? roomAt(tables, line, limit) : null;
  const admitted = admittedAt !== null && admittedAt <= tables.now();
  return { kind, key: row.limits?.[kind]?.key ?? '', limit, taken: counted, nextAt, admitted };
}

function placeKey(line: string, { id, fence }: { readonly id: string; readonly fence: number }): string {
  return `${line} ${id} ${fence}`;
}

/** Those that still count at that instant. */
function taken(tables: Tables, line: string, at: Instant = tables.now()): number {
  let count = 0;
  for (const place of tables.places.values()) {
    if (place.line === line && (place.endsAt === null || place.endsAt > at)) count += 1;
  }
  return count;
}

/** When one more fits. Null: nobody knows. */
function roomAt(tables: Tables, line: string, most: number | null): Instant | null {
  const now = tables.now();
  const counted = taken(tables, line);
  if (most === null || counted < most) return now;
  const ends = [...tables.places.values()]
    .flatMap(({ line: of, endsAt }) => (of === line && endsAt !== null && endsAt > now ? [endsAt] : []))
    .sort((a, b) => a - b);
  return ends[counted - most] ?? null;
}

function waitingIn(tables: Tables, line: string): WaitRow[] {
  return [...tables.waits.values()].filter((wait) => wait.line === line);
}

function isKept(tables: Tables, { admittedAt }: WaitRow): boolean {
  return admittedAt !== null && admittedAt > tables.now() - KEPT_MS;
}

function mostFor(tables: Tables, { actor, kind }: WaitRow): number | null {
  return mostOf(tables.limits.get(tables.actors.get(actor)?.def ?? 0), kind);
}

function rankOf(tables: Tables, row: ActorRow): Rank {
  const now = tables.now();
  const rankAt = Math.min(tables.waits.get(row.id)?.rankAt ?? row.wakeAt ?? now, now);
  return { actor: row.id, rankAt, priority: row.priority };
}

function rankOfWait(tables: Tables, { actor, rankAt }: WaitRow): Rank {
  return { actor, rankAt, priority: tables.actors.get(actor)?.priority ?? 0 };
}

function order(a: Rank, b: Rank): number {
  return a.priority - b.priority || a.rankAt - b.rankAt || (a.actor < b.actor ? -1 : 1);
}
