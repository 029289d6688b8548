/** What a claim answers, one row for each actor it took, as the contract says it. */
import type { Claimed, ClaimReply, Instant, Mail } from '../contract.ts';
import type { LimitKeys } from '../limits.ts';
import type { Reach } from './low-water.ts';
import type { Registry } from './registry.ts';

/** What one row says for all. Empty in all others. */
interface ClaimHead {
  readonly now: Instant | null;
  /** What was taken, by rank. */
  readonly order: string | null;
  /** When those were claimed before whose worker died. */
  readonly before?: readonly (readonly [id: string, at: string])[] | null;
  readonly poked?: readonly (readonly [id: string, worker: string])[] | null;
  readonly mail?: readonly (readonly [actor: string, id: string, event: string, at: string])[] | null;
  readonly end: readonly [queue: string, priority: string, at: string, actor: string] | null;
  readonly emptied: readonly number[] | null;
  /** Something was seen that only a thorough claim can see to. */
  readonly passed: boolean | null;
}

type ElsewhereSaid = 'name' | 'version' | 'mail' | 'dueRowAt' | 'claimedBefore' | 'limits' | 'labels';

interface TakenRow extends Omit<Claimed, ElsewhereSaid>, ClaimHead {
  readonly labels: readonly string[] | null;
  readonly inDue: boolean;
  readonly limits: string | null;
}

export type ClaimRow = TakenRow | (ClaimHead & { readonly id: null });

const NONE: readonly never[] = [];

/** By rank: the rows themselves come as they lie in the table. */
export async function claimIn(
  rows: readonly ClaimRow[],
  registry: Registry,
): Promise<Pick<ClaimReply, 'now' | 'claimed' | 'poked'> & { readonly reach: Reach; readonly passed: boolean }> {
  const head = rows.find((row) => row.now !== null);
  if (head === undefined || head.now === null) throw new Error('The claim answered nothing.');
  const { now, order, poked, end, emptied, passed } = head;
  const mail = lettersOf(head);
  const before = new Map(head.before);
  const byId = new Map<string, Claimed>();
  for (const row of rows) {
    if (row.id === null) continue;
    const definition = registry.known(row.def) ?? (await registry.definition(row.def));
    byId.set(row.id, claimedOf(row, definition, before.get(row.id), mail.get(row.id)));
  }
  // Whoever had several due rows stands there several times.
  const ids = new Set(order?.split(','));
  return {
    now,
    claimed: [...ids].flatMap((id) => byId.get(id) ?? NONE),
    poked: (poked ?? NONE).map(([id, worker]) => ({ id, worker })),
    reach: { now, end: end && endOf(end), emptied: emptied ?? NONE },
    passed: passed === true,
  };
}

function endOf([queue, priority, at, actor]: NonNullable<ClaimHead['end']>): NonNullable<Reach['end']> {
  return { queue: Number(queue), priority: Number(priority), at: Number(at), actor };
}

function claimedOf(
  row: TakenRow,
  { name, version }: { readonly name: string; readonly version: number },
  before: string | undefined,
  mail: readonly Mail[] = NONE,
): Claimed {
  return {
    id: row.id,
    def: row.def,
    name,
    version,
    queue: row.queue,
    priority: row.priority,
    labels: row.labels ?? NONE,
    parent: row.parent,
    role: row.role,
    input: row.input,
    state: row.state,
    attempt: row.attempt,
    snapshot: row.snapshot,
    history: row.history,
    spilled: row.spilled,
    seq: row.seq,
    fence: row.fence,
    pokes: row.pokes,
    strikes: row.strikes,
    retried: row.retried,
    claimedBefore: before === undefined ? null : Number(before),
    wakeAt: row.wakeAt,
    dueRowAt: row.inDue ? row.wakeAt : null,
    createdAt: row.createdAt,
    limits: row.limits === null ? null : (JSON.parse(row.limits) as LimitKeys),
    mail,
  };
}

/** Actors and all of their mail are one decision, so it comes with them. */
function lettersOf({ mail }: ClaimHead): ReadonlyMap<string, readonly Mail[]> {
  const letters = new Map<string, Mail[]>();
  for (const [actor, id, event, at] of mail ?? NONE) {
    const letter = { id, event, at: Number(at) };
    const others = letters.get(actor);
    if (others) others.push(letter);
    else letters.set(actor, [letter]);
  }
  return letters;
}
