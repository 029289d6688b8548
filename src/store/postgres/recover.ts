/**
 * Recovers actors one by one: what dead workers hold, and what nothing will ever look at. One that cannot be recovered is
 * counted and set aside, and the others go on.
 */
import type { RecoverFilter, RecoverReply } from '../operating.ts';
import { Auditor } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { type Freed, freeOne } from './leases.ts';
import { setAside, takeBack } from './set-aside.ts';

const HELD_BY_DEAD: Statement = {
  name: 'held_by_dead',
  text: `select a.id, a.worker
  from carillon.leases l, unnest(l.actors) as listed(id)
  join carillon.actors a on a.id = listed.id
  join carillon.queues q on q.id = a.queue and q.namespace = $1
  where a.worker = l.worker and not exists (select from carillon.workers w where w.id = l.worker)
    and ($2::text is null or a.labels @> array[$2])
  order by a.id limit $3`,
};

/**
 * A due row too many does no harm: who claims it finds nothing to do. What is held and listed nowhere is listed again, so that
 * its worker gives it back, or whoever finds that one dead.
 */
const MEND: Statement = {
  name: 'mend',
  text: `with stray as materialized (
    select a.id, a.queue, a.def, a.worker, case when a.strikes >= 2 then 10 else a.priority end as lane
    from carillon.actors a where a.id = $1 and a.quarantine is null and a.parked is null
  ), due as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, lane, carillon.now(), id, def from stray where worker is null
  ), listed as (
    insert into carillon.leases (worker, n, actors)
    select s.worker, least(0, (select min(l.n) from carillon.leases l where l.worker = s.worker)) - 1, array[s.id]
    from stray s where s.worker is not null
  )
  select id, queue from stray`,
};

/** What one pass came to. */
export class Tally {
  readonly #db: Database;
  readonly #queues = new Set<number>();
  #processed = 0;
  #errors = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  freed(rows: readonly Freed[]): void {
    this.#processed += rows.length;
    for (const { queue } of rows) this.#queues.add(queue);
  }

  async free(worker: string, id: string, aside: { readonly duty: string; readonly target: string }): Promise<boolean> {
    return this.#isolated(() => freeOne(this.#db, worker, id), aside);
  }

  async mend(id: string): Promise<void> {
    const work = (): Promise<Freed[]> => this.#db.repeated(() => this.#db.query<Freed>(MEND, [id]));
    if (await this.#isolated(work, { duty: 'mend', target: id })) await takeBack(this.#db, 'mend', id);
  }

  reply(): RecoverReply {
    return { processed: this.#processed, errors: this.#errors, queues: [...this.#queues] };
  }

  async #isolated(
    work: () => Promise<readonly Freed[]>,
    { duty, target }: { readonly duty: string; readonly target: string },
  ): Promise<boolean> {
    try {
      this.freed(await work());
      return true;
    } catch (error) {
      this.#errors += 1;
      await setAside(this.#db, duty, target, error);
      return false;
    }
  }
}

export async function mend(db: Database, auditor: Auditor): Promise<RecoverReply> {
  const tally = new Tally(db);
  for (const { actor, problem } of await auditor.audit(Number.POSITIVE_INFINITY)) {
    db.logger.error({ actor, problem }, 'nothing would have looked at this actor again; it is due now');
    await tally.mend(actor);
  }
  return tally.reply();
}

/** An operator's asking overrides what was set aside. */
export async function recover(db: Database, filter: RecoverFilter): Promise<RecoverReply> {
  const { namespace, label, limit } = filter;
  const tally = new Tally(db);
  const held = await db.query<{ id: string; worker: string }>(HELD_BY_DEAD, [namespace, label, limit]);
  for (const { id, worker } of held) {
    if (await tally.free(worker, id, { duty: 'reconcile', target: id })) await takeBack(db, 'reconcile', id);
  }
  const auditor = new Auditor(db, namespace, label);
  let left = limit - held.length;
  do {
    const found = await auditor.audit(left);
    for (const { actor } of found) await tally.mend(actor);
    left -= found.length;
  } while (left > 0 && !auditor.atBeginning);
  return tally.reply();
}
