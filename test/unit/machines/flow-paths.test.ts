import { expect, test } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { type FlowContext, flowMachine } from '../../../machines/flow.ts';
import { ended, planFor } from './flow-life.ts';

type Snapshot = SnapshotFrom<typeof flowMachine>;
type Event = { readonly type: string };
type OnDrop = FlowContext['onDrop'];

/** Two that start at once, and one that comes after the first. */
const plan = planFor({ a: [], b: [], c: ['a'] });
const inputFor = (onDrop: OnDrop) => ({ dueAt: 0, onDrop, count: 3 });

/** Every event a flow can meet, wherever it is: those that make no sense in a state have to change nothing. */
const events: Event[] = [
  { type: 'xstate.after.untilDue.flow.scheduled' },
  { type: 'job.runNow' },
  { type: 'job.cancel' },
  { type: 'job.reschedule', to: 50 } as Event,
  { type: 'job.reschedule', to: 'soon' } as Event,
  ...['a', 'b', 'c', 'nobody'].flatMap((key) => [
    ended(key),
    ended(key, 'failed_dropped'),
    ended(key, 'cancelled'),
    { type: 'child.recovering', key },
    { type: 'child.resumed', key },
  ]),
].map((event) => ({ ...event, at: 100, plan }));

function look({ value, context }: Snapshot): string {
  return JSON.stringify([value, context]);
}

/** A path for every edge: two ways into one state differ by where they come from and what took them there. */
function pathsOf(onDrop: OnDrop) {
  return getShortestPaths(flowMachine, {
    input: inputFor(onDrop),
    events: events as never,
    serializeState: (snapshot, event, before) =>
      `${before ? look(before) : ''} ${JSON.stringify(event)} ${look(snapshot)}`,
    filterEvents: ({ status }) => status === 'active',
  });
}

/** Runs a path on a live actor. Gives the transitions taken, as 'state event #choice'. */
function take(onDrop: OnDrop, path: readonly Event[]): { taken: string[]; snapshot: Snapshot } {
  const taken: string[] = [];
  const actor = createActor(flowMachine, {
    input: inputFor(onDrop),
    clock: { setTimeout: () => 0, clearTimeout: () => {} },
    inspect: (inspected) => {
      if (inspected.type !== '@xstate.microstep') return;
      for (const transition of inspected._transitions) {
        const { source, eventType } = transition;
        const choices = eventType === '' ? source.always : source.transitions.get(eventType);
        if (choices) taken.push(`${source.id} ${eventType} #${choices.indexOf(transition)}`);
      }
    },
  }).start();
  for (const event of path) actor.send(event as never);
  const snapshot = actor.getSnapshot();
  actor.stop();
  return { taken, snapshot };
}

function checkPromises({ status, value, context, output }: Snapshot): void {
  const { children, onDrop, cause } = context;
  const live = /[>~]/.test(children);
  expect(cause !== null).toBe(children.includes('!'));
  if (value !== 'scheduled' && status === 'active') expect(live).toBe(true);
  if (value === 'recovering') expect(children).toMatch(/^[^!]*~[^!]*$/);
  if (value === 'running') expect(children).not.toMatch(/[!~]/);
  if (value === 'failing') expect([children.includes('!'), onDrop]).toEqual([true, 'continue']);
  expect(status).toBe(['done', 'dropped', 'cancelled'].includes(value) ? 'done' : 'active');
  if (status !== 'done' || !output) return;
  // Once it has ended, nothing of it runs, recovers or waits.
  expect(children).toMatch(/^[-+!x]+$/);
  expect(output.status).toBe({ done: 'success', dropped: 'failed_dropped', cancelled: 'cancelled' }[value as 'done']);
  if (value === 'done') expect(children).toBe('+++');
  if (value === 'dropped') expect(output).toMatchObject({ reason: 'child_dropped', error: { name: 'Error' } });
  if (value === 'cancelled') expect([children.includes('!'), typeof output.reason]).toEqual([false, 'string']);
}

test('every path keeps the promises of the machine, and together they take every transition', {
  timeout: 60_000,
}, () => {
  const taken = new Set<string>();
  const visited = new Set<string>();
  for (const onDrop of ['cancelRest', 'continue'] as const) {
    for (const { steps, state } of pathsOf(onDrop)) {
      const path = steps.slice(1).map(({ event }) => event);
      const live = take(onDrop, path);
      expect(look(live.snapshot)).toBe(look(state));
      checkPromises(live.snapshot);
      visited.add(live.snapshot.value);
      for (const transition of live.taken) taken.add(transition);
    }
  }
  expect([...visited].sort()).toEqual(Object.keys(flowMachine.states).sort());
  const all = [flowMachine.root, ...Object.values(flowMachine.states)].flatMap((node) => {
    const choices = [...node.transitions, ...(node.always ? [['', node.always] as const] : [])];
    return choices.flatMap(([type, each]) => each.map((_, choice) => `${node.id} ${type} #${choice}`));
  });
  expect([...taken].sort()).toEqual(all.sort());
});
