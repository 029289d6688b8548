// An agent says "I will check the build in ten minutes" and keeps its word, whatever dies meanwhile. Its threads live in Postgres.
//   const scheduler = await createScheduler({ definitions: [], threads: await openThreads(pool) });
//   await promiseToCheck(scheduler, 'agent-7', 17);
import {
  type Duration,
  type Handle,
  type Scheduler,
  type ThreadGateway,
  ThreadNotFoundError,
  ThreadStoppedError,
} from 'carillon';
import type { Pool } from 'pg';

const TABLES = `
  create table if not exists threads (id text primary key, stopped boolean not null default false);
  create table if not exists thread_messages (
    key text primary key, thread_id text not null references threads (id), body text not null, said_at timestamptz not null
  )`;

export async function openThreads(pool: Pool): Promise<ThreadGateway> {
  await pool.query(TABLES);
  return {
    async deliver({ threadId, message, idempotencyKey }) {
      const { rows } = await pool.query<{ stopped: boolean }>('select stopped from threads where id = $1', [threadId]);
      const [thread] = rows;
      // These two are dropped at once: nobody is there to hear it, however often it is said.
      if (!thread) throw new ThreadNotFoundError(threadId);
      if (thread.stopped) throw new ThreadStoppedError(threadId);
      // Whoever dies between this line and the next one of the scheduler says it again, with the same key.
      await pool.query(
        `insert into thread_messages (key, thread_id, body, said_at) values ($1, $2, $3, now())
        on conflict (key) do nothing`,
        [idempotencyKey, threadId, JSON.stringify(message)],
      );
    },
  };
}

/** A second promise about the same build takes the place of the first, for as long as that one waits. */
export function promiseToCheck(
  scheduler: Scheduler,
  threadId: string,
  build: number,
  delay: Duration = '10m',
): Promise<Handle> {
  const message = { text: `You promised to check build ${build}. Is it green?`, build };
  return scheduler.scheduleFollowup({ threadId, message, delay, key: `${threadId}/build-${build}` });
}
