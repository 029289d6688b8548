/**
 * Time in the test's hand: replaces the one SQL function that reads the clock by one that reads a table. Local timers and
 * heartbeats go on in real time.
 */
import type { Pool } from 'pg';

export interface VirtualTimeOptions {
  /** Stand still between advances, instead of running on from where the last one led. @defaultValue false */
  readonly frozen?: boolean;
}

/** Returns how to move the store's clock forward, from now on and for all connections to this database. */
export async function installVirtualTime(
  pool: Pool,
  schema: string,
  { frozen = false }: VirtualTimeOptions = {},
): Promise<(ms: number) => Promise<void>> {
  const real = `date_trunc('milliseconds', statement_timestamp())`;
  const from = frozen ? `(select frozen_at from ${schema}.virtual_time)` : real;
  await pool.query(`drop table if exists ${schema}.virtual_time`);
  await pool.query(`create table ${schema}.virtual_time as select 0::float8 as offset_ms, ${real} as frozen_at`);
  await pool.query(
    `create or replace function ${schema}.now() returns timestamptz language sql stable parallel safe as
      $$ select ${from} + (select offset_ms from ${schema}.virtual_time) * interval '1 ms' $$`,
  );
  return async (ms) => {
    await pool.query(`update ${schema}.virtual_time set offset_ms = offset_ms + $1`, [ms]);
  };
}
