/** One flow, stepped purely: each event with the time of its turn and the flow's plan, and the commands that come of it. */
import { type AnyEventObject, initialTransition, type SnapshotFrom, transition } from 'xstate';
import { type FlowCommand, flowMachine } from '../../../machines/flow.ts';
import type { FlowPlan } from '../../../machines/flow-progress.ts';
import type { JobOutput } from '../../../machines/job.ts';
import { planOf, type StoredFlow } from '../../../src/flows/plan.ts';

export const FLOW_ID = '0190a000-0000-7000-8000-000000000001';

/** Keys, each with those it comes after: `{ charge: [], ship: ['charge'] }`. */
export type Edges = Readonly<Record<string, readonly string[]>>;

export function storedFlow(edges: Edges, onDrop: StoredFlow['onDrop'] = 'cancelRest'): StoredFlow {
  const keys = Object.keys(edges);
  const breed = { def: 1, name: 'step', version: 1, queueNumber: 1, priority: 5, initialState: '"scheduled"' };
  return {
    name: 'order',
    onDrop,
    targets: [breed],
    children: keys.map((key) => ({
      key,
      after: (edges[key] ?? []).map((earlier) => keys.indexOf(earlier)),
      target: 0,
      input: null,
    })),
  };
}

export function planFor(edges: Edges): FlowPlan {
  return planOf(storedFlow(edges), FLOW_ID);
}

/** What ends a child, as its parent hears of it. */
export const ended = (key: string, status: JobOutput['status'] = 'success', why: object = {}): AnyEventObject => ({
  type: 'child.settled',
  key,
  status,
  ...(status === 'failed_dropped' && { reason: 'non_retryable', error: { name: 'Error', message: `${key} broke` } }),
  ...why,
});

export class FlowLife {
  now = 0;
  readonly commands: FlowCommand[] = [];
  snapshot: SnapshotFrom<typeof flowMachine>;
  readonly #plan: FlowPlan;

  /** Under way, unless it is due later. */
  constructor(
    edges: Edges,
    { onDrop = 'cancelRest', dueAt = 0 }: { onDrop?: StoredFlow['onDrop']; dueAt?: number } = {},
  ) {
    this.#plan = planFor(edges);
    const count = this.#plan.children.length;
    this.snapshot = initialTransition(flowMachine, { dueAt, onDrop, count })[0];
    if (dueAt === 0) this.send({ type: 'xstate.after.untilDue.flow.scheduled' });
  }

  get state(): unknown {
    return this.snapshot.value;
  }

  /** One character for each child. */
  get children(): string {
    return this.snapshot.context.children;
  }

  get record(): JobOutput | undefined {
    return this.snapshot.output;
  }

  get started(): string[] {
    return this.commands.filter(({ type }) => type === 'child.start').map(({ key }) => key);
  }

  get toldToEnd(): string[] {
    return this.commands.filter(({ type }) => type === 'child.cancel').map(({ key }) => key);
  }

  send(event: AnyEventObject): this {
    if (this.snapshot.status !== 'active') return this;
    const told = { ...event, at: this.now, plan: this.#plan };
    const [next, actions] = transition(flowMachine, this.snapshot, told as never);
    this.snapshot = next;
    for (const { type, params } of actions as unknown as { type: string; params: { event: FlowCommand } }[]) {
      if (type === 'xstate.emit') this.commands.push(params.event);
    }
    return this;
  }

  /** Each of these children has ended well. */
  done(...keys: readonly string[]): this {
    for (const key of keys) this.send(ended(key));
    return this;
  }

  /** Stored and loaded again, as between any two turns. */
  restored(): this {
    this.snapshot = flowMachine.resolveState(JSON.parse(JSON.stringify(this.snapshot)));
    return this;
  }
}
