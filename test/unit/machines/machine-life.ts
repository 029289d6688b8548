/** One actor, stepped purely: keeps the timers its machine asks for and fires them in order, each event with the time of its turn. */
import {
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  transition,
} from 'xstate';
import type { JobOutput } from '../../../machines/attempts.ts';
import type { Failure } from '../../../machines/job-policy.ts';

export interface Timer {
  readonly id: string;
  readonly event: AnyEventObject;
  readonly dueAt: number;
}

export const retryable: Failure = { error: { name: 'Error', message: 'try again' }, verdict: 'retry' };

/** `C`: the context of its machine. */
export class MachineLife<C> {
  now = 0;
  timers: Timer[] = [];
  snapshot: AnyMachineSnapshot;
  readonly #machine: AnyStateMachine;
  /** Id of what its attempts invoke. */
  readonly #effect: string;

  constructor(machine: AnyStateMachine, effect: string, input: { readonly dueAt: number }) {
    this.#machine = machine;
    this.#effect = effect;
    this.snapshot = initialTransition(machine, input)[0];
    // XState's own first event has no time; rescheduling arms the same timers with one.
    this.send({ type: 'job.reschedule', to: input.dueAt });
  }

  get state(): unknown {
    return this.snapshot.value;
  }

  get context(): C {
    return this.snapshot.context as C;
  }

  get record(): JobOutput | undefined {
    return this.snapshot.output as JobOutput | undefined;
  }

  send(event: AnyEventObject): this {
    const [next, actions] = transition(this.#machine, this.snapshot, { ...event, at: this.now });
    this.snapshot = next;
    for (const { type, params } of actions as unknown as { type: string; params: never }[]) {
      if (type === 'xstate.cancel') this.#cancel(params);
      if (type === 'xstate.raise') this.#arm(params);
    }
    if (next.status !== 'active') this.timers = [];
    return this;
  }

  fail(failure: Partial<Failure> = {}): this {
    return this.send({ type: `xstate.error.actor.${this.#effect}`, error: { ...retryable, ...failure } });
  }

  succeed(output?: unknown): this {
    return this.send({ type: `xstate.done.actor.${this.#effect}`, output });
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
