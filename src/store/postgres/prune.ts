/**
 * Lets history go: whole leaves of `settled` whose day has passed are counted and emptied. What must not go with its leaf
 * leaves it first, by itself. A crash at any moment leaves each row where it was, or gone and counted.
 */
import type { Operator, PruneReply } from '../operating.ts';
import { NOTE, noteValues } from './audit-trail.ts';
import type { Database, Query, Statement } from './database.ts';
import { CARRY, type LeafStatements, statementsFor } from './leaf.ts';
import { type PastLeaf, pastLeaves, removeLeaf } from './old-leaves.ts';
import { ADD_COUNTS } from './pruned.ts';
import { makeLeaves } from './settled.ts';
import { isInTheWay } from './sqlstate.ts';

/** Two of them would wait for each other at the last step, each with its lock on the leaf. */
const ALONE: Statement = {
  name: 'prune_alone',
  text: `select pg_try_advisory_xact_lock(hashtextextended('carillon prune of ' || $1, 0)) as alone`,
};

const PATIENCE: Statement = { name: 'prune_patience', text: `set local lock_timeout = '200ms'` };

const ADD: Statement = {
  name: 'add_pruned',
  text: `with counts as (
    select c.* from unnest($1::int4[], $2::int4[], $3::text[], $4::text[], $5::text[], $6::int8[])
      as c(def, queue, outcome, reason, code, n)
  )
  ${ADD_COUNTS}`,
};

interface Count {
  readonly def: number;
  readonly queue: number;
  readonly outcome: string;
  readonly reason: string;
  readonly code: string;
  readonly n: number;
}

/** Looks at the leaf again after what had to leave it by itself: a row may come in until its last settle is through. */
const MAX_ROUNDS = 5;

type Outcome = 'emptied' | 'unready' | 'elsewhere';

export async function prune(db: Database, by: Operator | null, signal?: AbortSignal): Promise<PruneReply> {
  const pass = new Prune(db, by, signal);
  const leaves = await pastLeaves(db);
  if (leaves.length > 0) await makeLeaves(db, [0]);
  for (const leaf of leaves) {
    if (signal?.aborted) break;
    try {
      await pass.leaf(leaf);
    } catch (error) {
      if (isInTheWay(error)) pass.blocked += 1;
      else {
        pass.errors += 1;
        db.logger.error({ err: error, leaf: leaf.leaf }, 'a day of history could not be pruned');
      }
    }
  }
  const { done, dropped, carried, blocked, errors } = pass;
  return { done, dropped, carried, blocked, errors, processed: done + dropped };
}

class Prune {
  done = 0;
  dropped = 0;
  carried = 0;
  blocked = 0;
  errors = 0;
  readonly #db: Database;
  readonly #by: Operator | null;
  readonly #signal: AbortSignal | undefined;

  constructor(db: Database, by: Operator | null, signal: AbortSignal | undefined) {
    this.#db = db;
    this.#by = by;
    this.#signal = signal;
  }

  async leaf(past: PastLeaf): Promise<void> {
    const statements = statementsFor(past.leaf);
    if (!past.detaching) {
      for (let round = 1; await this.#isFilled(statements); round += 1) {
        if (round > MAX_ROUNDS || this.#signal?.aborted) {
          this.blocked += 1;
          return;
        }
        const outcome = await this.#empty(past, statements);
        if (outcome === 'elsewhere') return;
        if (outcome === 'unready') await this.#makeReady(statements);
      }
    }
    if (past.old) await removeLeaf(this.#db, past);
  }

  async #isFilled({ look }: LeafStatements): Promise<boolean> {
    const [row] = await this.#db.query<{ filled: boolean }>(look);
    return row?.filled === true;
  }

  /** All of it is one transaction: what is carried, what is counted, and the emptying. */
  async #empty({ day }: PastLeaf, statements: LeafStatements): Promise<Outcome> {
    const found = await this.#db.repeated(() =>
      this.#db.transaction(async (query) => {
        await query(PATIENCE, []);
        const [lock] = await query<{ alone: boolean }>(ALONE, [this.#db.schema]);
        if (!lock?.alone) return 'elsewhere';
        await query(statements.lock, []);
        const carried = (await query(CARRY, [day])).length;
        const [check] = await query<{ spilled: boolean; awaited: boolean }>(statements.check, []);
        if (check?.spilled || check?.awaited) return 'unready';
        const counts = await query<Count>(statements.count, []);
        await this.#record(query, day, counts, carried);
        await query(statements.empty, []);
        return { counts, carried };
      }),
    );
    if (typeof found === 'string') return found;
    this.carried += found.carried;
    this.#tally(found.counts);
    return 'emptied';
  }

  async #record(query: Query, day: string, counts: readonly Count[], carried: number): Promise<void> {
    await query(ADD, [
      counts.map((c) => c.def),
      counts.map((c) => c.queue),
      counts.map((c) => c.outcome),
      counts.map((c) => c.reason),
      counts.map((c) => c.code),
      counts.map((c) => c.n),
    ]);
    if (this.#by === null) return;
    const pruned = counts.reduce((sum, { n }) => sum + n, 0);
    await query(
      NOTE,
      noteValues(this.#db, this.#by, { action: 'prune', target: `kept until ${day}`, after: { pruned, carried } }),
    );
  }

  /** Records that their keys still answer with, and lives whose journals lie elsewhere: in bounded steps, outside of any lock. */
  async #makeReady({ copyRecords, letGo }: LeafStatements): Promise<void> {
    let after: string | null = null;
    do {
      const rows: { last: string | null }[] = await this.#db.query(copyRecords, [after]);
      after = rows[0]?.last ?? null;
    } while (after !== null && !this.#signal?.aborted);
    while (!this.#signal?.aborted) {
      const counts = await this.#db.query<Count>(letGo);
      if (counts.length === 0) break;
      this.#tally(counts);
    }
  }

  #tally(counts: readonly Pick<Count, 'outcome' | 'n'>[]): void {
    for (const { outcome, n } of counts) {
      if (outcome === 'success') this.done += n;
      else this.dropped += n;
    }
  }
}
