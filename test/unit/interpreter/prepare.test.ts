/** What registration refuses and warns of, and what it keeps of a machine. */

import { describe, expect, test } from 'vitest';
import {
  type AnyStateMachine,
  and,
  assign,
  createMachine,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  not,
  raise,
  sendTo,
  setup,
  spawnChild,
} from 'xstate';
import { jobMachine } from '../../../machines/job.ts';
import { DefinitionVersionError } from '../../../src/errors.ts';
import {
  accepts,
  encodeState,
  init,
  describe as look,
  misfits,
  type Prepared,
  prepare,
} from '../../../src/interpreter/index.ts';

const promise = fromPromise(() => Promise.resolve(1));
const prepared = (machine: unknown): Prepared =>
  prepare(machine as AnyStateMachine, { name: 'order', version: 3, standard: false });
const at = (b: object, more: object = {}): unknown =>
  createMachine({ initial: 'a', states: { a: { initial: 'b', states: { b } } }, ...more } as never);

function refusal(machine: unknown): string {
  try {
    prepared(machine);
  } catch (error) {
    if (error instanceof DefinitionVersionError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('refused', () => {
  test.each([
    [
      'a named delay of an after that is not implemented',
      at({ after: { later: 'b' } }),
      "delay 'later' is not implemented and would fire at once",
    ],
    ['a named delay of a raise', at({ entry: raise({ type: 'X' }, { delay: 'later' } as never) }), "delay 'later'"],
    [
      'a named delay of a sendTo',
      at({ exit: sendTo('x', { type: 'X' }, { delay: 'later' } as never) }),
      "delay 'later'",
    ],
    ['a delay that is not a number', at({ entry: raise({ type: 'X' }, { delay: Number.NaN }) }), 'not a number'],
    [
      'spawnChild without an id',
      at({ on: { X: { actions: spawnChild(promise as never) } } }),
      'spawnChild needs an id',
    ],
    [
      'spawnChild with inline logic',
      at({ always: { guard: () => false, actions: spawnChild(promise, { id: 'p' }) } }),
      'inline logic cannot be stored',
    ],
    ['an invoke without logic', at({ invoke: { src: 'nobody' } }), "from 'nobody', which has no logic"],
    ['a guard without implementation', at({ on: { X: { guard: 'maybe' } } }), "guard 'maybe' is not implemented"],
    ['a guard inside another', at({ on: { X: { guard: and([not('maybe')]) } } }), "guard 'maybe'"],
  ])('%s, naming state and fix', (_what, machine, problem) => {
    const message = refusal(machine);
    expect(message).toContain(problem);
    expect(message).toContain("Definition 'order' version 3: state 'a.b'");
  });

  test('a context that cannot be stored', () => {
    expect(refusal(createMachine({ context: { cache: { map: new Map() } } }))).toContain(
      'context.cache.map: an instance of Map',
    );
  });

  test('all of that in a child machine too, which is named', () => {
    const child = createMachine({ after: { later: {} } } as never);
    expect(refusal(setup({ actors: { kid: child as never } }).createMachine({}))).toContain(
      "machine 'kid': the root state: delay 'later'",
    );
  });

  test('none of it where everything is implemented, and the caller keeps its machine as it was', () => {
    const machine = setup({
      actors: { promise },
      delays: { later: 5 },
      guards: { maybe: () => true },
    }).createMachine({
      invoke: { src: 'promise' },
      after: { later: { guard: 'maybe', actions: spawnChild('promise', { id: 'p' }) } },
    });
    expect(prepared(machine).warnings).toEqual([]);
    expect(machine.options.maxIterations).toBe(Number.POSITIVE_INFINITY);
  });

  test('nothing in the job machine', () => {
    expect(prepare(jobMachine, { name: 'job', version: 1, standard: true }).warnings).toEqual([]);
  });
});

describe('warned of', () => {
  const never = (): never => {
    throw new Error('not called');
  };
  test('callbacks and observables, which start anew on every change of worker', () => {
    const { warnings } = prepared(
      setup({
        actors: {
          promise,
          transition: fromTransition((state: number) => state, 0),
          callback: fromCallback(never),
          observable: fromObservable(never),
          events: fromEventObservable(never),
        },
      }).createMachine({}),
    );
    expect(warnings.map((warning) => warning.slice(0, warning.indexOf(':')))).toEqual([
      "actor 'callback' is a callback",
      "actor 'observable' is an observable",
      "actor 'events' is an observable",
    ]);
  });

  test('custom actions, missing actions and spawning without end', () => {
    const { warnings } = prepared(
      setup({ actors: { promise }, actions: { tell: () => {} } }).createMachine({
        context: { refs: [] as unknown[] },
        entry: ['tell', 'missing' as never],
        on: { ADD: { actions: assign({ refs: ({ context, spawn }) => [...context.refs, spawn('promise')] }) } },
      }),
    );
    expect(warnings).toEqual([
      "custom action 'tell' runs after the commit of its step, at most once",
      "the root state: action 'missing' has no implementation, so it does nothing",
      'the root state: spawned children are kept until they are stopped, also when they are done; stop what you spawn',
    ]);
  });
});

describe('known of a machine', () => {
  const inline = fromPromise(() => Promise.resolve(2));
  const machine = setup({
    actors: { promise },
    actions: { tell: () => {} },
    guards: { maybe: () => true },
  }).createMachine({
    id: 'order',
    context: { schemas: 1 },
    initial: 'schemas',
    states: {
      schemas: {
        tags: 'x',
        entry: 'tell',
        on: { PAY: { guard: and(['maybe', not('maybe')]), target: 'context' } },
        after: { 10: 'context' },
      },
      context: {
        invoke: [{ src: 'promise' }, { src: promise } as never, { src: inline } as never],
        on: { 'user.*': {}, BACK: 'schemas', NO: undefined },
      },
    },
  });

  test('its chart, with names for functions and without what is no part of it', () => {
    const chart = JSON.parse(prepared(machine).chart);
    expect(Object.keys(chart)).toEqual(['id', 'initial', 'states']);
    expect(chart.states.schemas.on.PAY.guard).toBe('and(maybe, not(maybe))');
    expect(chart.states.context.invoke.map((invoke: { src: string }) => invoke.src)).toEqual([
      'promise',
      'promise',
      'xstate.invoke.2.order.context',
    ]);
  });

  test('the events it accepts now, and how it looks', () => {
    const order = prepared(machine);
    const first = init(order, { id: 'x', input: undefined, now: 0 });
    expect(accepts(order, first.state)).toEqual(['PAY']);
    expect(look(order, first.state)).toEqual({
      value: 'schemas',
      context: { schemas: 1 },
      status: 'active',
      tags: ['x'],
    });
    expect(first.tags.has('x')).toBe(true);
  });

  test('logic without a name is found by the place that invokes it, logic with one by its name', () => {
    const stepped = init(
      prepared(createMachine({ ...machine.config, initial: 'context' } as never, machine.implementations as never)),
      { id: 'x', input: undefined, now: 0 },
    );
    expect(stepped.starts.map((effect) => effect.src)).toEqual(['promise', 'promise', 'xstate.invoke.2.order.context']);
  });
});

describe('whether a stored actor fits another version', () => {
  const stored = (machine: unknown): string =>
    encodeState(init(prepared(machine), { id: 'x', input: undefined, now: 0 }).state);
  const base = (a: object = {}, more: object = {}): unknown =>
    setup({ actors: { promise } }).createMachine({ id: 'm', initial: 'a', states: { a, b: {} }, ...more } as never);

  test('the same machine does, with timers, invokes and new states elsewhere', () => {
    const text = stored(base({ after: { 10: 'b' }, invoke: { src: 'promise' } }));
    expect(misfits(prepared(base({ after: { 10: 'b' }, invoke: { src: 'promise' }, on: { X: 'b' } })), text)).toEqual(
      [],
    );
  });

  test.each([
    ['a state that is gone', createMachine({ id: 'm', initial: 'z', states: { z: {} } }), "State 'a' does not exist"],
    ['an atomic state made compound', base({ initial: 'x', states: { x: {} } }), 'is not complete'],
    [
      'a changed delay',
      base({ after: { 11: 'b' }, invoke: { id: 'i', src: 'promise' } }),
      "pending timer 'xstate.after.10.m.a'",
    ],
    [
      'an invoke that was not there',
      base({
        after: { 10: 'b' },
        invoke: [
          { id: 'i', src: 'promise' },
          { id: 'new', src: 'promise' },
        ],
      }),
      "invokes 'new', which was never started",
    ],
    [
      'logic that is gone',
      createMachine({ id: 'm', initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } }),
      "no actor logic 'promise'",
    ],
  ])('%s does not', (_what, next, problem) => {
    const text = stored(base({ after: { 10: 'b' }, invoke: { id: 'i', src: 'promise' } }));
    expect(misfits(prepared(next), text).join()).toContain(problem);
  });

  test('a compound state made parallel does not', () => {
    const inner = { states: { x: {}, y: {} } };
    const text = stored(base({ initial: 'x', ...inner }));
    expect(misfits(prepared(base({ type: 'parallel', ...inner })), text).join()).toContain('is not complete');
  });
});
