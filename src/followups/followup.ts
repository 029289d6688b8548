import type { PromiseActorLogic } from 'xstate';
import { encode } from '../codec.ts';
import { delegating } from '../effects/delegates.ts';
import { type RunRecord, reviveRecord } from '../run-record.ts';
import { followupDefinition } from './definition.ts';
import { type FollowupInput, resolveOwnedFollowup } from './options.ts';

/**
 * Actor logic for any machine: a follow-up that belongs to the state which invokes it. Its output is the run record, also when
 * it was dropped; leaving the state cancels it (reason `state_left`). An input that is refused is the error of the invoked
 * actor; one without a thread is dropped when it is due, as `missing_thread_id`. `key` labels it, so that `cancelFollowup()` and
 * a later `scheduleFollowup()` find it; it replaces nothing itself.
 */
export const followup: PromiseActorLogic<RunRecord, FollowupInput> = delegating('A follow-up', {
  definition: () => followupDefinition,
  request(given, _, maxBytes, now) {
    const { input, schedule } = resolveOwnedFollowup(given, { now, maxBytes });
    return { input: encode(input, { path: 'input', maxBytes }), when: schedule.when, labels: schedule.labels };
  },
  result: (record) => ({ ok: true, output: reviveRecord(record) }),
});
