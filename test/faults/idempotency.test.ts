/** 64 callers in 8 processes race for 1,000 keys with two inputs each; some of them roll back, some are killed. */
import { expect, test } from 'vitest';
import { decode } from '../../src/codec.ts';
import { createScheduler, IdempotencyConflictError } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type CallerSettings, reserved, type Told } from './fixtures/caller.ts';

expectNothingLeftBehind();

const CALLER = new URL('./fixtures/caller.ts', import.meta.url);
const PROCESSES = 8;
const KILLED = 3;
const KEYS = Array.from({ length: 1_000 }, (_, n) => (n % 10 === 0 ? `key ${n} ${'é'.repeat(250)}` : `key ${n}`));

test('every key has one run, and every caller was told the truth about it', { timeout: 600_000 }, async () => {
  const database = await createTestDatabase();
  const postgres = database.connectionString;
  const processes = Array.from({ length: PROCESSES }, (_, seed): TestProcess => {
    const settings: CallerSettings = { postgres, callers: 8, keys: KEYS, each: 150, seed };
    const env = { FAULTS_CALLER: JSON.stringify(settings), DATABASE_URL: undefined, REDIS_URL: undefined };
    return startProcess(CALLER, { env });
  });
  const told = (): readonly Told[] => processes.flatMap(({ lines }) => lines as readonly Told[]);
  const doomed = processes.slice(0, KILLED);
  for (const [index, victim] of doomed.entries()) {
    const enough = 100 * (index + 1);
    await waitUntil(() => victim.lines.length >= enough, { timeoutMs: 120_000, what: `${enough} answers` });
    await victim.kill();
  }
  const ends = await Promise.all(processes.map((each) => each.ended));
  expect(ends.map(({ code, signal }) => signal ?? code)).toEqual([
    ...doomed.map(() => 'SIGKILL'),
    ...processes.slice(KILLED).map(() => 0),
  ]);

  // Whatever nobody has won, or whose winner died, is free: asking for all of them once more says so.
  const scheduler = await createScheduler({ definitions: [reserved], postgres, worker: false, logger: false });
  const last = await Promise.all(
    KEYS.map((key) =>
      scheduler.schedule(reserved, { body: 1 }, { idempotencyKey: key, delay: '1h' }).then(
        ({ outcome, id }) => ({ key, body: 1, how: 'alone', outcome, id }) satisfies Told,
        (error: IdempotencyConflictError) =>
          ({ key, body: 1, how: 'alone', outcome: 'conflict', id: error.id }) satisfies Told,
      ),
    ),
  );
  await scheduler.stop();

  const { rows } = await database
    .pool()
    .query<{ id: string; key: string; input: string }>('select id, key, input from carillon.actors');
  expect(rows).toHaveLength(KEYS.length);
  const holders = new Map(
    rows.map(({ id, key, input }) => [key, { id, body: (decode(input) as { body: number }).body }]),
  );
  expect(new Set(holders.keys())).toEqual(new Set(KEYS));
  const ids = new Set(rows.map(({ id }) => id));
  const all = [...told(), ...last];
  const lies = all.filter(({ key, body, how, outcome, id }) => {
    const holder = holders.get(key);
    if (outcome === 'scheduled') return how === 'rolledBack' ? ids.has(id) : holder?.id !== id || holder.body !== body;
    if (outcome === 'skipped_in_flight') return holder?.id !== id || holder.body !== body;
    return outcome !== 'conflict' || holder?.id !== id || holder.body === body;
  });
  expect(lies).toEqual([]);
  // A race in which one of these never happened would prove nothing.
  const happened = new Set(all.map(({ how, outcome }) => `${how} ${outcome}`));
  expect([...happened].sort()).toEqual(
    ['alone', 'committed', 'rolledBack']
      .flatMap((how) => ['conflict', 'scheduled', 'skipped_in_flight'].map((outcome) => `${how} ${outcome}`))
      .sort(),
  );
  await database.close();
});
