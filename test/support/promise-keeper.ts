/**
 * A worker process for the threads of the example. HOLD=before: its deliveries begin and never end; HOLD=after: they are
 * written, and never end.
 */
import { Pool } from 'pg';
import { openThreads } from '../../examples/build-promise.ts';
import { createScheduler } from '../../src/index.ts';

const connectionString = process.env['DATABASE_URL'] ?? '';
const hold = process.env['HOLD'];
const pool = new Pool({ connectionString, max: 2 });
const threads = await openThreads(pool);

function tell(what: string, key?: string): void {
  process.stdout.write(`${JSON.stringify({ what, key })}\n`);
}

const never = new Promise<never>(() => {});
const scheduler = await createScheduler({
  definitions: [],
  postgres: connectionString,
  logger: false,
  sweepInterval: '100ms',
  worker: { lease: '1s' },
  threads: {
    async deliver(delivery) {
      tell('delivering', delivery.idempotencyKey);
      if (hold === 'before') await never;
      await threads.deliver(delivery);
      tell('written', delivery.idempotencyKey);
      if (hold === 'after') await never;
    },
  },
});
await scheduler.start();
tell('ready');
// Whoever started it is gone.
process.stdin.on('close', () => process.exit(0)).resume();
