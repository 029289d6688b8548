/** The drain once more, with millions of settled runs in the history: put there by SQL, because running them takes an hour. */
import { Client } from 'pg';
import { drain } from './drain.ts';
import { count, type Row } from './row.ts';

const STEP = 500_000;

/** Copies of the one run that has settled, a moment apart, under ids in order, as those of version 7 are. */
const COPIES = `insert into carillon.settled (id, fence, seq, created_at, settled_at, keep_until, def, queue, attempt, strikes, priority,
    spilled, status, outcome, labels, state, record, input, snapshot, history)
  select lpad(to_hex(n), 32, '0')::uuid, s.fence, s.seq, s.created_at, s.settled_at - n * interval '1 ms', s.keep_until, s.def, s.queue, s.attempt,
    s.strikes, s.priority, s.spilled, s.status, s.outcome, s.labels, s.state, s.record, s.input, s.snapshot, s.history
  from (select * from carillon.settled limit 1) s, generate_series($1::int, $2::int) as n`;

export const history: Row = {
  name: 'history',
  againWithFuture: false,
  long: true,
  carillonOnly: 'keeps no history',
  figures: ({ jobs, settled }) => [
    {
      key: 'before',
      title: `drain ${count(jobs)}, just before that, without start`,
      unit: 'per second',
      better: 'more',
    },
    { key: 'bulk', title: `bulk schedule, ${count(settled)} settled runs stored`, unit: 'per second', better: 'more' },
    {
      key: 'steady',
      title: `drain ${count(jobs)}, ${count(settled)} settled runs stored, without start`,
      unit: 'per second',
      better: 'more',
    },
  ],
  async run(arena) {
    const { jobs, settled } = arena.sizes;
    // Right before, in the same store: what a machine does in another minute is another matter.
    await arena.producer.ask('bulk', jobs);
    const { steadyPerSecond: before } = await drain(arena, jobs, 1);
    const client = new Client({ connectionString: arena.env['DATABASE_URL'] });
    await client.connect();
    try {
      await client.query('set synchronous_commit = off');
      for (let from = 1; from <= settled; from += STEP)
        await client.query(COPIES, [from, Math.min(settled, from + STEP - 1)]);
      // Not all tables: the ones that wait are empty now, and plans made for empty tables are another matter.
      await client.query('vacuum analyze carillon.settled');
    } finally {
      await client.end();
    }
    await arena.checkpoint();
    const bulkMs = await arena.producer.ask('bulk', jobs);
    await arena.checkpoint();
    const { steadyPerSecond } = await drain(arena, jobs, 1);
    return { before, bulk: (jobs / bulkMs) * 1_000, steady: steadyPerSecond };
  },
};
