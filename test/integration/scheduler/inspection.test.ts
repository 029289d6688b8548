import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { defineActor, defineJob, fromJob, type StatelyInspectionEvent } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

const child = defineJob({ name: 'child', queue: 'children', run: () => {} });
const parent = defineActor({
  name: 'parent',
  queue: 'parents',
  machine: setup({ actors: { child: fromJob(child) } }).createMachine({
    initial: 'waiting',
    states: { waiting: { invoke: { src: 'child', onDone: 'over' } }, over: { type: 'final' } },
  }),
});

test('a worker that runs only children introduces the parents it never saw, once and first', async () => {
  const definitions = [parent, child];
  const events: StatelyInspectionEvent[] = [];
  const first = await schedulers.open({ definitions, worker: { queues: ['parents'] } });
  await schedulers.open({ definitions, worker: { queues: ['children'] }, inspect: (event) => events.push(event) });
  const handle = await first.schedule(parent);
  await handle.result();
  await waitUntil(() => events.some((event) => event.type === '@xstate.snapshot' && event.snapshot.status === 'done'), {
    what: 'the end of the child',
  });
  const introduced = events.filter((event) => event.type === '@xstate.actor');
  expect(introduced.map(({ sessionId, parentId, rootId }) => [sessionId, parentId, rootId])).toEqual([
    [handle.id, undefined, handle.id],
    [introduced[1]?.sessionId, handle.id, handle.id],
  ]);
  expect(events[0]).toBe(introduced[0]);
});
