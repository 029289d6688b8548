import { expect, test } from 'vitest';
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate';
import type { JobContext, JobOutput } from '../../../machines/job.ts';
import { defaultJobPolicy, type Failure, type JobPolicy } from '../../../machines/job-policy.ts';
import { machineFor, retryable } from './job-life.ts';
import { walkEveryPath } from './machine-paths.ts';

const recovery = { everyMs: 30_000, factor: 1, max: 1, windowMs: 86_400_000 };
const oneRetry = { ...defaultJobPolicy.retry, maxRetries: 1 };
const policies: Record<string, Partial<JobPolicy>> = {
  'one retry, one recovery': { retry: oneRetry, recovery },
  'one retry': { retry: oneRetry },
  'past its deadline': { retry: oneRetry, recovery, deadlineMs: 50 },
  'no retry, ambiguous attempts dropped': { retry: { ...oneRetry, maxRetries: 0 }, onAmbiguous: 'drop' },
};

const failed = (failure: Partial<Failure>): AnyEventObject => ({
  type: 'xstate.error.actor.run',
  error: { ...retryable, ...failure },
});

const events: AnyEventObject[] = [
  { type: 'xstate.after.untilDue.job.scheduled' },
  { type: 'xstate.after.untilDeadline.job' },
  { type: 'xstate.after.attemptTimeout.job.dispatching' },
  { type: 'xstate.after.backoff.job.retrying' },
  { type: 'xstate.after.recoveryDelay.job.recovering' },
  { type: 'xstate.done.actor.run' },
  failed({}),
  failed({ verdict: 'drop', reason: 'card_declined' }),
  ...['job.runNow', 'job.cancel', 'attempt.handedBack'].map((type) => ({ type })),
  { type: 'job.reschedule', to: 50 },
  { type: 'attempt.interrupted', charged: true, ambiguous: true },
  { type: 'attempt.interrupted', charged: false, ambiguous: false },
].map((event) => ({ ...event, at: 100 }));

const reasons = /^(non_retryable|retries_exhausted|recovery_exhausted|interrupted|deadline|cancelled|card_declined)$/;

function checkPromises(snapshot: AnyMachineSnapshot): void {
  const { status, value } = snapshot;
  const context = snapshot.context as JobContext;
  const output = snapshot.output as JobOutput | undefined;
  expect(context.attempt).toBeGreaterThanOrEqual(0);
  expect(context.interruptions).toBeLessThanOrEqual(3);
  const waiting = value === 'retrying' || value === 'recovering';
  if (value !== 'dropped') expect(context.error !== null).toBe(waiting);
  expect(status).toBe(value === 'done' || value === 'dropped' ? 'done' : 'active');
  if (status !== 'done' || !output) return;
  expect(output.attempts).toBe(context.attempt);
  expect(output.status === 'success').toBe(value === 'done');
  if (value === 'dropped') expect(output.reason).toMatch(reasons);
  if (output.status === 'failed_dropped') expect(output.error?.message).toBeTruthy();
}

test('every path keeps the promises of the machine, and together they take every transition', {
  timeout: 60_000,
}, () => {
  walkEveryPath({
    variants: Object.values(policies).map((policy) => ({ machine: machineFor(policy), input: { dueAt: 0 } })),
    events,
    effect: 'run',
    running: 'dispatching',
    countedAttempts(context) {
      const { retries, interruptions, recoveries } = context as JobContext;
      return 1 + recoveries + interruptions + Object.values(retries).reduce((sum, count) => sum + count, 0);
    },
    check: checkPromises,
  });
});
