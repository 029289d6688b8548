/** One job, stepped purely. */
import { type JobContext, jobMachine } from '../../../machines/job.ts';
import { defaultJobPolicy, type JobPolicy, jobGuardsAndDelays } from '../../../machines/job-policy.ts';
import { MachineLife } from './machine-life.ts';

export { retryable } from './machine-life.ts';

export function machineFor(policy: Partial<JobPolicy> = {}): typeof jobMachine {
  return jobMachine.provide(jobGuardsAndDelays({ ...defaultJobPolicy, ...policy }));
}

export class JobLife extends MachineLife<JobContext> {
  constructor(dueAt: number, policy: Partial<JobPolicy> = {}) {
    super(machineFor(policy), 'run', { dueAt });
  }
}
