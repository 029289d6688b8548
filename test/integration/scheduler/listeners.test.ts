/** What listeners and custom actions hear, and how little they can harm. */
import { expect, test } from 'vitest';
import { fromPromise, log, setup } from 'xstate';
import { defineActor, type Scheduler } from '../../../src/index.ts';
import { door } from '../../support/door.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();

async function openDoor(): Promise<{ scheduler: Scheduler; id: string }> {
  const scheduler = await schedulers.open({ definitions: [door] });
  const { id } = await scheduler.schedule(door);
  await scheduler.waitFor(id, { state: 'closed', timeout: '10s' });
  return { scheduler, id };
}

test('settled and transition tell what this worker did, with what the machine emitted', async () => {
  const { scheduler, id } = await openDoor();
  const emitted: unknown[] = [];
  const settled: unknown[] = [];
  scheduler.on('transition', (event) => event.id === id && emitted.push(...event.emitted));
  scheduler.on('settled', (event) => settled.push(event));
  for (const type of ['turn', 'leave']) await scheduler.send(id, { type });
  await scheduler.waitFor(id, { timeout: '10s' });
  expect(emitted).toEqual([{ type: 'creak', turns: 1 }]);
  expect(settled).toMatchObject([{ id, name: 'door', queue: 'default', record: { status: 'success' } }]);
});

test('what it returns ends the listening', async () => {
  const { scheduler, id } = await openDoor();
  let heard = 0;
  const stop = scheduler.on('settled', () => {
    heard += 1;
  });
  stop();
  stop();
  for (const type of ['turn', 'leave']) await scheduler.send(id, { type });
  await scheduler.waitFor(id, { timeout: '10s' });
  expect(heard).toBe(0);
});

test('a listener that throws harms neither the run nor the other listeners', async () => {
  const { scheduler, id } = await openDoor();
  const errors: Error[] = [];
  let heard = 0;
  scheduler.on('error', (error) => errors.push(error));
  scheduler.on('settled', () => {
    throw new Error('a bad guest');
  });
  scheduler.on('settled', () => {
    heard += 1;
  });
  for (const type of ['turn', 'leave']) await scheduler.send(id, { type });
  expect(await scheduler.waitFor(id, { timeout: '10s' })).toMatchObject({ status: 'done' });
  expect(heard).toBe(1);
  expect(errors).toMatchObject([{ message: 'a bad guest' }]);
});

test('custom actions run after the commit, once, and one that throws harms nothing', async () => {
  const ran: string[] = [];
  const acting = defineActor({
    name: 'acting',
    machine: setup({
      actors: { work: fromPromise(() => Promise.resolve('worked')) },
      actions: {
        note: (_, { text }: { text: string }) => void ran.push(text),
        fail() {
          throw new Error('an action failed');
        },
      },
    }).createMachine({
      initial: 'working',
      states: {
        working: {
          entry: [{ type: 'note', params: { text: 'entered' } }, 'fail'],
          invoke: { src: 'work', onDone: { target: 'done', actions: { type: 'note', params: { text: 'worked' } } } },
        },
        done: { type: 'final' },
      },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [acting] });
  const errors: Error[] = [];
  scheduler.on('error', (error) => errors.push(error));
  await (await scheduler.schedule(acting)).result({ timeout: '10s' });
  expect(ran).toEqual(['entered', 'worked']);
  expect(errors).toMatchObject([{ message: 'an action failed' }]);
});

test('what a custom action sends to its own machine arrives, and what it logs goes to the log', async () => {
  const selfish = defineActor({
    name: 'selfish',
    machine: setup({
      types: { events: {} as { type: 'go' } },
      actions: { nudge: ({ self }) => self.send({ type: 'go' }) },
    }).createMachine({
      initial: 'waiting',
      states: { waiting: { entry: ['nudge', log('nudged')], on: { go: 'gone' } }, gone: { type: 'final' } },
    }),
  });
  const scheduler = await schedulers.open({ definitions: [selfish] });
  const { status } = await (await scheduler.schedule(selfish)).result({ timeout: '10s' });
  expect(status).toBe('success');
  expect(schedulers.log.filter(({ msg }) => msg === 'log')).toMatchObject([{ values: ['nudged'] }]);
});
