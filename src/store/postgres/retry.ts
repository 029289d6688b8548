/**
 * The way back from `settled`: a dropped run's row moves among the active, before its first turn and due now. One statement
 * a batch: row, key, due row and audit change together, and whoever else has hold of a row is not waited for.
 */
import type { Instant } from '../contract.ts';
import type { Operator, Retried, RetryReply, RetryTerms, Selection } from '../operating.ts';
import { readNow } from './clock.ts';
import type { Database, Query, Statement } from './database.ts';
import { FITTING, fittingValues } from './selection.ts';
import { isInTheWay } from './sqlstate.ts';

/** Locks rows of history, then claims by digest: nobody else locks both. */
const RETRY: Statement = {
  name: null,
  text: `with ${FITTING}, mine as materialized (
    select s.* from carillon.settled s join fitting f on f.id = s.id and f.keep_until = s.keep_until
    order by s.id for update of s skip locked
  ), keyed as materialized (
    select distinct on (m.key_digest) m.key_digest, m.key, m.id, m.input, d.name
    from mine m join carillon.definitions d on d.id = m.def
    where m.key_digest is not null order by m.key_digest, m.settled_at desc, m.id
  ), claimed as (
    -- The fingerprint is the scheduler's: a freed key took it along.
    insert into carillon.claims as c (digest, fingerprint, actor, retention_ms, key)
    select k.key_digest, sha256(convert_to(length(k.name) || ':' || k.name || coalesce(k.input, ''), 'UTF8')), k.id,
      $11::float8, k.key
    from keyed k order by k.key_digest
    on conflict (digest) do update set fingerprint = excluded.fingerprint, actor = excluded.actor,
      retention_ms = excluded.retention_ms, expires_at = null, record = null
    where c.actor = excluded.actor or c.expires_at <= carillon.now()
    returning c.actor
  ), gone as (
    delete from carillon.settled s using mine m
    where s.id = m.id and s.keep_until = m.keep_until
      and (m.key_digest is null or m.id in (select c.actor from claimed c))
    returning s.*
  ), born as (
    insert into carillon.actors (id, def, queue, priority, labels, parent, role, key, key_digest, limits, input, progress, created_at,
      fence, seq, attempt, spilled, history, retried, state, wake_at, in_due, pokes, strikes)
    select g.id, g.def, g.queue, g.priority, g.labels, g.parent, g.role, g.key, g.key_digest, g.limits, g.input, g.progress,
      g.created_at, g.fence + 1, g.seq, g.attempt, g.spilled, g.history, g.retried + 1,
      case when d.kind <> 'actor' then '"scheduled"' end, carillon.now(), true, 0, 0
    from gone g join carillon.definitions d on d.id = g.def
    returning id, queue, priority, wake_at, def, fence
  ), pending as (
    insert into carillon.due (queue, priority, due_at, actor, def)
    select queue, priority, wake_at, id, def from born
  ), answer as materialized (
    select f.id, case when b.id is not null then 'retried' when m.id is null then 'raced' else 'conflict' end as outcome,
      b.queue, b.fence, m.key, m.outcome || coalesce(': ' || m.reason, '') as how,
      case when b.id is null then coalesce(
        (select c.actor from carillon.claims c where c.digest = m.key_digest and c.actor <> m.id),
        (select k.id from keyed k where k.key_digest = m.key_digest and k.id <> m.id)) end as "heldBy"
    from fitting f left join mine m on m.id = f.id left join born b on b.id = f.id
  ), noted as (
    insert into carillon.audit (id, at, namespace, who, action, target, reason, before, after)
    select $12::uuid, carillon.now(), $1, $13, $14, $15, $16, jsonb_object_agg(a.id, a.how) filter (where a.how is not null),
      jsonb_build_object(
        'retried', coalesce(jsonb_object_agg(a.id, a.fence) filter (where a.outcome = 'retried'), '{}'),
        'raced', coalesce(jsonb_agg(a.id) filter (where a.outcome = 'raced'), '[]'),
        'conflicts', coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'key', a.key, 'heldBy', a."heldBy"))
          filter (where a.outcome = 'conflict'), '[]'))
    from answer a having count(*) > 0
  )
  select a.id, a.outcome, a.queue, a.key, a."heldBy", (extract(epoch from carillon.now()) * 1000)::float8 as now
  from answer a order by a.id`,
};

/** What an earlier try has done whose reply was lost. */
const DONE: Statement = {
  name: 'retry_done',
  text: `select a.after, (extract(epoch from a.at) * 1000)::float8 as at,
    (select coalesce(jsonb_object_agg(s.id, s.queue), '{}') from (
      select id, queue from carillon.actors union all select id, queue from carillon.settled
    ) s where s.id in (select jsonb_object_keys(a.after->'retried')::uuid)) as queues
  from carillon.audit a where a.id = $1`,
};

const BATCH = 500;
/** How long somebody else's transaction may hold a key, or a prune its day, before the operator hears of it. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 20;

type Answer = Retried & { readonly now: Instant };

/** Thrown to take back what was written. */
class TakenBack extends Error {
  readonly answers: readonly Answer[];
  constructor(answers: readonly Answer[]) {
    super('A key is in conflict.');
    this.answers = answers;
  }
}

export async function retry(db: Database, selection: Selection, terms: RetryTerms, by: Operator): Promise<RetryReply> {
  const pass = new Retry(db, selection, terms, by);
  const answers = await (terms.atomic ? pass.together() : pass.batches());
  const now = answers.at(-1)?.now ?? (await readNow(db.ask));
  return { now, items: answers };
}

class Retry {
  readonly #db: Database;
  readonly #selection: Selection;
  readonly #terms: RetryTerms;
  readonly #by: Operator;

  constructor(db: Database, selection: Selection, terms: RetryTerms, by: Operator) {
    this.#db = db;
    this.#selection = selection;
    this.#terms = terms;
    this.#by = by;
  }

  async batches(): Promise<readonly Answer[]> {
    return this.#all((audit, after, limit) =>
      this.#db.resolved(
        () => this.#patiently((query) => this.#batch(query, audit, after, limit)),
        () => this.#done(audit),
      ),
    );
  }

  /** One transaction, which the first conflict takes back. */
  async together(): Promise<readonly Answer[]> {
    const audits: string[] = [];
    try {
      return await this.#db.resolved(
        () =>
          this.#patiently(() => {
            audits.length = 0;
            return this.#db.transaction(async (query) => {
              const answers = await this.#all((audit, after, limit) => {
                audits.push(audit);
                return this.#batch(query, audit, after, limit);
              });
              if (answers.some(({ outcome }) => outcome === 'conflict')) throw new TakenBack(answers);
              return answers;
            }, this.#db.patient);
          }),
        async () => {
          const parts = await Promise.all(audits.map((audit) => this.#done(audit)));
          return parts.some((part) => part !== undefined) ? parts.flatMap((part) => part ?? []) : undefined;
        },
      );
    } catch (error) {
      if (!(error instanceof TakenBack)) throw error;
      return error.answers.map((answer) =>
        answer.outcome === 'retried' ? { id: answer.id, outcome: 'withheld', now: answer.now } : answer,
      );
    }
  }

  /** Batch after batch, from id to id, so that what stays dropped is not met again. */
  async #all(
    batch: (audit: string, after: string | null, limit: number) => Promise<readonly Answer[]>,
  ): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (let after: string | null = null; ; ) {
      const limit = Math.min(BATCH, this.#selection.limit - answers.length);
      if (limit <= 0) return answers;
      const more = await batch(this.#db.env.uuid(), after, limit);
      answers.push(...more);
      if (more.length < limit) return answers;
      after = more.at(-1)?.id ?? null;
    }
  }

  async #batch(query: Query, audit: string, after: string | null, limit: number): Promise<readonly Answer[]> {
    const { keyRetentionMs, action } = this.#terms;
    const { who, reason = null } = this.#by;
    const noted = [audit, who, action, targetOf(this.#selection), reason];
    return query<Answer>(RETRY, [...fittingValues(this.#db, this.#selection, after, limit), keyRetentionMs, ...noted]);
  }

  /** A key in somebody's open transaction, or a day that is just being pruned. */
  async #patiently<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const startedMs = this.#db.env.monotonicMs();
    for (;;) {
      try {
        return await work((statement, values) => this.#db.query(statement, values, this.#db.patient));
      } catch (error) {
        if (!isInTheWay(error) || this.#db.env.monotonicMs() - startedMs > PATIENCE_MS) throw error;
        await this.#db.pause(PAUSE_MS);
      }
    }
  }

  async #done(audit: string): Promise<readonly Answer[] | undefined> {
    const [row] = await this.#db.query<{ at: Instant; after: Done; queues: Record<string, number> }>(DONE, [audit]);
    if (row === undefined) return undefined;
    const { at: now, after, queues } = row;
    const retried = Object.keys(after.retried).map((id) => ({ id, outcome: 'retried', queue: queues[id] ?? 0, now }));
    const raced = after.raced.map((id) => ({ id, outcome: 'raced', now }));
    const conflicts = after.conflicts.map((each) => ({ ...each, outcome: 'conflict', now }));
    return ([...retried, ...raced, ...conflicts] as Answer[]).sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

interface Done {
  readonly retried: Readonly<Record<string, number>>;
  readonly raced: readonly string[];
  readonly conflicts: readonly { readonly id: string; readonly key: string; readonly heldBy: string | null }[];
}

/** What an operator would look for in the audit. */
function targetOf({ ids, name, queue }: Selection): string {
  if (ids) return ids.length === 1 ? String(ids[0]) : `${ids.length} ids`;
  return name === null ? `queue ${queue}` : `name ${name}`;
}
