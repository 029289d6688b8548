import { expect, test } from 'vitest';
import { createActor, fromPromise, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import type { jobMachine } from '../../../machines/job.ts';
import { defaultJobPolicy, type Failure, type JobPolicy } from '../../../machines/job-policy.ts';
import { machineFor, retryable } from './job-life.ts';

type Snapshot = SnapshotFrom<typeof jobMachine>;
type Event = { readonly type: string };

const recovery = { everyMs: 30_000, factor: 1, max: 1, windowMs: 86_400_000 };
const oneRetry = { ...defaultJobPolicy.retry, maxRetries: 1 };
const policies: Record<string, Partial<JobPolicy>> = {
  'one retry, one recovery': { retry: oneRetry, recovery },
  'one retry': { retry: oneRetry },
  'past its deadline': { retry: oneRetry, recovery, deadlineMs: 50 },
  'no retry, ambiguous attempts dropped': { retry: { ...oneRetry, maxRetries: 0 }, onAmbiguous: 'drop' },
};

const failed = (failure: Partial<Failure>): Event => failedWith({ ...retryable, ...failure });
const failedWith = (error: Failure): Event & { error: Failure } => ({ type: 'xstate.error.actor.run', error });

/** Every event a job can meet, wherever it is: those that make no sense in a state have to change nothing. */
const events: Event[] = [
  { type: 'xstate.after.untilDue.job.scheduled' },
  { type: 'xstate.after.untilDeadline.job' },
  { type: 'xstate.after.attemptTimeout.job.dispatching' },
  { type: 'xstate.after.backoff.job.retrying' },
  { type: 'xstate.after.recoveryDelay.job.recovering' },
  { type: 'xstate.done.actor.run' },
  failed({}),
  failed({ verdict: 'drop', reason: 'card_declined' }),
  ...['job.runNow', 'job.cancel', 'attempt.handedBack'].map((type) => ({ type })),
  { type: 'job.reschedule', to: 50 } as Event,
  { type: 'attempt.interrupted', charged: true, ambiguous: true } as Event,
  { type: 'attempt.interrupted', charged: false, ambiguous: false } as Event,
].map((event) => ({ ...event, at: 100 }));

function look({ value, context }: Snapshot): string {
  return JSON.stringify([value, context]);
}

/** Attempts that some budget accounts for: those nobody is charged for may go on for ever. */
function countedAttempts({ retries, recoveries, interruptions }: Snapshot['context']): number {
  return 1 + recoveries + interruptions + Object.values(retries).reduce((sum, count) => sum + count, 0);
}

/** A path for every edge: two ways into one state differ by where they come from and what took them there. */
function pathsOf(policy: Partial<JobPolicy>) {
  return getShortestPaths(machineFor(policy), {
    input: { dueAt: 0 },
    events: events as never,
    serializeState: (snapshot, event, before) =>
      `${before ? look(before) : ''} ${JSON.stringify(event)} ${look(snapshot)}`,
    filterEvents: ({ status, value, context }, event) =>
      status === 'active' &&
      // A stale failure never reaches the machine: XState would end it with an error.
      ((event as Event).type !== 'xstate.error.actor.run' || value === 'dispatching') &&
      context.attempt <= countedAttempts(context),
  });
}

/** Runs a path on a live actor. Gives the transitions taken, as 'state event #choice'. */
function take(policy: Partial<JobPolicy>, path: readonly Event[]): { taken: string[]; snapshot: Snapshot } {
  const taken: string[] = [];
  const machine = machineFor(policy).provide({ actors: { run: fromPromise(() => new Promise(() => {})) } });
  const stopped = { setTimeout: () => 0, clearTimeout: () => {} };
  const actor = createActor(machine, {
    input: { dueAt: 0 },
    clock: stopped,
    inspect: (inspected) => {
      if (inspected.type !== '@xstate.microstep') return;
      for (const transition of inspected._transitions) {
        const choices = transition.source.transitions.get(transition.eventType);
        if (choices) taken.push(`${transition.source.id} ${transition.eventType} #${choices.indexOf(transition)}`);
      }
    },
  }).start();
  for (const event of path) actor.send(event as never);
  const snapshot = actor.getSnapshot();
  actor.stop();
  return { taken, snapshot };
}

const reasons = /^(non_retryable|retries_exhausted|recovery_exhausted|interrupted|deadline|cancelled|card_declined)$/;

function checkPromises({ status, value, context, output }: Snapshot): void {
  expect(context.attempt).toBeGreaterThanOrEqual(0);
  expect(context.interruptions).toBeLessThanOrEqual(3);
  const waiting = value === 'retrying' || value === 'recovering';
  if (value !== 'dropped') expect(context.error !== null).toBe(waiting);
  expect(status).toBe(['done', 'dropped'].includes(value) ? 'done' : 'active');
  if (status !== 'done' || !output) return;
  expect(output.attempts).toBe(context.attempt);
  expect(output.status === 'success').toBe(value === 'done');
  if (value === 'dropped') expect(output.reason).toMatch(reasons);
  if (output.status === 'failed_dropped') expect(output.error?.message).toBeTruthy();
}

test('every path keeps the promises of the machine, and together they take every transition', {
  timeout: 60_000,
}, () => {
  const taken = new Set<string>();
  const visited = new Set<string>();
  for (const policy of Object.values(policies)) {
    for (const { steps, state } of pathsOf(policy)) {
      const path = steps.slice(1).map(({ event }) => event);
      const live = take(policy, path);
      expect(look(live.snapshot)).toBe(look(state));
      checkPromises(live.snapshot);
      visited.add(live.snapshot.value);
      for (const transition of live.taken) taken.add(transition);
    }
  }
  const machine = machineFor();
  expect([...visited].sort()).toEqual(Object.keys(machine.states).sort());
  const all = [machine.root, ...Object.values(machine.states)].flatMap((node) =>
    [...node.transitions].flatMap(([type, choices]) => choices.map((_, choice) => `${node.id} ${type} #${choice}`)),
  );
  expect([...taken].sort()).toEqual(all.sort());
});
