import { expect, test } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { cronActions, cronMachine } from '../../../machines/cron.ts';
import type { Calendar } from '../../../machines/cron-calendar.ts';
import type { CronSpec } from '../../../machines/cron-context.ts';

type Snapshot = SnapshotFrom<typeof cronMachine>;
type Event = { readonly type: string };

/** Fires at 10 and at 20, and never again: so that there is an end to what can happen. */
const FIRES = [10, 20];
const between = (after: number, upTo: number): number[] => FIRES.filter((fire) => fire > after && fire <= upTo);
const calendar: Calendar = {
  next: (_, after) => between(after, Infinity)[0] ?? null,
  oldest: (_, after, upTo) => between(after, upTo)[0] ?? null,
  latest: (_, after, upTo, limit) => between(after, upTo).slice(-limit),
};
const machine = cronMachine.provide({ actions: cronActions(calendar) });

const plain: CronSpec = {
  id: 'plain',
  declared: false,
  times: null,
  target: null,
  enabled: true,
  limit: null,
  jitterMs: 0,
  missed: 'last',
  missedWindowMs: null,
  overlap: 'queue',
  pauseAfterFailures: 1,
  deleteAfterRun: false,
};
const disabled = { ...plain, id: 'disabled', enabled: false };
const once = { ...plain, id: 'once', limit: 1, deleteAfterRun: true };

/** Every event a cron can meet, wherever it is: those that make no sense in a state have to change nothing. */
const events: Event[] = [
  ...FIRES.map((at) => ({ type: 'xstate.after.untilNext.cron.waiting', at })),
  { type: 'xstate.after.1.cron.removing', at: 20 } as Event,
  ...FIRES.flatMap((nominalAt) =>
    ['success', 'failed_dropped'].map((status) => ({
      type: 'child.settled',
      child: `run ${nominalAt}`,
      nominalAt,
      status,
      at: nominalAt,
    })),
  ),
  ...[plain, disabled, once].map((spec) => ({ type: 'cron.update', spec, at: 10 })),
  ...['cron.pause', 'cron.resume', 'job.cancel'].map((type) => ({ type, at: 10 })),
];

/** What decides how it goes on. */
function look({ value, context }: Snapshot): string {
  const { spec, next, running, queued, failures } = context;
  return JSON.stringify([value, spec.id, next?.nominalAt, running, queued, failures > 0]);
}

/** A path for every edge: two ways into one state differ by where they come from and what took them there. */
function pathsOf(spec: CronSpec) {
  return getShortestPaths(machine, {
    input: { spec, registeredAt: 0 },
    events: events as never,
    serializeState: (snapshot, event, before) =>
      `${before ? look(before) : ''} ${JSON.stringify(event)} ${look(snapshot)}`,
    filterEvents: ({ status }) => status === 'active',
  });
}

/** Runs a path on a live actor. Gives the transitions taken, as 'state event #choice'. */
function take(spec: CronSpec, path: readonly Event[]): { taken: string[]; snapshot: Snapshot } {
  const taken: string[] = [];
  const stopped = { setTimeout: () => 0, clearTimeout: () => {} };
  const actor = createActor(machine, {
    input: { spec, registeredAt: 0 },
    clock: stopped,
    logger: () => {},
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

function checkPromises({ status, value, context, output }: Snapshot, told: string): void {
  const { next, running, queued, orders, pausedBecause, fires } = context;
  expect(orders, told).toEqual([]);
  expect(new Set([...running, ...queued]).size, told).toBe(running.length + queued.length);
  expect(value, told).not.toBe('registering');
  if (value === 'waiting') expect(next !== null || running.length > 0, told).toBe(true);
  if (value === 'waiting' && running.length === 0) expect(queued, told).toEqual([]);
  if (value === 'paused' || value === 'retired') expect(next, told).toBeNull();
  if (value !== 'removing' && value !== 'removed') expect(pausedBecause !== null, told).toBe(value === 'paused');
  expect(status, told).toBe(value === 'removed' ? 'done' : 'active');
  if (status !== 'done') return;
  expect(output?.status, told).toBe(context.removedBecause === null ? 'success' : 'cancelled');
  expect(output, told).toMatchObject({ attempts: 1, startedAt: expect.any(Number) });
  if (output?.status === 'success') expect(output.output, told).toMatchObject({ fires });
}

test('every path keeps the promises of the machine, and together they take every transition', {
  timeout: 60_000,
}, () => {
  const taken = new Set<string>();
  const visited = new Set<string>(['registering']);
  for (const spec of [plain, disabled, once]) {
    for (const { steps, state } of pathsOf(spec)) {
      const path = steps.slice(1).map(({ event }) => event);
      const live = take(spec, path);
      expect(look(live.snapshot)).toBe(look(state));
      checkPromises(live.snapshot, JSON.stringify(path));
      visited.add(live.snapshot.value);
      for (const transition of live.taken) taken.add(transition);
    }
  }
  expect([...visited].sort()).toEqual(Object.keys(machine.states).sort());
  const all = [machine.root, ...Object.values(machine.states)].flatMap((node) =>
    [...node.transitions, ['', node.always ?? []] as const].flatMap(([type, choices]) =>
      choices.map((_, choice) => `${node.id} ${type} #${choice}`),
    ),
  );
  expect([...taken].sort()).toEqual(all.sort());
});
