/** Carillon as a system to measure, through its public API. `carillon worker` tunes its heap, so this does too. */
import { createScheduler, defineJob, type Scheduler } from 'carillon';
import { Client } from 'pg';
import { tuneHeap } from '../src/cli/tune-heap.ts';
import type { Job, Started, System } from './agent/contract.ts';

const CONCURRENCY = 1_000;

let started: Started = () => undefined;
/** A process that works schedules through the scheduler that works: it has no second one. */
let working: Scheduler | null = null;
const noop = defineJob<Job>({
  name: 'noop',
  queue: 'bench',
  run: ({ input }) => started(input),
});

function open(worker: false | { readonly concurrency: number }): Promise<Scheduler> {
  return createScheduler({ definitions: [noop], logger: false, worker });
}

/** Due rows are what waits; an actor that a living lease lists is what runs. */
const REMAINING = `select (
  (select count(*) from carillon.due where queue in (select id from carillon.queues)
    and priority = any('{0,1,2,3,4,5,6,7,8,9,10}') and due_at < now() + interval '1 day')
  + (select count(*) from carillon.leases l, unnest(l.actors) as listed(id)
    join carillon.actors a on a.id = listed.id where a.worker = l.worker))::float8 as remaining`;

const FAILED = `select (
  (select count(*) from carillon.settled where outcome <> 'success')
  + (select count(*) from carillon.actors where quarantine is not null))::float8 as failed`;

const system: System = {
  settings: {
    worker: `concurrency ${CONCURRENCY}, full history, ${process.env['REDIS_URL'] ? 'alarms on Redis' : 'alarms on the same Postgres'}; heap flags of carillon worker`,
    producer: 'schedule, 50 in flight; scheduleMany 1,000',
  },
  async prepare() {
    // Only a worker makes the tables of the alarms.
    const scheduler = await open({ concurrency: 1 });
    await scheduler.start();
    await scheduler.stop();
  },
  async connect() {
    const scheduler = await open(false);
    const client = new Client({ connectionString: process.env['DATABASE_URL'] });
    client.on('error', () => undefined);
    await client.connect();
    return {
      add: (job) => (working ?? scheduler).schedule(noop, job),
      addMany: (jobs) =>
        scheduler.scheduleMany(
          noop,
          jobs.map((input) => ({ input })),
        ),
      addManyAt: (jobs) =>
        scheduler.scheduleMany(
          noop,
          jobs.map((input) => ({ input, options: { at: new Date(input.dueMs) } })),
        ),
      async remaining() {
        const { rows } = await client.query<{ remaining: number }>(REMAINING);
        return rows[0]?.remaining ?? 0;
      },
      async failed() {
        const { rows } = await client.query<{ failed: number }>(FAILED);
        return rows[0]?.failed ?? 0;
      },
      async close() {
        await client.end();
        await scheduler.stop();
      },
    };
  },
  async work(_purpose, heard) {
    tuneHeap();
    started = heard;
    const scheduler = await open({ concurrency: CONCURRENCY });
    await scheduler.start();
    working = scheduler;
    return () => scheduler.stop({ timeout: '2s' });
  },
};

export default system;
