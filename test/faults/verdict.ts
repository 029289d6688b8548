/** What must be true after any fault, once everything has come to rest. */
import { expect } from 'vitest';
import { readJournal } from '../../src/journal.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { Promised, Stage } from './stage.ts';

/** A handler's clock and the store's are read one after the other. */
const CLOCK_GRAIN_MS = 1;

/**
 * Waits until all that was promised has settled, then holds it against the facts: nothing lost, nothing made up, nothing settled
 * twice, nothing early, every journal whole, the audit empty, and no worker dead that was not killed.
 */
export async function expectAllWell(stage: Stage, { timeoutMs = 60_000, told = '' } = {}): Promise<void> {
  await allSettled(stage, timeoutMs, told);
  expect(await stage.store.audit(100), `${told} audit`).toEqual([]);
  await expectEachStoredOnce(stage, told);
  expectNothingEarly(stage, told);
  for (const run of stage.promised) await expectWholeJournal(stage, run, told);
  for (const worker of stage.workers) {
    if (!worker.mortal) expect(worker.alive, `${told} worker ${worker.pid}:\n${worker.output()}`).toBe(true);
  }
}

async function allSettled(stage: Stage, timeoutMs: number, told: string): Promise<void> {
  let open: readonly string[] = stage.promised.map(({ id }) => id);
  await waitUntil(
    async () => {
      const found = await stage.store.progressed(open).catch(() => null);
      if (found) open = found.filter(({ status }) => status !== 'done' && status !== 'dropped').map(({ id }) => id);
      return found !== null && open.length === 0;
    },
    { timeoutMs, what: 'all runs to settle' },
  ).catch(async (error: Error) => {
    const stuck = await Promise.all(open.slice(0, 5).map((id) => stage.store.find(id)));
    const logs = stage.workers.map((worker) => worker.output().slice(-3_000)).join('\n');
    throw new Error(`${told} ${error.message} ${open.length} open, such as ${JSON.stringify(stuck)}\n${logs}`);
  });
}

/** Every promised run is one row of history and nothing else; every row was promised. */
async function expectEachStoredOnce({ pool, promised, facts }: Stage, told: string): Promise<void> {
  const { rows: settled } = await pool.query<{ id: string }>('select id from carillon.settled order by id');
  const { rows: active } = await pool.query<{ id: string }>('select id from carillon.actors');
  expect(active, `${told} still active`).toEqual([]);
  expect(
    settled.map(({ id }) => id),
    `${told} settled`,
  ).toEqual(promised.map(({ id }) => id).sort());
  const times = new Map<string, number>();
  for (const fact of facts) if (fact.what === 'settled') times.set(fact.id, (times.get(fact.id) ?? 0) + 1);
  expect(
    [...times].filter(([, count]) => count > 1),
    `${told} settled twice`,
  ).toEqual([]);
}

function expectNothingEarly({ promised, facts }: Stage, told: string): void {
  const notBefore = new Map(promised.map((run) => [run.id, run.notBefore]));
  const keys = new Map<string, string>();
  for (const fact of facts) {
    if (fact.what !== 'started') continue;
    const { id, key, at, dueAt } = fact;
    const earliest = Math.max(dueAt, notBefore.get(id) ?? 0) - CLOCK_GRAIN_MS;
    expect(at, `${told} ${fact.name} ${id} started early`).toBeGreaterThanOrEqual(earliest);
    expect(keys.get(id) ?? key, `${told} idempotency key of ${id}`).toBe(key);
    keys.set(id, key);
  }
}

async function expectWholeJournal({ store }: Stage, { id, name, notBefore }: Promised, told: string): Promise<void> {
  const actor = await store.find(id);
  if (!actor) throw new Error(`${told} ${name} ${id} is lost.`);
  const about = `${told} journal of ${name} ${id}`;
  const entries = readJournal(actor, actor.spilled ? await store.journal(id) : []);
  expect(
    entries.map(({ seq }) => seq),
    about,
  ).toEqual(Array.from({ length: actor.seq }, (_, index) => index + 1));
  const last = entries.at(-1);
  expect(JSON.stringify(last?.state ?? null), about).toBe(actor.state ?? 'null');
  // An approval that expires was approved, and never heard of it.
  const final = actor.status === 'done' ? ['done', 'published'] : ['dropped'];
  if (last?.event.type !== 'job.cancel') expect(final, about).toContain(last?.state);
  // A job begins when it is made and then waits; any other machine takes its first step when it is due.
  const begun = entries.find(({ state }) => state !== 'scheduled');
  if (begun?.event.type !== 'job.cancel') expect(begun?.at.getTime(), about).toBeGreaterThanOrEqual(notBefore - 1);
}
