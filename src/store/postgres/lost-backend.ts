/**
 * The server process behind a connection, and what may be said of a write when that connection dies: nothing, until the process is
 * seen gone. Until then it may still commit.
 */
import type pg from 'pg';
import { isConnectionLoss } from './sqlstate.ts';

/** One server process, exactly: process ids are used again, start times are not. */
export interface Backend {
  readonly pid: number;
  readonly startedAt: string;
}

/** A write was on its way when its connection died. Nothing may be concluded before that backend is gone. */
export class UnknownOutcome extends Error {
  readonly backend: Backend;
  constructor(backend: Backend, cause: unknown) {
    super('The connection was lost while a write was under way.', { cause });
    this.backend = backend;
  }
}

/** Asked over another connection, until the store closes. */
interface Witness {
  readonly pool: pg.Pool;
  readonly closing: AbortSignal;
  pause(ms: number): Promise<void>;
}

const IDENTIFY = `select pg_backend_pid() as pid, extract(epoch from backend_start)::text as started_at
  from pg_stat_activity where pid = pg_backend_pid()`;
const TERMINATE = `select pg_terminate_backend(pid) from pg_stat_activity
  where pid = $1 and extract(epoch from backend_start)::text = $2`;

const LONGEST_PAUSE_MS = 1_000;

/** In one go with the settings of its pool. */
export async function identify(client: pg.ClientBase, settings: string): Promise<Backend> {
  const answers: unknown = await client.query(settings + IDENTIFY);
  const { rows } = [answers].flat().at(-1) as pg.QueryResult<{ pid: number; started_at: string }>;
  const [row] = rows;
  if (row === undefined) throw new Error('The database does not list its own backends: pg_stat_activity is empty.');
  return { pid: row.pid, startedAt: row.started_at };
}

/** Ends that backend, or sees that it is gone, and asks what it has left behind. Asks again for as long as nobody answers. */
export async function truthAfter<T>(witness: Witness, lost: UnknownOutcome, ask: () => Promise<T>): Promise<T> {
  for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      await seeGone(witness, lost.backend);
      return await ask();
    } catch (error) {
      if (witness.closing.aborted) throw lost;
      const isLost = error instanceof UnknownOutcome || isConnectionLoss(error);
      if (!isLost) throw error;
      await witness.pause(pauseMs).catch(() => undefined);
    }
  }
}

async function seeGone(witness: Witness, { pid, startedAt }: Backend): Promise<void> {
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const { rowCount } = await witness.pool.query(TERMINATE, [pid, startedAt]);
    if (rowCount === 0) return;
    await witness.pause(pauseMs);
  }
}
