/** Owns `due`, the pending work: claims take from it, and what is next in it says when to claim. */
import type { ClaimReply, ClaimRequest, Instant, Store } from '../contract.ts';
import { type ClaimChoice, LEVELS } from './claim-choice.ts';
import { type ClaimRow, claimIn } from './claim-rows.ts';
import type { Database, Statement } from './database.ts';
import { freeLease } from './leases.ts';
import { type LowWater, type Marks, markIn } from './low-water.ts';
import { PLAIN_CLAIM } from './plain-claim.ts';
import type { Registry } from './registry.ts';
import { THOROUGH_CLAIM } from './thorough-claim.ts';

/** The level whose oldest due row has waited longest. */
const HEADS: Statement = {
  name: 'heads',
  text: `select level.priority
  from unnest($1::int4[]) with ordinality as lane(id, position) join carillon.queues q on q.id = lane.id and not q.paused,
    generate_series(0, 9) as level(priority), lateral (
      select d.due_at from carillon.due d
      where d.queue = q.id and d.priority = level.priority and d.due_at <= carillon.now()
        and (d.due_at, d.actor) >= (${markIn('$3', '$4')}) and d.def = any($2::int4[])
      order by d.due_at, d.actor limit 1
    ) head
  order by head.due_at limit 1`,
};

/** Index due_in_order, eleven heads per queue: not a range over all levels, which would have to be sorted. */
export const NEXT_DUE: Statement = {
  name: 'next_due',
  text: `with soonest as (
  select q.id as queue, (extract(epoch from min(head.due_at)) * 1000)::float8 as at, array_agg(level.priority) as levels
  from unnest($1::int4[]) with ordinality as lane(id, position) join carillon.queues q on q.id = lane.id and not q.paused,
    generate_series(0, 10) as level(priority), lateral (
      select d.due_at from carillon.due d
      where d.queue = q.id and d.priority = level.priority and (d.due_at, d.actor) >= (${markIn('$3', '$4')})
        and d.def = any($2::int4[])
      order by d.due_at, d.actor limit 1
    ) head
  group by q.id
  )
  select (extract(epoch from carillon.now()) * 1000)::float8 as now, soonest.queue, soonest.at, soonest.levels
  from (select) one left join soonest on true`,
};

/** Where claims of this process stand. */
export interface Claiming {
  readonly low: LowWater;
  readonly choice: ClaimChoice;
}

export async function claim(
  db: Database,
  registry: Registry,
  claiming: Claiming,
  request: ClaimRequest,
): Promise<ClaimReply> {
  const { choice } = claiming;
  const claimBy = (statement: Statement, slots: number): Promise<Part> =>
    claimPart(statement, db, registry, claiming, { ...request, slots });
  const plain = choice.thorough ? null : await claimBy(PLAIN_CLAIM, request.slots);
  if (plain) choice.plainly(plain.passed);
  const slots = request.slots - (plain?.claimed.length ?? 0);
  if (plain && (!plain.passed || slots === 0)) return plain;
  choice.thoroughly();
  const thorough = claimBy(THOROUGH_CLAIM, slots);
  if (plain === null || plain.claimed.length === 0) return thorough;
  try {
    const rest = await thorough;
    // Where that was lost on the way, all that this lease listed was freed.
    return rest.lost ? rest : { ...rest, claimed: [...plain.claimed, ...rest.claimed] };
  } catch (error) {
    db.logger.warn({ err: error }, 'a claim failed behind one that took something; the next one tries again');
    return { ...plain, more: true };
  }
}

interface Part extends ClaimReply {
  readonly passed: boolean;
  readonly lost: boolean;
}

async function claimPart(
  statement: Statement,
  db: Database,
  registry: Registry,
  { low, choice }: Claiming,
  request: ClaimRequest,
): Promise<Part> {
  const { worker, lease, queues, defs, inherits = [], slots, suspect, oldestFirst } = request;
  const marks = low.marksFor(request);
  const levels = oldestFirst ? await oldestLevelFirst(db, request, marks) : choice.levels;
  const orphans = [inherits.map(({ queue }) => queue), inherits.map(({ def }) => def)];
  const values = [worker, lease, queues, defs, slots, suspect, levels, ...orphans, ...marks];
  const askedMs = db.env.monotonicMs();
  let lost = false;
  const rows = await db.resolved(
    () => db.query<ClaimRow>(statement, values, db.pinned),
    // What a lost reply claimed, nobody runs: back with it, and claim again.
    async () => {
      lost = true;
      await freeLease(db, worker, lease);
      low.forget();
      return undefined;
    },
  );
  const { now, claimed, poked, reach, passed } = await claimIn(rows, registry);
  low.reached(marks, levels, db.env.monotonicMs() - askedMs, claimed.length, reach);
  const more = passed || reach.end !== null;
  choice.took(claimed, more);
  return { now, claimed, poked, more, again: more ? null : low.againAt(now), passed, lost };
}

/** A level's turn comes however full the levels before it are. */
async function oldestLevelFirst(
  db: Database,
  { queues, defs }: ClaimRequest,
  marks: Marks,
): Promise<readonly number[]> {
  const [oldest] = await db.query<{ priority: number }>(HEADS, [queues, defs, ...marks], db.pinned);
  if (oldest === undefined) return LEVELS;
  return [oldest.priority, ...LEVELS.filter((level) => level !== oldest.priority)];
}

interface NextRow {
  readonly now: Instant;
  /** Null: nothing waits anywhere. */
  readonly queue: number | null;
  readonly at: Instant;
  /** Where anything waits in it. */
  readonly levels: readonly number[];
}

export async function nextDue(
  db: Database,
  { low, choice }: Claiming,
  queues: readonly number[],
  defs: readonly number[],
): ReturnType<Store['nextDue']> {
  const values = [queues, defs, ...low.marksOf(queues, defs)];
  const rows = await db.query<NextRow>(NEXT_DUE, values, db.pinned);
  const due = new Map<number, Instant>();
  const waiting = new Set<number>();
  for (const { queue, at, levels } of rows) {
    if (queue === null) continue;
    due.set(queue, at);
    for (const level of levels) waiting.add(level);
  }
  return { now: rows[0]?.now ?? 0, due, elsewhere: choice.learn(waiting) };
}
