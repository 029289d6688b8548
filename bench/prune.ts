/**
 * How long a prune of one day's history takes, and what it costs the jobs that are scheduled, run and settled meanwhile.
 * `--rows N` sets how many runs the day has.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { openEmbeddedPostgres } from '../src/embedded.ts';
import { systemEnv } from '../src/env.ts';
import { createScheduler } from '../src/index.ts';
import { milliseconds, spreadOf } from './figures.ts';
import { definitions, noop } from './jobs.ts';

const { values: flags } = parseArgs({ options: { rows: { type: 'string' } } });
const ROWS = Number(flags.rows ?? 1_000_000);
/** How long jobs are watched before, for comparison. */
const WATCHED_MS = 5_000;

/** A day that has passed, filled with copies of a run that really settled. One in ten was dropped. */
async function fill(pool: Pool): Promise<void> {
  await pool.query(`create table carillon.settled_20200101 partition of carillon.settled
    for values from ('2020-01-01') to ('2020-01-02')`);
  const { rows } = await pool.query<{ columns: string }>(`select string_agg(column_name, ', ') as columns
    from information_schema.columns where table_schema = 'carillon' and table_name = 'settled'
      and column_name not in ('id', 'keep_until', 'status', 'outcome', 'reason')`);
  const columns = rows[0]?.columns ?? '';
  await pool.query(
    `insert into carillon.settled_20200101 (id, keep_until, status, outcome, reason, ${columns})
    select gen_random_uuid(), '2020-01-01', case when n % 10 = 0 then 'dropped' else 'done' end,
      case when n % 10 = 0 then 'failed_dropped' else 'success' end, case when n % 10 = 0 then 'retries_exhausted' end, ${columns}
    from (select * from carillon.settled limit 1) one, generate_series(1, $1::int4) n`,
    [ROWS],
  );
  // A leaf that has just been filled draws a vacuum of its own, which is in the way.
  await pool.query('alter table carillon.settled_20200101 set (autovacuum_enabled = false)');
  await pool.query('vacuum analyze carillon.settled_20200101');
}

const dataDir = mkdtempSync(join(tmpdir(), 'carillon-prune-'));
const logger = { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error };
const embedded = await openEmbeddedPostgres({ dataDir, env: systemEnv, logger });
const pool = new Pool(embedded.connection);
try {
  const scheduler = await createScheduler({ definitions, logger: false, postgres: embedded.connection });
  await scheduler.start();
  await (await scheduler.schedule(noop, { sentMs: 0 })).result();
  // The sweep's own first look for days that have passed would find this one while it is still empty, and take it away.
  await scheduler.prune();
  await fill(pool);

  const figures: number[] = [];
  const enough = new AbortController();
  const caller = async (): Promise<void> => {
    while (!enough.signal.aborted) {
      const startedMs = performance.now();
      const settled = new Promise<void>((resolve) => {
        const stop = scheduler.on('settled', () => {
          stop();
          resolve();
        });
      });
      await scheduler.schedule(noop, { sentMs: 0 });
      await settled;
      figures.push(performance.now() - startedMs);
    }
  };
  const callers = Promise.all([caller(), caller()]);
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  console.log(`jobs before,  schedule to settled, p50 / p99 / max: ${milliseconds(spreadOf(figures.splice(0)))}`);
  const startedMs = performance.now();
  const pruned = await scheduler.prune();
  const tookMs = performance.now() - startedMs;
  console.log(`jobs meanwhile, schedule to settled, p50 / p99 / max: ${milliseconds(spreadOf(figures.splice(0)))}`);
  enough.abort();
  await callers;
  console.log(`pruned ${JSON.stringify(pruned)} in ${Math.round(tookMs)} ms`);
  await scheduler.stop();
} finally {
  await pool.end();
  await embedded.close();
  rmSync(dataDir, { recursive: true, force: true });
}
