/**
 * The life of a cron. It fires in one step that also moves it on, so that nothing can fire twice or be passed over. Out of
 * fires it stays, retired, so that declaring it again does not run it again. Pure: every event carries `at`, the time of its
 * turn; the engine provides the calendar.
 */

import { assign, enqueueActions, log, setup } from 'xstate';
import type { Calendar } from './cron-calendar.ts';
import {
  type CronContext,
  type CronOrder,
  type CronSpec,
  type EndedRun,
  isSpent,
  newCron,
  sameSpec,
} from './cron-context.ts';
import { mayStartQueued, startQueued } from './cron-overlap.ts';
import { fireDue, hearEnd, planAnew } from './cron-policy.ts';
import type { JobOutput } from './job.ts';

export type CronEvent =
  /** One of its runs has ended. `extra`: it was asked for beside the schedule. */
  | {
      readonly type: 'child.settled';
      readonly child: string;
      readonly nominalAt: number;
      readonly extra?: boolean;
      readonly status: EndedRun['status'];
    }
  | { readonly type: 'cron.update'; readonly spec: CronSpec }
  | { readonly type: 'cron.pause' }
  | { readonly type: 'cron.resume' }
  | { readonly type: 'job.cancel'; readonly reason?: string };

/** A letter that was written before it is taken first, so that whoever declares a cron just after it was removed keeps it. */
const LAST_MOMENT_MS = 1;

type Received = CronEvent & { readonly at?: number };

interface Args {
  readonly context: CronContext;
  readonly event: Received;
}

function turnTime({ context, event }: Args): number {
  return event.at ?? context.lastNominal;
}

/** Of an update, what it says; else what is known. */
function specOf({ context, event }: Args): CronSpec {
  return event.type === 'cron.update' ? event.spec : context.spec;
}

const noCalendar: Calendar = {
  next: () => null,
  oldest: () => null,
  latest: () => [],
};

/** What of the machine needs to know the times. */
export function cronActions(calendar: Calendar) {
  const planned = (
    plan: (context: CronContext, at: number, id: string) => CronContext,
  ): ReturnType<typeof assign<CronContext, Received, undefined, Received, never>> =>
    assign((args) => plan(args.context, turnTime(args), args.self.sessionId));
  return {
    plan: planned((context, at, id) => planAnew(calendar, context, at, id)),
    fire: planned((context, at, id) => fireDue(calendar, context, at, id)),
    fireInHaste: planned((context, at, id) => fireDue(calendar, context, at, id, { hurried: true })),
  };
}

const standard = cronActions(noCalendar);

export const cronMachine = setup({
  types: {
    context: {} as CronContext,
    events: {} as Received,
    input: {} as { readonly spec: CronSpec; readonly registeredAt: number },
    output: {} as JobOutput,
    emitted: {} as CronOrder,
  },
  delays: {
    // A delay that never ends: no timer is kept for it.
    untilNext: (args) =>
      args.context.next ? Math.max(0, args.context.next.fireAt - turnTime(args)) : Number.POSITIVE_INFINITY,
  },
  guards: {
    saysNothingNew: (args) => sameSpec(specOf(args), args.context.spec),
    isDisabled: (args) => !specOf(args).enabled,
    becomesDisabled: (args) => args.context.spec.enabled && !specOf(args).enabled,
    becomesEnabled: (args) => !args.context.spec.enabled && specOf(args).enabled,
    isSpentForGood: ({ context }) => isSpent(context) && context.spec.deleteAfterRun,
    isSpent: ({ context }) => isSpent(context),
    failsTooOften: ({ context }) => context.failures >= (context.spec.pauseAfterFailures ?? Number.POSITIVE_INFINITY),
    mayStartQueued: ({ context }) => mayStartQueued(context),
  },
  actions: {
    plan: standard.plan,
    fire: standard.fire,
    fireInHaste: standard.fireInHaste,
    takeSpec: assign((args) => ({ spec: specOf(args) })),
    // Its runs have the ids they have: what was fired once is not fired again.
    registerAnew: assign((args) => {
      const { running, lastNominal } = args.context;
      return { ...newCron(specOf(args), turnTime(args)), running, lastNominal };
    }),
    countAnew: assign({ uncounted: ({ context }) => context.fires, failures: 0 }),
    hearEnd: assign((args) => {
      const { context, event } = args;
      if (event.type !== 'child.settled') return {};
      const { child, nominalAt, status, extra = false } = event;
      return hearEnd(context, { id: child, nominalAt, status, settledAt: turnTime(args) }, extra);
    }),
    startQueued: assign(({ context }) => startQueued(context)),
    pauseAsAsked: assign({ next: null, pausedBecause: 'asked to' }),
    pauseAsDeclared: assign({ next: null, pausedBecause: 'declared so' }),
    blameFailures: assign({
      next: null,
      pausedBecause: ({ context: { failures, lastRun } }) =>
        `${failures} ${failures === 1 ? 'run' : 'runs in a row'} failed, the last one as ${lastRun?.status} (${lastRun?.id})`,
    }),
    resume: assign({ pausedBecause: null, failures: 0 }),
    noteRemoval: assign({
      // Anyone may send this event, so its parts are whatever they are.
      removedBecause: ({ event }) =>
        (event.type === 'job.cancel' && typeof event.reason === 'string' && event.reason) || 'removed',
    }),
    giveOrders: enqueueActions(({ context, enqueue }) => {
      for (const order of context.orders) enqueue.emit(order);
      enqueue.assign({ orders: [] });
    }),
  },
}).createMachine({
  id: 'cron',
  context: ({ input }) => newCron(input.spec, input.registeredAt),
  initial: 'registering',
  on: {
    'job.cancel': { target: '.removing', actions: 'noteRemoval' },
  },
  states: {
    registering: {
      always: [
        { guard: 'isDisabled', target: 'paused', actions: 'pauseAsDeclared' },
        { target: 'waiting', actions: 'plan' },
      ],
    },
    waiting: {
      after: {
        untilNext: { target: 'waiting', reenter: true, actions: ['fire', 'giveOrders'] },
      },
      always: [
        { guard: 'isSpentForGood', target: 'removing' },
        { guard: 'isSpent', target: 'retired' },
        { guard: 'failsTooOften', target: 'paused', actions: 'blameFailures' },
        { guard: 'mayStartQueued', actions: ['startQueued', 'giveOrders'] },
      ],
      on: {
        'child.settled': { actions: 'hearEnd' },
        'cron.update': [
          { guard: 'saysNothingNew' },
          {
            guard: 'becomesDisabled',
            target: 'paused',
            actions: ['takeSpec', 'pauseAsDeclared'],
          },
          // What has come due by the old times is seen to before they are forgotten.
          { target: 'waiting', reenter: true, actions: ['fireInHaste', 'takeSpec', 'plan', 'giveOrders'] },
        ],
        'cron.pause': { target: 'paused', actions: 'pauseAsAsked' },
      },
    },
    paused: {
      entry: log(({ context }) => `Cron '${context.spec.id}' is paused: ${context.pausedBecause}.`),
      on: {
        'child.settled': { actions: 'hearEnd' },
        'cron.update': [
          { guard: 'saysNothingNew' },
          { guard: 'becomesEnabled', target: 'waiting', actions: ['takeSpec', 'resume', 'plan'] },
          { actions: 'takeSpec' },
        ],
        'cron.resume': { target: 'waiting', actions: ['resume', 'plan'] },
      },
    },
    retired: {
      on: {
        'child.settled': { actions: 'hearEnd' },
        'cron.update': [
          { guard: 'saysNothingNew' },
          {
            guard: 'isDisabled',
            target: 'paused',
            actions: ['takeSpec', 'countAnew', 'pauseAsDeclared'],
          },
          { target: 'waiting', actions: ['takeSpec', 'countAnew', 'plan'] },
        ],
      },
    },
    removing: {
      after: { [LAST_MOMENT_MS]: 'removed' },
      on: {
        'cron.update': { target: 'registering', actions: 'registerAnew' },
      },
    },
    removed: { type: 'final' },
  },
  output: ({ context: { removedBecause, registeredAt, fires, skipped, missed } }) => ({
    ...(removedBecause === null
      ? { status: 'success', output: { fires, skipped, missed } }
      : { status: 'cancelled', reason: removedBecause }),
    attempts: 1,
    startedAt: registeredAt,
  }),
});
