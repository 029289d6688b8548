/** One job, stepped purely: keeps the timers the machine asks for and fires them in order, each event with the time of its turn. */
import { type AnyEventObject, initialTransition, type SnapshotFrom, transition } from 'xstate';
import { type JobOutput, jobMachine } from '../../../machines/job.ts';
import { defaultJobPolicy, type Failure, type JobPolicy, jobGuardsAndDelays } from '../../../machines/job-policy.ts';

export interface Timer {
  readonly id: string;
  readonly event: AnyEventObject;
  readonly dueAt: number;
}

export function machineFor(policy: Partial<JobPolicy> = {}): typeof jobMachine {
  return jobMachine.provide(jobGuardsAndDelays({ ...defaultJobPolicy, ...policy }));
}

export const retryable: Failure = { error: { name: 'Error', message: 'try again' }, verdict: 'retry' };

export class JobLife {
  now = 0;
  timers: Timer[] = [];
  snapshot: SnapshotFrom<typeof jobMachine>;
  readonly #machine: typeof jobMachine;

  constructor(dueAt: number, policy: Partial<JobPolicy> = {}) {
    this.#machine = machineFor(policy);
    this.snapshot = initialTransition(this.#machine, { dueAt })[0];
    // XState's own first event has no time; rescheduling arms the same timers with one.
    this.send({ type: 'job.reschedule', to: dueAt });
  }

  get state(): unknown {
    return this.snapshot.value;
  }

  get context(): SnapshotFrom<typeof jobMachine>['context'] {
    return this.snapshot.context;
  }

  get record(): JobOutput | undefined {
    return this.snapshot.output;
  }

  send(event: AnyEventObject): this {
    const [next, actions] = transition(this.#machine, this.snapshot, { ...event, at: this.now } as never);
    this.snapshot = next;
    for (const { type, params } of actions as unknown as { type: string; params: never }[]) {
      if (type === 'xstate.cancel') this.#cancel(params);
      if (type === 'xstate.raise') this.#arm(params);
    }
    if (next.status !== 'active') this.timers = [];
    return this;
  }

  fail(failure: Partial<Failure> = {}): this {
    return this.send({ type: 'xstate.error.actor.run', error: { ...retryable, ...failure } });
  }

  succeed(output?: unknown): this {
    return this.send({ type: 'xstate.done.actor.run', output });
  }

  /** Lets time pass, firing what comes due on the way. */
  advance(ms: number): this {
    const until = this.now + ms;
    for (;;) {
      const next = this.timers.toSorted((a, b) => a.dueAt - b.dueAt)[0];
      if (!next || next.dueAt > until) break;
      this.now = next.dueAt;
      this.#cancel({ sendId: next.id });
      this.send(next.event);
    }
    this.now = until;
    return this;
  }

  /** Milliseconds until the timer whose id starts like this is due. */
  due(delay: string): number | undefined {
    const timer = this.timers.find(({ id }) => id.startsWith(`xstate.after.${delay}`));
    return timer && timer.dueAt - this.now;
  }

  /** Stored and loaded again, as between any two turns. */
  restored(): this {
    this.snapshot = this.#machine.resolveState(JSON.parse(JSON.stringify(this.snapshot)));
    return this;
  }

  #arm({ id, event, delay }: { id: string; event: AnyEventObject; delay: number }): void {
    if (Number.isFinite(delay)) this.timers.push({ id, event, dueAt: this.now + delay });
  }

  #cancel(cancelled: { sendId?: string } | string): void {
    const sendId = typeof cancelled === 'string' ? cancelled : cancelled.sendId;
    this.timers = this.timers.filter(({ id }) => id !== sendId);
  }
}
