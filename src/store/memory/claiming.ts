/**
 * The claim: takes what is due in (priority, due instant, actor) order, pokes the owners of what is held, and removes
 * the due rows it answered for. A due row it has no answer for stays: that is what keeps mail from being forgotten.
 */
import type { Claimed, ClaimReply, ClaimRequest, Instant, Poked } from '../contract.ts';
import { type ActorRow, isSuspect, lease, SUSPECT_LANE } from './actor-row.ts';
import { addDueNow, type Tables, writeLease } from './database.ts';
import type { DueRow } from './due-rows.ts';
import { readMail } from './mailbox.ts';

const PRIORITIES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export function claim(tables: Tables, request: ClaimRequest): ClaimReply {
  const now = tables.now();
  if (!tables.workers.has(request.worker)) return { now, claimed: [], poked: [], more: false, again: null };
  const pass = new ClaimPass(tables, request, now);
  for (const lane of lanesInOrder(tables, request, now)) {
    for (const queue of request.queues) {
      if (tables.queues.get(queue)?.paused !== true) pass.serve(queue, lane);
    }
  }
  return pass.finish();
}

function lanesInOrder(tables: Tables, request: ClaimRequest, now: Instant): readonly number[] {
  const lanes = request.suspect ? [...PRIORITIES, SUSPECT_LANE] : PRIORITIES;
  if (!request.oldestFirst) return lanes;
  const defs = new Set(request.defs);
  const headOf = (lane: number): Instant => {
    let oldest = Number.POSITIVE_INFINITY;
    for (const queue of request.queues) {
      if (tables.queues.get(queue)?.paused === true) continue;
      const head = tables.due.lane(queue, lane).find((row) => defs.has(row.def));
      if (head !== undefined && head.at <= now) oldest = Math.min(oldest, head.at);
    }
    return oldest;
  };
  const heads = lanes.map((lane) => ({ lane, at: headOf(lane) }));
  const first = heads.reduce((best, head) => (head.at < best.at ? head : best));
  return [first.lane, ...lanes.filter((lane) => lane !== first.lane)];
}

class ClaimPass {
  readonly #tables: Tables;
  readonly #request: ClaimRequest;
  readonly #now: Instant;
  readonly #defs: ReadonlySet<number>;
  readonly #inherits: ReadonlySet<string>;
  readonly #claimed: Claimed[] = [];
  readonly #poked: Poked[] = [];
  readonly #withMailLeft: ActorRow[] = [];
  #suspectAllowed: boolean;
  #more = false;

  constructor(tables: Tables, request: ClaimRequest, now: Instant) {
    this.#tables = tables;
    this.#request = request;
    this.#now = now;
    this.#defs = new Set(request.defs);
    this.#inherits = new Set((request.inherits ?? []).map(({ queue, def }) => `${queue}/${def}`));
    this.#suspectAllowed = request.suspect;
  }

  serve(queue: number, lane: number): void {
    const rows = this.#tables.due.lane(queue, lane);
    let index = 0;
    while (!this.#more) {
      const row = rows[index];
      if (row === undefined || row.at > this.#now) return;
      // An answered row and its later duplicates are gone from the live array: the same index is the next row.
      if (!this.#knows(row) || !this.#answer(row)) index += 1;
    }
  }

  finish(): ClaimReply {
    const ids = this.#claimed.map((actor) => actor.id);
    writeLease(this.#tables, this.#request.worker, this.#request.lease, ids);
    // Not before the pass is over, or it would find these rows itself and poke its own actors.
    for (const row of this.#withMailLeft) addDueNow(this.#tables, row);
    return { now: this.#now, claimed: this.#claimed, poked: this.#poked, more: this.#more, again: null };
  }

  #knows({ def, queue }: { readonly def: number; readonly queue: number }): boolean {
    return this.#defs.has(def) || this.#inherits.has(`${queue}/${def}`);
  }

  /** Whether the due row was dealt with, and is gone. */
  #answer(due: DueRow): boolean {
    const row = this.#tables.actors.get(due.actor);
    if (row === undefined || row.quarantine !== null) {
      this.#tables.due.takeDue(due.actor, this.#now);
      return true;
    }
    if (row.worker !== null) {
      this.#removeDue(row);
      row.pokes += 1;
      this.#poked.push({ id: row.id, worker: row.worker });
      return true;
    }
    if (!this.#knows(row)) {
      // It goes on by a newer version than its mail knew of.
      this.#tables.due.remove(due);
      const moved = { ...due, def: row.def };
      if (row.ownDue === due) row.ownDue = moved;
      this.#tables.due.add(moved);
      return true;
    }
    const suspect = isSuspect(row);
    if (suspect && !this.#suspectAllowed) return false;
    if (this.#claimed.length >= this.#request.slots) {
      this.#more = true;
      return false;
    }
    if (suspect) this.#suspectAllowed = false;
    this.#take(row);
    return true;
  }

  #take(row: ActorRow): void {
    const { strikes, claimedAt: claimedBefore, wakeAt } = row;
    this.#removeDue(row);
    lease(row, this.#request.worker, this.#request.lease, this.#now);
    row.parked = null;
    const { mail, left } = readMail(this.#tables, row.id);
    if (left) this.#withMailLeft.push(row);
    this.#claimed.push({
      id: row.id,
      def: row.def,
      name: row.name,
      version: row.version,
      queue: row.queue,
      priority: row.priority,
      labels: row.labels,
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
      strikes,
      retried: row.retried,
      claimedBefore,
      wakeAt,
      dueRowAt: row.ownDue?.at ?? null,
      createdAt: row.createdAt,
      limits: row.limits,
      mail,
    });
  }

  #removeDue(row: ActorRow): void {
    const taken = this.#tables.due.takeDue(row.id, this.#now);
    if (row.ownDue !== null && taken.includes(row.ownDue)) row.ownDue = null;
  }
}
