/** Arguments: `redis` or `postgres`, and its address. Waits for one wake-up and closes. */
import { Pool } from 'pg';
import { pino } from 'pino';
import { createAlarms } from '../../src/alarms.ts';
import { systemEnv } from '../../src/env.ts';

const [kind, address = ''] = process.argv.slice(2);
const pool = new Pool({ connectionString: address });
pool.on('error', () => undefined);
const alarms = await createAlarms({
  backend: kind === 'redis' ? { kind, connection: address } : { kind: 'postgres', pool },
  namespace: 'default',
  schema: 'carillon',
  env: systemEnv,
  logger: pino({ level: 'silent' }),
});
const woken = new Promise<void>((resolve) => {
  // The second queue is the one that waits when the alarms are closed.
  void alarms.listen(['mail', 'files'], () => resolve());
});
// Also what is far away must not keep the process.
alarms.arm('mail', Date.now() + 9_000, Date.now());
alarms.arm('mail', Date.now() + 200, Date.now());
await woken;
await alarms.close();
await pool.end();
console.log(JSON.stringify('woken and closed'));
