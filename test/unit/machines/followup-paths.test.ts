import { expect, test } from 'vitest';
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate';
import type { Attempts, JobOutput } from '../../../machines/attempts.ts';
import { type FollowupPolicy, followupMachine } from '../../../machines/followup.ts';
import { defaultJobPolicy, type Failure } from '../../../machines/job-policy.ts';
import { noGateway, policyWith, retryable } from './followup-life.ts';
import { walkEveryPath } from './machine-paths.ts';

const oneRetry = { ...defaultJobPolicy.retry, maxRetries: 1 };
const policies: Record<string, Partial<FollowupPolicy>> = {
  'one retry': { retry: oneRetry, gateway: { everyMs: 50, windowMs: 60 } },
  'no retry, no gateway waited for, ambiguous attempts dropped': {
    retry: { ...oneRetry, maxRetries: 0 },
    gateway: { everyMs: 50, windowMs: 40 },
    onAmbiguous: 'drop',
  },
};

const failed = (failure: Partial<Failure>): AnyEventObject => ({
  type: 'xstate.error.actor.deliver',
  error: { ...retryable, ...failure },
});

const events: AnyEventObject[] = [
  { type: 'xstate.after.untilDue.followup.scheduled' },
  { type: 'xstate.after.attemptTimeout.followup.delivering' },
  { type: 'xstate.after.backoff.followup.retrying' },
  { type: 'xstate.after.untilNextLook.followup.waitingForGateway' },
  { type: 'xstate.done.actor.deliver' },
  failed({}),
  failed(noGateway),
  failed({ verdict: 'drop', reason: 'thread_stopped' }),
  ...['job.runNow', 'job.cancel', 'attempt.handedBack'].map((type) => ({ type })),
  { type: 'job.reschedule', to: 50 },
  { type: 'attempt.interrupted', charged: true, ambiguous: true },
  { type: 'attempt.interrupted', charged: false, ambiguous: false },
].map((event) => ({ ...event, at: 100 }));

const reasons = /^(thread_stopped|missing_gateway|retries_exhausted|interrupted|cancelled)$/;

function checkPromises(snapshot: AnyMachineSnapshot): void {
  const { status, value } = snapshot;
  const context = snapshot.context as Attempts;
  const output = snapshot.output as JobOutput | undefined;
  expect(context.attempt).toBeGreaterThanOrEqual(0);
  expect(context.interruptions).toBeLessThanOrEqual(3);
  const waiting = value === 'retrying' || value === 'waitingForGateway';
  if (value !== 'dropped') expect(context.error !== null).toBe(waiting);
  expect(status).toBe(value === 'delivered' || value === 'dropped' ? 'done' : 'active');
  if (status !== 'done' || !output) return;
  expect(output.attempts).toBe(context.attempt);
  expect(output.status === 'success').toBe(value === 'delivered');
  if (value === 'dropped') expect(output.reason).toMatch(reasons);
  if (output.status === 'failed_dropped') expect(output.error?.message).toBeTruthy();
}

test('every path keeps the promises of the machine, and together they take every transition', {
  timeout: 60_000,
}, () => {
  walkEveryPath({
    variants: Object.values(policies).map((policy) => ({
      machine: followupMachine,
      input: { dueAt: 0, policy: policyWith(policy) },
    })),
    events,
    effect: 'deliver',
    running: 'delivering',
    // Looks for a gateway spend nothing, so what ends them here is that the walk has seen their state before.
    countedAttempts: ({ retries, interruptions }) =>
      2 + interruptions + Object.values(retries).reduce((sum, count) => sum + count, 0),
    check: checkPromises,
  });
});
