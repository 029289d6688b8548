/** Known paths and XState: every step has to be the same along the one as it is worked out by the other. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnyEventObject, type AnyStateMachine, assign, cancel, createMachine, fromPromise, raise } from 'xstate';
import { defaultFollowupPolicy, followupMachine } from '../../../machines/followup.ts';
import { defaultJobPolicy } from '../../../machines/job-policy.ts';
import {
  askingXState,
  deliver,
  encodeState,
  finishEffect,
  fireTimer,
  init,
  type Prepared,
  prepare,
  type Step,
  type SystemState,
} from '../../../src/interpreter/index.ts';
import { rootOf } from '../../../src/interpreter/system-state.ts';
import type { MachineSnapshot } from '../../../src/interpreter/xstate-internals.ts';
import { machineFor, retryable } from '../machines/job-life.ts';

const ID = '01900000-0000-7000-8000-000000000001';

/** What custom actions were told. */
const seen: unknown[] = [];

/** What came of a step, all of it; or what it failed with. */
function outcome(
  prepared: Prepared,
  work: (prepared: Prepared) => Step,
): { readonly shown: unknown; readonly state?: SystemState } {
  try {
    const step = work(prepared);
    const { state, deferred } = step;
    seen.splice(0);
    for (const run of deferred) run();
    const children = Object.keys((rootOf(state).snapshot as MachineSnapshot).children);
    return {
      shown: {
        ...step,
        state: null,
        deferred: null,
        children,
        seen: [...seen],
        text: encodeState(state),
      },
      state,
    };
  } catch (error) {
    return { shown: (error as Error).message };
  }
}

/** Takes both ways at once and tells how often the first was a known path. */
class BothWays {
  known = 0;
  steps = 0;
  state: SystemState | undefined;
  readonly #paths: Prepared;
  readonly #xstate: Prepared;
  now = 1_000_000;

  constructor(machine: AnyStateMachine, input: unknown, standard = false) {
    this.#paths = prepare(machine, { name: 'm', version: 1, standard });
    this.#xstate = askingXState(prepare(machine, { name: 'm', version: 1, standard }));
    if (this.#paths.catalogue.root.paths.beginning) this.known += 1;
    this.#take((prepared) => init(prepared, { id: ID, input, now: this.now }));
  }

  /** One of what can happen now, by number: an event, a timer, the end of an effect. */
  happen(number: number, events: readonly AnyEventObject[], failure: (number: number) => unknown): boolean {
    const { state } = this;
    if (!state || rootOf(state).snapshot.status !== 'active') return false;
    this.now += number % 97;
    const moment = { id: ID, now: this.now };
    const { timers, effects } = state;
    const at = number % (events.length + timers.length + 2 * effects.length);
    if (at < events.length) return this.#deliver(state, events[at] as AnyEventObject, moment);
    const timer = timers[at - events.length];
    if (timer) return this.#take((prepared) => fireTimer(prepared, state, { ...moment, timer: timer.id }), timer.event);
    const ended = (at - events.length - timers.length) >> 1;
    const ref = effects[ended]?.ref ?? '';
    const result =
      at % 2 === 0 ? ({ ok: true, output: { number } } as const) : ({ ok: false, error: failure(number) } as const);
    const type = `xstate.${result.ok ? 'done' : 'error'}.actor.${effects[ended]?.name}`;
    const event = { type, ...(result.ok ? { output: result.output } : { error: result.error }) };
    return this.#take((prepared) => finishEffect(prepared, state, { ...moment, ref, result }), event);
  }

  #deliver(state: SystemState, event: AnyEventObject, moment: { id: string; now: number }): boolean {
    return this.#take((prepared) => deliver(prepared, state, { ...moment, event }), event);
  }

  #take(work: (prepared: Prepared) => Step, event?: AnyEventObject): boolean {
    if (event && this.state && this.#isKnown(this.state, event)) this.known += 1;
    this.steps += 1;
    const along = outcome(this.#paths, work);
    expect(along.shown).toEqual(outcome(this.#xstate, work).shown);
    this.state = along.state;
    return along.state !== undefined;
  }

  #isKnown(state: SystemState, event: AnyEventObject): boolean {
    const snapshot = rootOf(state).snapshot as MachineSnapshot;
    try {
      return this.#paths.catalogue.root.paths.from(snapshot, event) !== null;
    } catch {
      return false;
    }
  }
}

const work = fromPromise(async () => null);
const EVENTS = ['A', 'B', 'C.D', 'X'];

/** A machine out of numbers: flat and nested states, guards, delays, invokes, actions of most kinds. */
function machineOf(numbers: readonly number[]): AnyStateMachine {
  let at = 0;
  const below = (bound: number): number => (numbers[at++ % numbers.length] ?? 0) % bound;
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const ids: string[] = [];
  const parts = (depth: number, id: string): Record<string, unknown> => {
    ids.push(id);
    const size = depth === 0 ? 0 : 1 + below(3);
    const states = Object.fromEntries(
      Array.from({ length: size }, (_, n) => [`s${n}`, parts(depth - 1, `${id}_${n}`)]),
    );
    if (size === 0) return { id, ...(depth === 2 && below(3) === 0 && { type: 'final', output: { ended: id } }) };
    return { id, initial: `s${below(size)}`, states, tags: below(2) === 0 ? ['busy'] : [] };
  };
  const action = (): unknown =>
    one([
      assign({ n: ({ context }) => (context.n * 7 + 3) % 1009, last: ({ event }) => event.type }),
      assign(({ context }) => ({ n: context.n + 1, also: [context.n] })),
      { type: 'count', params: { by: below(5) } },
      { type: 'note', params: ({ context }: { context: { n: number } }) => ({ n: context.n }) },
      raise({ type: one(EVENTS) }, { delay: 10 + below(50), id: `t${below(3)}` }),
      raise({ type: one(EVENTS) }, { delay: 'named' as never }),
      cancel(`t${below(3)}`),
      'nobody',
      ...(below(6) === 0
        ? [
            raise({ type: one(EVENTS) }),
            assign(() => {
              throw new Error('no');
            }),
          ]
        : []),
    ]);
  const actions = (): unknown[] => Array.from({ length: below(3) }, action);
  const transition = (): object => ({
    ...(below(5) > 0 && { target: `#${one(ids.slice(1))}` }),
    actions: actions(),
    ...(below(2) === 0 && {
      guard: one<unknown>([
        'odd',
        { type: 'over', params: { n: below(300) } },
        ({ context }: { context: { n: number } }) => context.n % 3 === 0,
      ]),
    }),
    ...(below(4) === 0 && { reenter: true }),
  });
  const wire = (node: Record<string, unknown>, id: string, isRoot: boolean): void => {
    if (node['type'] !== 'final') {
      const types = [...EVENTS.slice(0, 2), one(['C.D', 'C.*', '*'])];
      node['on'] = Object.fromEntries(
        types.filter(() => below(2) === 0).map((type) => [type, [transition(), transition()].slice(below(2))]),
      );
      if (below(3) === 0) node['after'] = { [one([5, 30, 'named'])]: transition() };
      if (!isRoot && below(8) === 0) node['always'] = { ...transition(), guard: 'never' };
      if (!isRoot && below(3) === 0)
        node['invoke'] = {
          id: `w${below(2)}${id}`,
          src: 'work',
          input: ({ context }: { context: { n: number } }) => ({ n: context.n }),
          onDone: transition(),
          ...(below(2) === 0 && { onError: transition() }),
        };
    }
    node['entry'] = actions();
    node['exit'] = actions();
    for (const [key, child] of Object.entries((node['states'] ?? {}) as Record<string, Record<string, unknown>>))
      wire(child, `${id}_${key}`, false);
  };
  const root = parts(3, 'r');
  wire(root, 'r', true);
  const config = {
    ...root,
    context: ({ input }: { input: number }) => ({ n: input, also: null }),
    output: ({ event }: { event: AnyEventObject }) => event['output'],
  };
  return createMachine(
    { ...config, options: { maxIterations: 30 } } as never,
    {
      actors: { work },
      actions: {
        count: assign(({ context }, params: { by: number }) => ({ n: context.n + params.by })),
        note: (
          { context, event, self }: { context: object; event: AnyEventObject; self: { id: string } },
          params: unknown,
        ) => seen.push(context, event, self.id, params),
      },
      guards: {
        odd: ({ context }: { context: { n: number } }) => context.n % 2 === 1,
        over: ({ context }: { context: { n: number } }, { n }: { n: number }) => context.n > n,
        never: () => false,
      },
      delays: { named: ({ context }: { context: { n: number } }) => 10 + (context.n % 40) },
    } as never,
  );
}

const numbers = fc.array(fc.nat({ max: 10_000 }), { minLength: 60, maxLength: 200, size: 'max' });

describe('a step along a known path is the step XState takes', () => {
  test('of random machines', () => {
    let [known, steps] = [0, 0];
    fc.assert(
      fc.property(numbers, fc.array(fc.nat({ max: 10_000 }), { minLength: 5, maxLength: 25 }), (drawn, script) => {
        const both = new BothWays(machineOf(drawn), drawn[0]);
        const events = EVENTS.map((type) => ({ type }));
        for (const number of script) {
          if (!both.happen(number, events, (n) => ({ message: `failed ${n}` }))) break;
          if ((both.state?.timers.length ?? 0) > 30) break;
        }
        known += both.known;
        steps += both.steps;
      }),
      { seed: 20_261_125, numRuns: Number(process.env['PATH_RUNS'] ?? 150), endOnFailure: true },
    );
    expect(steps).toBeGreaterThan(1_000);
    // Otherwise this test compares XState with itself.
    expect(known / steps).toBeGreaterThan(0.5);
  });

  const failure = (number: number): unknown => ({
    ...retryable,
    ...(number % 5 === 0 && { verdict: 'drop' }),
    ...(number % 7 === 0 && { retryAfterMs: 50 }),
  });
  const at = { at: 1_000_050 };
  const events = [
    { type: 'job.runNow' },
    { type: 'job.cancel', reason: 'no more' },
    { type: 'job.reschedule', to: 1_000_200 },
    { type: 'attempt.interrupted', charged: true, ambiguous: true },
    { type: 'attempt.handedBack' },
    { type: 'nothing.known' },
  ].map((event) => ({ ...event, ...at }));
  const recovery = { everyMs: 30_000, factor: 1, max: 2, windowMs: 86_400_000 };
  const machines: readonly (readonly [string, AnyStateMachine, unknown])[] = [
    ['the job machine', machineFor({}), { dueAt: 1_000_000 }],
    [
      'a job with recovery and a deadline',
      machineFor({ recovery, deadlineMs: 60_000, retry: { ...defaultJobPolicy.retry, maxRetries: 1 } }),
      { dueAt: 1_000_010 },
    ],
    ['the follow-up machine', followupMachine, { dueAt: 1_000_000, policy: defaultFollowupPolicy }],
  ];

  test.each(machines)('of %s, and none of its steps needs XState', (_name, machine, input) => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10_000 }), { minLength: 3, maxLength: 30 }), (script) => {
        const both = new BothWays(machine, input, true);
        for (const number of script) if (!both.happen(number, events, failure)) break;
        expect(both.known).toBe(both.steps);
      }),
      { seed: 3, numRuns: 150, endOnFailure: true },
    );
  });
});
