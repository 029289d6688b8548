/** Callbacks hear what their machine sends, and may answer at once. */
import { expect, test } from 'vitest';
import { fromCallback, sendTo, setup } from 'xstate';
import { defineActor } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

test('a callback hears what its machine sends it, and what it sends back moves the machine', async () => {
  let stopped = 0;
  const echoing = defineActor({
    name: 'echoing',
    machine: setup({
      types: { events: {} as { type: 'start' } | { type: 'echoed' } },
      actors: {
        echo: fromCallback(({ sendBack, receive }) => {
          receive(() => sendBack({ type: 'echoed' }));
          return () => {
            stopped += 1;
          };
        }),
      },
    }).createMachine({
      initial: 'listening',
      states: {
        listening: {
          invoke: { id: 'echo', src: 'echo' },
          on: { start: { actions: sendTo('echo', { type: 'ping' }) }, echoed: 'done' },
        },
        done: { type: 'final' },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [echoing] });
  const handle = await scheduler.schedule(echoing);
  await waitUntil(async () => (await scheduler.get(handle.id))?.effects[0]?.running);
  await handle.send({ type: 'start' });
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
  await waitUntil(() => stopped === 1);
  const heard = (await scheduler.history(handle.id)).map(({ event }) => event.type);
  expect(heard).toEqual(['xstate.init', 'start', 'echoed']);
});

test('a callback hears what was sent to it in the very step that starts it', async () => {
  const eager = defineActor({
    name: 'eager',
    machine: setup({
      actors: { echo: fromCallback(({ sendBack, receive }) => receive(() => sendBack({ type: 'echoed' }))) },
    }).createMachine({
      initial: 'listening',
      states: {
        listening: {
          invoke: { id: 'echo', src: 'echo' },
          entry: sendTo('echo', { type: 'ping' }),
          on: { echoed: 'done' },
        },
        done: { type: 'final' },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [eager] });
  const handle = await scheduler.schedule(eager);
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});
