/**
 * The store on Postgres: the only place with SQL, one module per table it owns. This module wires them and owns nothing.
 */
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Env } from '../../env.ts';
import type { Store } from '../contract.ts';
import { Admission, placeWait } from './admission.ts';
import { Auditor } from './audit.ts';
import { auditTrail } from './audit-trail.ts';
import { ClaimChoice } from './claim-choice.ts';
import { releaseKey } from './claims.ts';
import { readNow } from './clock.ts';
import { commit } from './commit.ts';
import { Database } from './database.ts';
import { claim, nextDue } from './due.ts';
import { dueBuckets } from './due-buckets.ts';
import { Forgetter } from './forget.ts';
import { fork } from './fork.ts';
import { readJournal } from './journal.ts';
import { giveBack, heldBy } from './leases.ts';
import { list } from './list.ts';
import { type Listening, listen } from './listen.ts';
import { LowWater } from './low-water.ts';
import { send, sendWithin } from './mailbox.ts';
import { fitSchema } from './migrate.ts';
import { order } from './orders.ts';
import { orphans, park, unpark } from './park.ts';
import { prune } from './prune.ts';
import { pruned } from './pruned.ts';
import { mend, recover } from './recover.ts';
import { Registry } from './registry.ts';
import { replace } from './replace.ts';
import { retry } from './retry.ts';
import { schedule, scheduleWithin } from './schedule.ts';
import { scheduleTogether } from './schedule-together.ts';
import { failed } from './selection.ts';
import { prepareDays } from './settled.ts';
import { stats } from './stats.ts';
import { definitions, mark, population, settledLately } from './surveying.ts';
import { reload } from './turns.ts';
import { find, progress, progressed, release } from './views.ts';
import { Announcer } from './wake.ts';
import { join, leave, Reaper, reportDuties } from './workers.ts';

export { migrate, planMigrations } from './migrate.ts';

export interface PostgresStoreOptions {
  /** A pool passed in serves the general work and is never closed; the special connections are the store's own. */
  readonly connection: string | pg.PoolConfig | pg.Pool;
  readonly namespace: string;
  /** Letters a to z, digits and underscores. */
  readonly schema: string;
  readonly env: Env;
  readonly logger: Pick<Logger, 'debug' | 'warn' | 'error'>;
  /**
   * Size of the general pool. The store opens up to five connections besides, and one per listener and worker.
   *
   * @defaultValue 10
   */
  readonly maxConnections?: number;
  /**
   * What the schema lacks is migrated.
   *
   * @defaultValue false
   */
  readonly migrates?: boolean;
}

/** @throws SchemaVersionError when the schema is older or newer than this code. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store & { readonly pool: pg.Pool }> {
  const db = new Database(options);
  const registry = new Registry(db);
  const low = new LowWater(db.env);
  const claiming = { low, choice: new ClaimChoice() };
  const announcer = new Announcer(db);
  const reaper = new Reaper(db);
  const auditor = new Auditor(db);
  const admission = new Admission(db);
  const mender = new Auditor(db);
  const forgetter = new Forgetter(db);
  const open = new Set<Listening>();
  /** For what may make something due that has been due for long. */
  const fromStart = async <R>(done: Promise<R>): Promise<R> => {
    try {
      return await done;
    } finally {
      low.forget();
    }
  };
  try {
    const { connection, schema, migrates = false } = options;
    await fitSchema(db.pool, { connection, schema, migrates });
    reaper.observe(await readNow(db.ask));
  } catch (error) {
    await db.close();
    throw error;
  }

  return {
    pool: db.pool,
    now: () => readNow(db.ask),
    async registerDefinitions(definitions) {
      const ids = await registry.registerDefinitions(definitions);
      await fromStart(unpark(db, ids));
      return ids;
    },
    registerQueues: (names) => registry.registerQueues(names),

    schedule: (actors, starter, tell) => schedule(db, actors, starter, () => announcer.leading(tell)),
    scheduleTogether: (actors, starter, tell) => scheduleTogether(db, actors, starter, () => announcer.leading(tell)),
    replace: (actor, replacement) => replace(db, actor, replacement),
    send: (mail) => send(db, mail),
    scheduleWithin: (client, actors, withinMs) => scheduleWithin(db, client as pg.ClientBase, actors, withinMs),
    sendWithin: (client, mail) => sendWithin(db, client as pg.ClientBase, mail),

    claim: (request) => claim(db, registry, claiming, request),
    orphans: (queues, defs) => orphans(db, queues, defs),
    versions: (name) => registry.versions(name),
    commit: (worker, writes, leases) => commit(db, low, worker, writes, leases),
    reload: (worker, held) => reload(db, worker, held),
    progress: (worker, id, fence, value) => progress(db, worker, id, fence, value),
    release: (id, by) => fromStart(release(db, id, by)),
    setPaused: (queue, paused, by) => fromStart(registry.setPaused(queue, paused, by)),

    join: (worker) => join(db, worker),
    leave: (worker) => fromStart(leave(db, worker)),
    heldBy: (worker) => heldBy(db, worker),
    giveBack: (worker, held) => fromStart(giveBack(db, worker, held)),
    async reap() {
      reaper.observe(await readNow(db.ask));
      return fromStart(reaper.reap());
    },
    nextDue: (queues, defs) => nextDue(db, claiming, queues, defs),
    dueBuckets: (horizonMs, bucketMs, limit) => dueBuckets(db, horizonMs, bucketMs, limit),
    park: () => park(db),
    admit: () => fromStart(admission.pass()),
    prepareDays: () => prepareDays(db),
    audit: (limit) => auditor.audit(limit),

    retry: (selection, terms, by) => fromStart(retry(db, selection, terms, by)),
    fork: (it, by) => fork(db, it, by),
    failed: (selection, sample) => failed(db, selection, sample),
    prune: (by, signal) => prune(db, by, signal),
    pruned: () => pruned(db),
    forget: () => forgetter.forget(),
    releaseKey: (digest, key, by) => releaseKey(db, digest, key, by),
    async recover(filter) {
      reaper.observe(await readNow(db.ask));
      await reaper.bury();
      return fromStart(recover(db, filter));
    },
    mend: () => fromStart(mend(db, mender)),
    reportDuties: (worker, duties) => reportDuties(db, worker, duties),
    order: (orders) => order(db, orders),
    auditTrail: (filter) => auditTrail(db, filter),

    find: (id) => find(db, id),
    placeWait: (id) => placeWait(db, id),
    list: (filter) => list(db, filter),
    journal: (id) => readJournal(db.ask, id),
    progressed: (ids) => progressed(db, ids),
    stats: () => stats(db),
    definitions: () => definitions(db),
    population: (bound) => population(db, bound),
    settledLately: (windowMs, bound) => settledLately(db, windowMs, bound),
    mark: () => mark(db),

    async listen(worker, listener) {
      const listening = await listen(db, low, worker, listener);
      open.add(listening);
      return {
        async close() {
          open.delete(listening);
          await listening.close();
        },
      };
    },
    announce: (queue, at) => announcer.due(queue, at),
    announcePokes: (poked) => announcer.pokes(poked),
    async close() {
      await Promise.all([...open].map((listening) => listening.close()));
      await db.close();
    },
  };
}
