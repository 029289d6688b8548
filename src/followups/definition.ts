/** The definition all follow-ups live by: it is in every scheduler. */
import { deliverFollowup, type Parcel } from '../../actors/deliver-followup.ts';
import { attemptsAtRest } from '../../machines/attempts.ts';
import { defaultFollowupPolicy, type FollowupPolicy, followupMachine } from '../../machines/followup.ts';
import type { AttemptPolicy } from '../../machines/job-policy.ts';
import type { DefinitionInternals } from '../definitions/internals.ts';

export const FOLLOWUP_NAME = 'carillon.followup';
/** Only workers that can reach threads have to serve it. */
export const FOLLOWUP_QUEUE = 'followups';

/** What is stored of a follow-up: its idempotency key is bound to all of it. */
export interface StoredFollowup extends Parcel {
  /** Where it brought its own. */
  readonly retry?: Pick<AttemptPolicy, 'retry' | 'byCode'>;
}

const HOUR_MS = 3_600_000;

export const followupDefinition: DefinitionInternals = {
  kind: 'followup',
  name: FOLLOWUP_NAME,
  version: 1,
  queue: FOLLOWUP_QUEUE,
  priority: 5,
  retention: { doneMs: 24 * HOUR_MS, droppedMs: 72 * HOUR_MS },
  machine: followupMachine,
  standard: true,
  atRest: attemptsAtRest,
  inputSchema: undefined,
  run: undefined,
  handlerFor: ({ threads }) => deliverFollowup(threads),
  initialState: '"scheduled"',
  claimed: { state: 'delivering', effect: 'deliver' },
  begin: (input, dueAt, attempts) => {
    const policy: FollowupPolicy = { ...defaultFollowupPolicy, ...(input as StoredFollowup).retry };
    return { dueAt, attempts, policy };
  },
  recoveries: 0,
  attemptTimeoutMs: defaultFollowupPolicy.attemptTimeoutMs,
  dedupOn: 'success',
  onAmbiguous: 'retry',
  migrate: undefined,
};
