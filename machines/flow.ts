/**
 * A flow: children that begin when those they come after are done. Its state follows from theirs: any dropped child beats any
 * recovering one beats a cancelled one beats all done. Pure: every event carries `at`, the time of its turn, and `plan`,
 * who comes after whom; what it emits are commands to the engine.
 */

import { setup } from 'xstate';
import { abandoned, advanced, begun, type FlowPlan, has, having, isOver, marked, statusAt } from './flow-progress.ts';
import type { JobEvent, JobOutput } from './job.ts';
import { type ErrorInfo, namesInstant, turnTime } from './job-policy.ts';

/** Stored with every turn, so as small as it can be for thousands of children. */
export interface FlowContext {
  readonly dueAt: number;
  readonly startedAt: number | null;
  readonly onDrop: 'cancelRest' | 'continue';
  /** One character each, in the order they were given: see `marks` in flow-progress.ts. */
  readonly children: string;
  /** The first child that was dropped. */
  readonly cause: FlowCause | null;
  /** Why it was cancelled, or one of its children. */
  readonly cancelled: string | null;
}

export interface FlowCause {
  readonly key: string;
  readonly reason: string;
  readonly error: ErrorInfo | null;
}

/** What its children tell it; `key` says which one. */
type ChildEvent =
  | {
      readonly type: 'child.settled';
      readonly key: string;
      readonly status: JobOutput['status'];
      readonly reason?: string;
      readonly error?: ErrorInfo;
    }
  | { readonly type: 'child.recovering' | 'child.resumed'; readonly key: string };

/** What it has the engine do. */
export type FlowCommand =
  | { readonly type: 'child.start'; readonly key: string }
  | { readonly type: 'child.cancel'; readonly key: string; readonly reason: string }
  | { readonly type: 'child.runNow'; readonly key: string };

/** Its output: the children's outputs stay with them. */
export interface FlowOutput {
  readonly children: Readonly<Record<string, { readonly id: string; readonly status: JobOutput['status'] }>>;
}

type FlowEvent = (JobEvent | ChildEvent) & { readonly at?: number; readonly plan?: FlowPlan };

interface Args {
  readonly context: FlowContext;
  readonly event: FlowEvent;
}

function planOf({ plan }: { readonly plan?: FlowPlan }): FlowPlan {
  if (!plan) throw new Error('A flow is told its plan with every event.');
  return plan;
}

/** The child an event is about: its position, and what it was before. */
function toldOf({ context, event }: Args): { index: number; status: ReturnType<typeof statusAt> } {
  const index = planOf(event).indexOf((event as { readonly key?: unknown }).key);
  return { index, status: statusAt(context.children, index) };
}

function keyAt({ plan }: FlowEvent, index: number): string {
  return plan?.children[index]?.key ?? '';
}

const base = setup({
  types: {
    context: {} as FlowContext,
    events: {} as FlowEvent,
    emitted: {} as FlowCommand,
    input: {} as Pick<FlowContext, 'dueAt' | 'onDrop'> & { readonly count: number },
    output: {} as JobOutput,
  },
  delays: {
    untilDue: (args) => Math.max(0, args.context.dueAt - turnTime(args)),
  },
  guards: {
    namesInstant,
    isUnderWay: (args) => ['started', 'recovering'].includes(toldOf(args).status ?? ''),
    isStarted: (args) => toldOf(args).status === 'started',
    isRecovering: (args) => toldOf(args).status === 'recovering',
    gaveUp: ({ context: { children, onDrop } }) =>
      has(children, 'dropped') && (onDrop === 'cancelRest' || isOver(children)),
    allEnded: ({ context }) => isOver(context.children),
    allDone: ({ context }) => isOver(context.children) && context.cancelled === null,
    oneDropped: ({ context }) => has(context.children, 'dropped'),
    oneRecovers: ({ context }) => has(context.children, 'recovering'),
    noneRecovers: ({ context }) => !has(context.children, 'recovering'),
  },
});

export const flowMachine = base
  .extend({
    actions: {
      begin: base.enqueueActions(({ context, event, enqueue }) => {
        const { children, starts } = begun(planOf(event));
        enqueue.assign({ startedAt: turnTime({ context, event }), children });
        for (const index of starts) enqueue.emit({ type: 'child.start', key: keyAt(event, index) });
      }),
      moveDueTime: base.assign({
        dueAt: ({ context, event }) => (event.type === 'job.reschedule' ? event.to : context.dueAt),
      }),
      takeEnd: base.enqueueActions(({ context, event, enqueue }) => {
        if (event.type !== 'child.settled') return;
        const { key, status, reason, error } = event;
        const end = status === 'success' ? 'done' : status === 'cancelled' ? 'cancelled' : 'dropped';
        const { index } = toldOf({ context, event });
        const { children, starts } = advanced(planOf(event), context.children, index, end);
        const cause = end === 'dropped' ? { key, reason: reason ?? 'non_retryable', error: error ?? null } : null;
        enqueue.assign({
          children,
          cause: context.cause ?? cause,
          cancelled: context.cancelled ?? (end === 'cancelled' ? 'child_cancelled' : null),
        });
        for (const start of starts) enqueue.emit({ type: 'child.start', key: keyAt(event, start) });
      }),
      noteRecovering: base.assign({
        children: (args) => marked(args.context.children, toldOf(args).index, 'recovering'),
      }),
      noteResumed: base.assign({ children: (args) => marked(args.context.children, toldOf(args).index, 'started') }),
      hurryRecovering: base.enqueueActions(({ context, event, enqueue }) => {
        for (const index of having(context.children, 'recovering'))
          enqueue.emit({ type: 'child.runNow', key: keyAt(event, index) });
      }),
      noteCancelled: base.assign({
        // Anyone may send this event, so its parts are whatever they are.
        cancelled: ({ event }) =>
          (event.type === 'job.cancel' && typeof event.reason === 'string' && event.reason) || 'cancelled',
      }),
      endRest: base.enqueueActions(({ context, event, enqueue }) => {
        const reason = event.type === 'job.cancel' ? 'flow_cancelled' : 'flow_dropped';
        for (const index of having(context.children, 'started', 'recovering'))
          enqueue.emit({ type: 'child.cancel', key: keyAt(event, index), reason });
        enqueue.assign({ children: abandoned(context.children) });
      }),
    },
  })
  .createMachine({
    id: 'flow',
    context: ({ input: { dueAt, onDrop, count } }) => ({
      dueAt,
      startedAt: null,
      onDrop,
      children: '.'.repeat(count),
      cause: null,
      cancelled: null,
    }),
    initial: 'scheduled',
    on: {
      // A second telling, and one that was overtaken by the end, changes nothing.
      'child.settled': { guard: 'isUnderWay', actions: 'takeEnd' },
      'child.recovering': { guard: 'isStarted', actions: 'noteRecovering' },
      'child.resumed': { guard: 'isRecovering', actions: 'noteResumed' },
      'job.cancel': {
        target: '.cancelled',
        actions: ['noteCancelled', 'endRest'],
      },
    },
    states: {
      scheduled: {
        after: { untilDue: { target: 'running', actions: 'begin' } },
        on: {
          'job.runNow': { target: 'running', actions: 'begin' },
          'job.reschedule': { guard: 'namesInstant', target: 'scheduled', reenter: true, actions: 'moveDueTime' },
        },
      },
      running: {
        always: [
          { guard: 'gaveUp', target: 'dropped', actions: 'endRest' },
          { guard: 'allDone', target: 'done' },
          { guard: 'allEnded', target: 'cancelled' },
          { guard: 'oneDropped', target: 'failing' },
          { guard: 'oneRecovers', target: 'recovering' },
        ],
      },
      /** At least one child is out of quick retries. It may still come back, and so this is no end. */
      recovering: {
        always: [
          { guard: 'gaveUp', target: 'dropped', actions: 'endRest' },
          { guard: 'allDone', target: 'done' },
          { guard: 'allEnded', target: 'cancelled' },
          { guard: 'oneDropped', target: 'failing' },
          { guard: 'noneRecovers', target: 'running' },
        ],
        on: { 'job.runNow': { actions: 'hurryRecovering' } },
      },
      /** One was dropped, and the others are let finish. */
      failing: {
        always: { guard: 'allEnded', target: 'dropped' },
        on: {
          // A failure is not hidden by cancelling what is left.
          'job.cancel': { target: 'dropped', actions: 'endRest' },
        },
      },
      done: {
        type: 'final',
        output: ({ context, event }) => ({
          status: 'success',
          attempts: 1,
          startedAt: context.startedAt,
          output: outputOf(planOf(event)),
        }),
      },
      dropped: {
        type: 'final',
        output: ({ context }) => ({
          status: 'failed_dropped',
          reason: 'child_dropped',
          ...(context.cause && { error: errorOf(context.cause) }),
          attempts: 1,
          startedAt: context.startedAt,
        }),
      },
      cancelled: {
        type: 'final',
        output: ({ context }) => ({
          status: 'cancelled',
          reason: context.cancelled,
          attempts: context.startedAt === null ? 0 : 1,
          startedAt: context.startedAt,
        }),
      },
    },
    output: ({ event }) => event.output as JobOutput,
  });

function outputOf(plan: FlowPlan): FlowOutput {
  const ended = plan.children.map(({ key }) => [key, { id: plan.idOf(key), status: 'success' as const }]);
  return { children: Object.fromEntries(ended) };
}

function errorOf({ key, reason, error }: FlowCause): ErrorInfo {
  if (!error) return { name: 'ChildDroppedError', message: `Child '${key}' was dropped: ${reason}.` };
  return { ...error, message: `Child '${key}' was dropped: ${error.message}` };
}
