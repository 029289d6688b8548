/**
 * How a connection is made and what it is set to before anything is asked on it. The settings are those of its pool, and hold for
 * every statement there.
 */
import type pg from 'pg';

/**
 * For claims and turns, whose every look is for one row, or for a few in order. With stale statistics a claim would become a bitmap
 * scan and a sort, forty times slower, and a turn a scan of all actors. Planned once: planning takes half as long as a claim.
 */
export const PINNED_PLAN = ['bitmapscan', 'sort', 'seqscan', 'hashjoin', 'mergejoin']
  .map((way) => `set enable_${way} = off; `)
  .join('')
  .concat('set plan_cache_mode = force_generic_plan; set jit = off;');
/** Whoever meets a caller's open transaction steps back, and tries again alone. Turns come here, too: see {@link PINNED_PLAN}. */
export const SHORT_PATIENCE = `set lock_timeout = '100ms'; set enable_seqscan = off; set jit = off;`;

/** What connections of our own need to know, also of a pool we were given. */
export function configOf(connection: string | pg.PoolConfig | pg.Pool): pg.PoolConfig {
  if (typeof connection === 'string') return { connectionString: connection };
  if (!isPool(connection)) return connection;
  // pg hides the password from enumeration.
  const { options } = connection;
  return { ...options, password: options.password };
}

/** By shape: it may come from another copy of pg. */
export function isPool(connection: pg.PoolConfig | pg.Pool): connection is pg.Pool {
  return 'totalCount' in connection;
}
