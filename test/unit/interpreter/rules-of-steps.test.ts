/** The form of a state, its timers and its ids. */

import { describe, expect, test } from 'vitest';
import {
  type AnyActorRef,
  assign,
  cancel,
  createMachine,
  enqueueActions,
  fromPromise,
  raise,
  sendTo,
  setup,
} from 'xstate';
import { deliver, encodeState, MachineFault } from '../../../src/interpreter/index.ts';
import { after, event, ID, Stepped } from './side-by-side.ts';

const forever = fromPromise(() => new Promise<never>(() => {}));

function types(stepped: Stepped): string[] {
  return stepped.state.timers.map((timer) => timer.event.type);
}

describe('the form of a state', () => {
  test('is the same in memory and after the text, however the state was reached', () => {
    const machine = createMachine({
      type: 'parallel',
      context: { order: [] as string[] },
      states: {
        z: {
          initial: 'off',
          states: {
            off: { on: { Z: 'on', BOTH: 'on' } },
            on: {
              on: { Z: 'off' },
              always: { guard: ({ context }) => context.order.length > 2, actions: assign({ order: ['z'] }) },
            },
          },
        },
        a: {
          initial: 'off',
          states: {
            off: { on: { A: 'on', BOTH: 'on' } },
            on: {
              on: { A: 'off' },
              always: { guard: ({ context }) => context.order.length > 2, actions: assign({ order: ['a'] }) },
            },
          },
        },
      },
      on: { GROW: { actions: assign({ order: ({ context }) => [...context.order, 'x'] }) } },
    });
    const script = ['A', 'Z', 'A', 'Z', 'A', 'BOTH', 'GROW', 'GROW', 'GROW', 'Z', 'GROW', 'GROW'];
    const inMemory = new Stepped(machine, undefined, { throughText: false });
    const throughText = new Stepped(machine, undefined);
    for (const type of script) {
      inMemory.happen(event(type));
      throughText.happen(event(type));
      expect(encodeState(inMemory.state)).toBe(encodeState(throughText.state));
      expect(Object.keys(inMemory.step.value)).toEqual(['z', 'a']);
    }
  });

  test('keeps actor references in contexts, which look like actors and hold nothing', () => {
    const machine = setup({ types: { context: {} as { ref: AnyActorRef } }, actors: { forever } }).createMachine({
      context: ({ spawn }) => ({ ref: spawn('forever', { id: 'f' }) }),
    });
    const stepped = new Stepped(machine, undefined);
    const { ref } = stepped.happen(event('NOTHING')).context as { ref: AnyActorRef };
    expect(encodeState(stepped.state)).toContain('"id":"f","address":"~1"');
    expect(Object.keys(ref)).toEqual([]);
    expect('sessionId' in ref && 'send' in ref && 'ref' in ref).toBe(true);
    expect(ref.id).toBe('f');
    expect(() => ref.send({ type: 'X' })).toThrow("'f'");
  });

  test('holds a settled child once, with its status and output and nothing else', () => {
    const child = createMachine({
      context: { large: 'x'.repeat(500) },
      initial: 'a',
      states: { a: { after: { 10: 'b' } }, b: { type: 'final' } },
      output: { said: 'done' },
    });
    const stepped = new Stepped(
      setup({ actors: { child } }).createMachine({ invoke: { id: 'c', src: 'child' } }),
      undefined,
    );
    expect(encodeState(stepped.state)).toContain('xxx');
    stepped.happen(after(10));
    expect(encodeState(stepped.state)).not.toContain('xxx');
    expect(encodeState(stepped.state)).toContain('{"said":"done"}');
    expect(stepped.state.records.get('~1')?.snapshot).toMatchObject({ status: 'done', output: { said: 'done' } });
  });
});

describe('timers', () => {
  test('a send id used twice makes two timers; cancel takes both away', () => {
    const machine = createMachine({
      types: {} as { events: { type: 'SET'; ms: number } | { type: 'CANCEL' } | { type: 'TICK' } },
      context: { n: 0 },
      on: {
        SET: { actions: raise({ type: 'TICK' }, { id: 'same', delay: ({ event }) => event.ms }) },
        CANCEL: { actions: cancel('same') },
        TICK: { actions: assign({ n: ({ context }) => context.n + 1 }) },
      },
    });
    const stepped = new Stepped(machine, undefined);
    stepped.happen(event('SET', { ms: 10 }));
    stepped.happen(event('SET', { ms: 20 }));
    expect(new Set(stepped.state.timers.map((timer) => timer.id)).size).toBe(2);
    expect(stepped.happen(after(20)).context).toEqual({ n: 2 });
    stepped.happen(event('SET', { ms: 10 }));
    stepped.happen(event('SET', { ms: 20 }));
    stepped.happen(event('CANCEL'));
    expect(stepped.state.timers).toEqual([]);
  });

  test('are due on whole milliseconds, never in the past, however long', () => {
    const machine = createMachine({
      types: {} as { events: { type: 'SET'; ms: number } | { type: 'TICK' } },
      on: { SET: { actions: raise({ type: 'TICK' }, { delay: ({ event }) => event.ms }) } },
    });
    const dueIn = (ms: number): number | undefined => {
      const stepped = new Stepped(machine, undefined);
      stepped.happen(event('SET', { ms }));
      const [timer] = stepped.state.timers;
      return timer && timer.dueAt - stepped.now;
    };
    expect(dueIn(0.2)).toBe(1);
    expect(dueIn(-50)).toBe(0);
    expect(dueIn(40 * 86_400_000)).toBe(40 * 86_400_000);
    expect(dueIn(1e300)).toBeUndefined();
  });

  test('an endless delay never fires; one that is not a number is a fault', () => {
    const machine = setup({ delays: { endless: Number.POSITIVE_INFINITY } }).createMachine({
      initial: 'a',
      states: {
        a: { after: { endless: 'b' }, on: { BAD: 'c' } },
        b: {},
        c: { entry: raise({ type: 'X' }, { delay: () => Number.NaN }) },
      },
    });
    const stepped = new Stepped(machine, undefined);
    expect(types(stepped)).toEqual([]);
    expect(() => stepped.happen(event('BAD'))).toThrow(MachineFault);
    expect(() => stepped.happen(event('BAD'))).toThrow("'X' is not a number");
  });

  test('of an actor that settles or stops are gone, also those for others', () => {
    const child = createMachine({
      initial: 'a',
      states: { a: { after: { 99: 'a' }, on: { END: 'b' } }, b: { type: 'final' } },
      entry: [
        raise({ type: 'END' }, { delay: 10 }),
        sendTo(({ self }) => self._parent as AnyActorRef, { type: 'HELLO' }, { delay: 50 }),
      ],
    });
    const stepped = new Stepped(
      setup({ actors: { child } }).createMachine({ invoke: { id: 'c', src: 'child' } }),
      undefined,
    );
    expect(stepped.state.timers).toHaveLength(3);
    stepped.happen(after(10));
    expect(stepped.state.timers).toEqual([]);
  });

  test('that are not there any more change nothing', () => {
    const stepped = new Stepped(createMachine({}), undefined);
    expect(stepped.happen(after(1000)).changed).toBe(true);
    const step = deliver(stepped.prepared, stepped.state, { id: ID, event: { type: 'X' }, now: 1 });
    expect(step.changed).toBe(false);
  });
});

describe('ids', () => {
  test('of children without one are the same in every run', () => {
    const machine = setup({ types: { context: {} as { refs: AnyActorRef[] } }, actors: { forever } }).createMachine({
      context: { refs: [] },
      on: { SPAWN: { actions: assign({ refs: ({ context, spawn }) => [...context.refs, spawn('forever')] }) } },
    });
    const ids = (): string[] => {
      const stepped = new Stepped(machine, undefined);
      stepped.happen(event('SPAWN'));
      stepped.happen(event('SPAWN'));
      return stepped.state.effects.map((effect) => effect.id);
    };
    expect(ids()).toEqual(ids());
    expect(new Set(ids()).size).toBe(2);
  });

  test('spawnChild without an id in enqueueActions is a fault that says what to do', () => {
    const machine = setup({ actors: { forever } }).createMachine({
      on: { GO: { actions: enqueueActions(({ enqueue }) => enqueue.spawnChild('forever')) } },
    });
    expect(() => new Stepped(machine, undefined).happen(event('GO'))).toThrow('give spawnChild(…, { id }) one');
  });

  test('of effects name actor, owner, child and entry, and survive an interruption', () => {
    const machine = setup({ actors: { forever } }).createMachine({
      initial: 'a',
      states: { a: { invoke: { id: 'pay', src: 'forever' }, on: { AGAIN: { target: 'a', reenter: true } } } },
    });
    const stepped = new Stepped(machine, undefined);
    const [first] = stepped.state.effects;
    expect(first).toMatchObject({ id: `${ID}/pay/1`, ref: '~1', owner: '', name: 'pay', src: 'forever', attempt: 1 });
    stepped.happen(event('NOTHING'));
    expect(stepped.state.effects[0]?.id).toBe(first?.id);
    stepped.happen(event('AGAIN'));
    expect(stepped.state.effects[0]?.id).toBe(`${ID}/pay/2`);
  });

  test('of effects of a standard machine are the same for every incarnation, while their refs differ', () => {
    const machine = setup({ actors: { forever } }).createMachine({
      initial: 'a',
      states: { a: { invoke: { id: 'run', src: 'forever' }, on: { AGAIN: { target: 'a', reenter: true } } } },
    });
    const stepped = new Stepped(machine, undefined, { standard: true });
    const [first] = stepped.state.effects;
    const { starts, stops } = stepped.happen(event('AGAIN'));
    expect(starts.map((effect) => effect.id)).toEqual([`${ID}/run`]);
    expect(stops).toEqual([first?.ref]);
    expect(starts[0]?.ref).not.toBe(first?.ref);
  });
});
