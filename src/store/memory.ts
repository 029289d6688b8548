/**
 * The store in memory: the contract with nothing behind it, for simulation and the testing kit. Deterministic: time comes
 * from the clock it is given, timers from the Env, order from the data. Several stores can share one database, as
 * several processes share Postgres. A caller's transaction does not exist here: what is scheduled or sent within one is
 * there at once.
 */
import type { Env } from '../env.ts';
import type { DefinitionEntry, Store } from './contract.ts';
import { auditTrail, note, order } from './memory/audit-trail.ts';
import { claim } from './memory/claiming.ts';
import { createTables, type MemoryClock, makeDue, type Tables } from './memory/database.ts';
import { fork } from './memory/forking.ts';
import { forget, prune, prunedCounts, releaseKey } from './memory/letting-go.ts';
import { admitAll, placeWait, setLimits } from './memory/limits.ts';
import { send } from './memory/mailbox.ts';
import { mend, recover } from './memory/mending.ts';
import { audit, find, list, progressed, stats } from './memory/reading.ts';
import { replace } from './memory/replacing.ts';
import { failed, retry } from './memory/retrying.ts';
import { schedule, scheduleTogether } from './memory/scheduling.ts';
import { definitions, mark, population, settledLately } from './memory/surveying.ts';
import { commit, reload } from './memory/turns.ts';
import { dueBuckets, nextDue } from './memory/upcoming.ts';
import { orphans, park, unpark, versionsOf } from './memory/versions.ts';
import { createWakeUps } from './memory/wake-ups.ts';
import { createReaper, giveBack, heldBy, join, leave } from './memory/workers.ts';

export type { MemoryClock } from './memory/database.ts';

export interface MemoryStoreOptions {
  /** Heartbeats and announcements use its timers, and its wall clock is the database clock unless `clock` is given. */
  readonly env: Env;
  /** @defaultValue 'default' */
  readonly namespace?: string;
  readonly clock?: MemoryClock;
}

/** One database that several stores share. Each store has the Env of the process it stands for. */
export interface MemoryDatabase {
  open(options: { readonly env: Env; readonly namespace?: string }): Store;
}

export function createMemoryDatabase(clock: MemoryClock): MemoryDatabase {
  const tables = createTables(clock);
  return { open: ({ env, namespace = 'default' }) => openStore(tables, env, namespace) };
}

/** A store with a database of its own. */
export function createMemoryStore({ env, namespace, clock }: MemoryStoreOptions): Store {
  return createMemoryDatabase(clock ?? { now: () => env.wallMs() }).open({ env, ...(namespace && { namespace }) });
}

function openStore(tables: Tables, env: Env, namespace: string): Store {
  const wakeUps = createWakeUps(tables, env, namespace);
  const reaper = createReaper(tables, env);
  const operator = { tables, env, namespace };

  const definitionId = ({ kind, name, version, chart }: DefinitionEntry): number => {
    const key = `${namespace}/${name}@${version}`;
    const id = tables.definitions.get(key) ?? tables.definitions.size + 1;
    tables.definitions.set(key, id);
    // As in a table: what is so already stays as it is.
    if (tables.kinds.get(id)?.chart !== chart)
      tables.kinds.set(id, { namespace, name, version, kind, chart, registeredAt: tables.now() });
    return id;
  };
  const queueId = (name: string): number => {
    for (const queue of tables.queues.values()) {
      if (queue.namespace === namespace && queue.name === name) return queue.id;
    }
    const id = tables.queues.size + 1;
    tables.queues.set(id, { id, namespace, name, paused: false });
    return id;
  };

  return {
    now: async () => tables.now(),
    async registerDefinitions(definitions) {
      const ids = definitions.map(definitionId);
      setLimits(tables, namespace, definitions);
      unpark(tables, ids);
      return ids;
    },
    registerQueues: async (names) => names.map(queueId),

    schedule: async (actors, starter) => schedule(tables, actors, starter),
    scheduleTogether: async (actors, starter) => scheduleTogether(tables, actors, starter),
    replace: async (actor, replacement) => replace(tables, actor, replacement),
    send: async (mail) => send(tables, mail),
    async scheduleWithin(_client, actors, notifyWithinMs) {
      const reply = schedule(tables, actors, null);
      reply.items.forEach((item, index) => {
        const queue = actors[index]?.queue;
        if (queue === undefined || item.outcome !== 'scheduled') return;
        if (item.dueAt <= reply.now + notifyWithinMs) wakeUps.announce(queue, item.dueAt);
      });
      return reply;
    },
    async sendWithin(_client, mail) {
      const reply = send(tables, mail);
      for (const queue of reply.queues) wakeUps.announce(queue, reply.now);
      return reply;
    },

    claim: async (request) => claim(tables, request),
    orphans: async (queues, defs) => orphans(tables, queues, defs),
    versions: async (name) => versionsOf(tables, namespace, name),
    commit: async (worker, writes, leases) => commit(tables, worker, writes, leases),
    reload: async (worker, held) => reload(tables, worker, held),
    async progress(worker, id, fence, value) {
      const row = tables.actors.get(id);
      if (row?.worker !== worker || row.fence !== fence) return false;
      row.progress = value;
      return true;
    },
    async release(id, by) {
      const row = tables.actors.get(id);
      if (row === undefined || row.quarantine === null) return false;
      note(operator, by, { action: 'release', target: id, before: { quarantine: row.quarantine }, after: null });
      row.quarantine = null;
      makeDue(tables, row);
      return true;
    },
    async setPaused(name, paused, by) {
      const queue = tables.queues.get(queueId(name));
      if (queue === undefined) return;
      const action = paused ? 'pauseQueue' : 'resumeQueue';
      note(operator, by, { action, target: name, before: { paused: queue.paused }, after: { paused } });
      queue.paused = paused;
    },

    join: async (entry) => join(tables, env, namespace, entry),
    leave: async (worker) => leave(tables, worker),
    heldBy: async (worker) => heldBy(tables, worker),
    giveBack: async (worker, held) => giveBack(tables, worker, held),
    reap: async () => reaper.reap(),
    nextDue: async (queues, defs) => ({ now: tables.now(), due: nextDue(tables, queues, defs), elsewhere: false }),
    dueBuckets: async (horizonMs, bucketMs, limit) => dueBuckets(tables, namespace, horizonMs, bucketMs, limit),
    park: async () => park(tables),
    admit: async () => admitAll(tables),
    prepareDays: async () => undefined,
    audit: async (limit) => audit(tables, limit),

    retry: async (selection, terms, by) => retry(operator, selection, terms, by),
    fork: async (it, by) => fork(operator, it, by),
    failed: async (selection, sample) => failed(operator, selection, sample),
    prune: async (by) => prune(operator, by),
    pruned: async () => prunedCounts(operator),
    forget: async () => forget(tables),
    releaseKey: async (digest, key, by) => releaseKey(operator, digest, key, by),
    async recover(filter) {
      reaper.bury();
      return recover(tables, filter);
    },
    mend: async () => mend(tables),
    async reportDuties(worker, duties) {
      const row = tables.workers.get(worker);
      if (row !== undefined) row.duties = duties;
    },
    order: async (orders) => order(operator, orders),
    auditTrail: async (filter) => auditTrail(operator, filter),

    find: async (id) => find(tables, id),
    placeWait: async (id) => placeWait(tables, id),
    list: async (filter) => list(tables, namespace, filter),
    journal: async (id) => tables.segments.get(id) ?? [],
    progressed: async (ids) => progressed(tables, ids),
    stats: async () => stats(tables, namespace),
    definitions: async () => definitions(tables, namespace),
    population: async () => population(tables, namespace),
    settledLately: async (windowMs) => settledLately(tables, namespace, windowMs),
    mark: async () => mark(tables),

    listen: async (worker, listener) => wakeUps.listen(worker, listener),
    announce: (queue, at) => wakeUps.announce(queue, at),
    announcePokes: (poked) => wakeUps.announcePokes(poked),
    close: async () => wakeUps.close(),
  };
}
