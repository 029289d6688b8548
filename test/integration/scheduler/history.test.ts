/** The journal as callers see it: everything that happened, in order, without a gap. */
import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { ActorNotFoundError, defineActor, defineJob } from '../../../src/index.ts';
import { door } from '../../support/door.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();
const nobody = '00000000-0000-7000-8000-000000000000';

test('every event is there, in order, without a gap, with the state it led to', async () => {
  const scheduler = await schedulers.open({ definitions: [door] });
  const { id } = await scheduler.schedule(door);
  for (const type of ['bolt', 'turn', 'turn', 'turn', 'leave']) await scheduler.send(id, { type });
  await scheduler.waitFor(id, { timeout: '10s' });
  const history = await scheduler.history(id);
  expect(history.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(history.map(({ event }) => event.type)).toEqual(['xstate.init', 'bolt', 'turn', 'turn', 'turn', 'leave']);
  expect(history.map(({ state }) => state)).toEqual([
    { closed: 'free' },
    { closed: 'bolted' },
    'open',
    { closed: 'free' },
    'open',
    'left',
  ]);
  const times = history.map(({ at }) => at.getTime());
  expect(times).toEqual([...times].sort((a, b) => a - b));
  await expect(scheduler.history(nobody)).rejects.toThrow(ActorNotFoundError);
});

test('the life of a job that is retried tells every attempt', async () => {
  const flaky = defineJob({
    name: 'flaky',
    retry: { backoff: { base: 5 } },
    run({ attempt }) {
      if (attempt < 3) throw new Error(`failure ${attempt}`);
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const handle = await scheduler.schedule(flaky);
  await handle.result({ timeout: '10s' });
  const history = await scheduler.history(handle.id);
  expect(history.map(({ state }) => state)).toEqual([
    'scheduled',
    'dispatching',
    'retrying',
    'dispatching',
    'retrying',
    'dispatching',
    'done',
  ]);
  expect(history.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(JSON.stringify(history[2]?.event)).toContain('failure 1');
});

test('two thousand events to one actor are all kept, in order', async () => {
  const log = defineActor({
    name: 'log',
    machine: setup({
      types: { context: {} as { last: number }, events: {} as { type: 'add'; n: number } | { type: 'stop' } },
    }).createMachine({
      context: { last: 0 },
      initial: 'on',
      states: {
        on: { on: { add: { actions: assign({ last: ({ event }) => event.n }) }, stop: 'off' } },
        off: { type: 'final' },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [log] });
  const { id } = await scheduler.schedule(log);
  for (let from = 1; from <= 2000; from += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => scheduler.send(id, { type: 'add', n: from + index })));
  }
  await scheduler.send(id, { type: 'stop' });
  const view = await scheduler.waitFor(id, { timeout: '20s' });
  expect(view).toMatchObject({ status: 'done', seq: 2002, context: { last: 2000 } });
  const history = await scheduler.history(id);
  expect(history.map(({ seq }) => seq)).toEqual(Array.from({ length: 2002 }, (_, index) => index + 1));
  const numbers = history.flatMap(({ event }) => (event.type === 'add' ? [event['n'] as number] : []));
  expect(numbers).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1));
  const { rows } = await schedulers.database
    .pool()
    .query<{ segments: number }>('select count(*)::int as segments from carillon.journal where actor = $1', [id]);
  expect(rows[0]?.segments).toBeGreaterThan(0);
});
