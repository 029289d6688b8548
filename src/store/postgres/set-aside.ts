/** Owns `set_aside`: what a duty failed on, to be left alone longer each time and shown to operators until it passes. */
import type { SetAside } from '../operating.ts';
import type { Database, Statement } from './database.ts';

const ASIDE: Statement = {
  name: 'set_aside',
  text: `insert into carillon.set_aside as s (duty, target, failures, error, since, next_at)
  values ($1, $2, 1, $3, carillon.now(), carillon.now() + interval '5 seconds')
  on conflict (duty, target) do update set failures = s.failures + 1, error = excluded.error,
    next_at = carillon.now() + least(interval '5 seconds' * 2 ^ least(s.failures, 10), interval '10 minutes')`,
};

const TAKE_BACK: Statement = {
  name: 'take_back',
  text: `delete from carillon.set_aside where duty = $1 and target = $2`,
};

const READ: Statement = {
  name: 'read_aside',
  text: `select duty, target, failures, error, (extract(epoch from since) * 1000)::float8 as since,
    (extract(epoch from next_at) * 1000)::float8 as "nextAt"
  from carillon.set_aside order by since limit 1000`,
};

export async function setAside(db: Database, duty: string, target: string, error: unknown): Promise<void> {
  const text = error instanceof Error ? error.message : String(error);
  db.logger.error({ err: error, duty, target }, 'a row could not be recovered; it is left alone for a while');
  await db.query(ASIDE, [duty, target, text]);
}

export async function takeBack(db: Database, duty: string, target: string): Promise<void> {
  await db.query(TAKE_BACK, [duty, target]);
}

export async function readSetAside(db: Database): Promise<readonly SetAside[]> {
  return db.query<SetAside>(READ);
}
