/** One follow-up, stepped purely. */
import {
  defaultFollowupPolicy,
  type FollowupContext,
  type FollowupPolicy,
  followupMachine,
  MISSING_GATEWAY,
} from '../../../machines/followup.ts';
import { MachineLife } from './machine-life.ts';

export { retryable } from './machine-life.ts';

/** A process that has no gateway. */
export const noGateway = { error: { name: 'RetryableError', message: 'no gateway', code: MISSING_GATEWAY } };

export function policyWith(policy: Partial<FollowupPolicy> = {}): FollowupPolicy {
  return { ...defaultFollowupPolicy, ...policy };
}

export class FollowupLife extends MachineLife<FollowupContext> {
  constructor(dueAt: number, policy: Partial<FollowupPolicy> = {}) {
    super(followupMachine, 'deliver', { dueAt, policy: policyWith(policy) } as { readonly dueAt: number });
  }
}
