/** What sets an actor aside, what ends it, and what is nobody's business. */

import { describe, expect, test } from 'vitest';
import {
  type AnyStateMachine,
  assign,
  createMachine,
  enqueueActions,
  fromPromise,
  raise,
  sendParent,
  sendTo,
  setup,
} from 'xstate';
import { init, MachineFault, prepare } from '../../../src/interpreter/index.ts';
import { after, event, ID, Stepped } from './side-by-side.ts';

const forever = fromPromise(() => new Promise<never>(() => {}));
const boom = (): never => {
  throw new Error('boom');
};

function faultOf(work: () => unknown): MachineFault {
  try {
    work();
  } catch (error) {
    if (error instanceof MachineFault) return error;
    throw error;
  }
  throw new Error('there was no fault');
}

/** Moves to b, where something throws. */
function throwing(b: object, more: object = {}): AnyStateMachine {
  return createMachine({
    initial: 'a',
    states: { a: { on: { GO: 'b' } }, b },
    ...more,
  } as never);
}

describe('an exception of the machine is a fault that leaves the state as it was', () => {
  const cases: [string, AnyStateMachine][] = [
    ['guard', createMachine({ on: { GO: { guard: boom, actions: [] } } })],
    ['guard of an always', throwing({ always: { guard: boom, target: 'a' } })],
    ['assign', createMachine({ context: {}, on: { GO: { actions: assign(boom) } } })],
    ['delay', throwing({ after: { 10: 'a' }, entry: raise({ type: 'X' }, { delay: boom }) })],
    ['event expression', createMachine({ on: { GO: { actions: raise(boom) } } })],
    ['enqueueActions', createMachine({ on: { GO: { actions: enqueueActions(boom) } } })],
    [
      'input factory',
      setup({ actors: { forever } }).createMachine({
        initial: 'a',
        states: { a: { on: { GO: 'b' } }, b: { invoke: { src: 'forever', input: boom } } },
      }),
    ],
    [
      'context factory of a child',
      setup({ actors: { child: createMachine({ context: boom }) } }).createMachine({
        initial: 'a',
        states: { a: { on: { GO: 'b' } }, b: { invoke: { src: 'child' } } },
      }),
    ],
    ['send to nobody', createMachine({ on: { GO: { actions: sendTo('nobody', { type: 'X' }) } } })],
  ];
  test.each(cases)('%s', (_what, machine) => {
    const stepped = new Stepped(machine, undefined);
    const before = stepped.state;
    const fault = faultOf(() => stepped.happen(event('GO')));
    expect(fault.where).toContain("'");
    expect(fault.cause).toBeInstanceOf(Error);
    expect(stepped.state).toEqual(before);
    expect(stepped.happen(event('OTHER')).status).toBe('active');
  });

  test('names actor, state and event, and the child it happened in', () => {
    const child = createMachine({
      initial: 'waiting',
      states: { waiting: { on: { HIT: { actions: assign(boom) } } } },
    });
    const machine = setup({ actors: { child } }).createMachine({
      invoke: { id: 'kid', src: 'child' },
      on: { GO: { actions: sendTo('kid', { type: 'HIT' }) } },
    });
    expect(faultOf(() => new Stepped(machine, undefined).happen(event('GO'))).where).toBe(
      `m › kid (child) in "waiting" on 'HIT'`,
    );
  });

  test('also in the first step, where XState itself would make it a status', () => {
    const prepared = prepare(createMachine({ context: boom }), { name: 'm', version: 1, standard: false });
    expect(faultOf(() => init(prepared, { id: ID, input: undefined, now: 0 })).message).toContain('boom');
  });

  test('an always that never ends, within 1,000 iterations or the bound the machine sets', () => {
    const flip = { states: { a: { on: { GO: 'b' } }, b: { always: 'c' }, c: { always: 'b' } }, initial: 'a' } as const;
    expect(faultOf(() => new Stepped(createMachine(flip), undefined).happen(event('GO'))).message).toContain('1000');
    const bounded = createMachine({ ...flip, options: { maxIterations: 7 } });
    expect(faultOf(() => new Stepped(bounded, undefined).happen(event('GO'))).message).toContain('more than 7 ');
  });

  test('actors that never stop answering each other', () => {
    const echo = createMachine({ on: { BALL: { actions: sendParent({ type: 'BALL' }) } } });
    const machine = setup({ actors: { echo } }).createMachine({
      invoke: { id: 'e', src: 'echo' },
      on: { BALL: { actions: sendTo('e', { type: 'BALL' }) } },
    });
    expect(faultOf(() => new Stepped(machine, undefined).happen(event('BALL'))).message).toContain('1000 messages');
  });

  test('a context that cannot be stored, named by path', () => {
    const machine = createMachine({
      context: { cart: {} },
      on: { GO: { actions: assign({ cart: () => ({ items: new Map() }) }) } },
    });
    expect(faultOf(() => new Stepped(machine, undefined).happen(event('GO'))).message).toContain(
      'context.cart.items: an instance of Map',
    );
  });

  test('a systemId that is taken', () => {
    const machine = createMachine({
      invoke: { src: forever, systemId: 'one' },
      initial: 'a',
      states: { a: { on: { GO: 'b' } }, b: { invoke: { src: forever, systemId: 'one' } } },
    });
    expect(faultOf(() => new Stepped(machine, undefined).happen(event('GO'))).message).toContain(
      "'one' already exists",
    );
  });

  test('spawning logic that has no name; logic that has one is found by identity', () => {
    const spawning = (logic: typeof forever): AnyStateMachine =>
      setup({ actors: { forever } }).createMachine({
        context: {},
        on: {
          GO: {
            actions: assign({
              ref: ({ spawn }) => (spawn as (logic: unknown, options: object) => unknown)(logic, { id: 'x' }),
            }),
          },
        },
      } as never) as unknown as AnyStateMachine;
    expect(new Stepped(spawning(forever), undefined).happen(event('GO')).starts[0]?.src).toBe('forever');
    const other = fromPromise(() => Promise.reject(new Error('must not run')));
    expect(faultOf(() => new Stepped(spawning(other), undefined).happen(event('GO'))).message).toContain("child 'x'");
  });
});

describe('what a child does', () => {
  test('an unhandled failure ends its owner with status error, upwards until somebody handles it', () => {
    const middle = setup({ actors: { forever } }).createMachine({ invoke: { id: 'f', src: 'forever' } });
    const top = setup({ actors: { middle } }).createMachine({
      context: { failed: '' },
      invoke: {
        id: 'm',
        src: 'middle',
        onError: { actions: assign({ failed: ({ event }) => (event.error as Error).message }) },
      },
    });
    const reason = Object.assign(new Error('declined'), { code: 'DECLINED' });
    expect(new Stepped(top, undefined).happen({ reject: 'f', with: reason })).toMatchObject({
      status: 'active',
      context: { failed: 'declined' },
    });
    const alone = new Stepped(middle, undefined).happen({ reject: 'f', with: reason });
    expect(alone).toMatchObject({ status: 'error', error: { message: 'declined', code: 'DECLINED' } });
  });

  test('an output that cannot be stored is its failure', () => {
    const machine = setup({ actors: { forever } }).createMachine({
      context: { error: '' },
      invoke: {
        id: 'f',
        src: 'forever',
        onError: { actions: assign({ error: ({ event }) => (event.error as Error).message }) },
      },
    });
    const step = new Stepped(machine, undefined).happen({ resolve: 'f', with: { socket: new Set() } });
    expect(step.context).toEqual({
      error:
        'output.socket: an instance of Set cannot be stored; pass plain objects, arrays, strings, numbers and Dates.',
    });
  });

  test('the context of a running effect is unknown to its owner; its status and input are not', () => {
    const reading = (part: 'status' | 'context' | 'input'): Stepped => {
      const machine = setup({ actors: { forever } }).createMachine({
        context: { read: null as unknown },
        invoke: { id: 'f', src: 'forever', input: { n: 1 } },
        on: {
          GO: {
            actions: assign({
              read: ({ self }) => (self.getSnapshot() as unknown as Readers).children.f.getSnapshot()[part],
            }),
          },
        },
      } as never);
      return new Stepped(machine as unknown as AnyStateMachine, undefined);
    };
    interface Readers {
      readonly children: { readonly f: { getSnapshot(): Record<string, unknown> } };
    }
    expect(reading('status').happen(event('GO')).context).toEqual({ read: 'active' });
    expect(reading('input').happen(event('GO')).context).toEqual({ read: { n: 1 } });
    expect(faultOf(() => reading('context').happen(event('GO'))).message).toContain("the context of actor 'f'");
  });
});

describe('what an action does', () => {
  test('a custom action that throws changes nothing that was decided', () => {
    const machine = createMachine({
      initial: 'a',
      states: { a: { on: { GO: { target: 'b', actions: boom } } }, b: {} },
    });
    const stepped = new Stepped(machine, undefined);
    expect(() => stepped.happen(event('GO'))).toThrow('boom');
    expect(stepped.step.value).toBe('b');
  });

  test('a context changed in place fails at once where contexts are frozen', () => {
    const machine = createMachine({
      context: { list: [1] },
      on: { GO: { actions: assign({ list: ({ context }) => (context.list.push(2), context.list) }) } },
    });
    const prepared = prepare(machine, { name: 'm', version: 1, standard: false, freeze: true });
    const { context } = init(prepared, { id: ID, input: undefined, now: 0 });
    expect(Object.isFrozen((context as { list: unknown[] }).list)).toBe(true);
  });

  test('a delayed event still comes after the actor was restored', () => {
    const machine = createMachine({ initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } });
    expect(new Stepped(machine, undefined).happen(after(10)).value).toBe('b');
  });
});
