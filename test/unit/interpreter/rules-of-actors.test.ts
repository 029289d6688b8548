/** What actors are told, and how children come and go. */

import { describe, expect, test } from 'vitest';
import { type AnyActorRef, assign, createMachine, fromCallback, fromPromise, sendTo, setup, spawnChild } from 'xstate';
import { decodeState, deliver, encodeState, init, prepare, type Step } from '../../../src/interpreter/index.ts';
import { after, event, ID, Stepped } from './side-by-side.ts';

const forever = fromPromise(() => new Promise<never>(() => {}));

describe('what actions and factories are told', () => {
  test('self is the actor itself: id, session, parent, last snapshot', () => {
    const seen: unknown[] = [];
    const look = ({ self }: { self: AnyActorRef }): unknown => {
      seen.push([self.id, self.sessionId, self._parent?.sessionId]);
      return self;
    };
    const child = createMachine({ context: ({ self }) => ({ self: look({ self }) }) });
    const machine = setup({ actors: { child, forever } }).createMachine({
      id: 'top',
      context: { count: 1 },
      invoke: [
        { id: 'c', src: 'child' },
        { id: 'f', src: 'forever', input: look },
      ],
      on: {
        GO: {
          actions: assign({ count: ({ self, context }) => self.getSnapshot().context.count + context.count * 10 }),
        },
      },
    });
    const stepped = new Stepped(machine, undefined);
    // The input is made with the invoke; the child begins when its owner's step is in place.
    expect(seen).toEqual([
      ['top', ID, undefined],
      ['c', `${ID}~1`, ID],
    ]);
    expect(stepped.state.effects[0]?.input).toMatchObject({ address: '' });
    expect(stepped.happen(event('GO')).context).toEqual({ count: 11 });
  });

  test('a custom action keeps its own actor, however many others step before it runs', () => {
    const seen: string[] = [];
    const machine = setup({
      actions: {
        look: ({ self, context }) => seen.push(`${self.sessionId} ${context['n']} ${self.getSnapshot().context['n']}`),
      },
    }).createMachine({
      context: ({ input }: { input: { n: number } }) => ({ n: input.n }),
      on: { GO: { actions: [assign({ n: ({ context }) => context['n'] + 1 }), 'look'] } },
    });
    const prepared = prepare(machine, { name: 'm', version: 1, standard: false });
    const steps: Step[] = [1, 5].map((n) => {
      const id = `actor-${n}`;
      const first = init(prepared, { id, input: { n }, now: 0 });
      return deliver(prepared, first.state, { id, event: { type: 'GO' }, now: 0 });
    });
    for (const { deferred } of steps) for (const action of deferred) action();
    expect(seen).toEqual(['actor-1 2 2', 'actor-5 6 6']);
  });

  test('a custom action sends through the outlet, and says so when there is none', () => {
    const machine = createMachine({ on: { GO: { actions: ({ self }) => self.send({ type: 'AGAIN' }) } } });
    const stepped = new Stepped(machine, undefined);
    const [action] = deliver(stepped.prepared, stepped.state, { id: ID, event: { type: 'GO' }, now: 0 }).deferred;
    const sent: unknown[] = [];
    action?.({ send: (heard, to) => sent.push([heard, to]), log: () => {} });
    expect(sent).toEqual([[{ type: 'AGAIN' }, '']]);
    expect(() => action?.()).toThrow('sendTo or raise');
  });

  test('a custom action may keep its self and send later', () => {
    let kept: AnyActorRef | undefined;
    const machine = createMachine({
      context: { n: 1 },
      entry: ({ self }) => {
        kept = self;
      },
    });
    const [action] = new Stepped(machine, undefined).step.deferred;
    const sent: unknown[] = [];
    action?.({ send: (heard, to) => sent.push([heard, to]), log: () => {} });
    kept?.send({ type: 'LATER' });
    expect(sent).toEqual([[{ type: 'LATER' }, '']]);
    expect([kept?.sessionId, kept?.getSnapshot().context]).toEqual([ID, { n: 1 }]);
  });

  test('every event of a standard machine carries the time of the turn, the first one too', () => {
    const machine = setup({ actors: { forever } }).createMachine({
      context: { at: [] as unknown[] },
      entry: assign({ at: ({ event }) => [(event as { at?: number }).at] }),
      invoke: { id: 'run', src: 'forever' },
      on: { '*': { actions: assign({ at: ({ context, event }) => [...context.at, event.at] }) } },
      after: {
        5: {
          actions: assign({ at: ({ context, event }) => [...context.at, (event as unknown as { at: number }).at] }),
        },
      },
    });
    const stepped = new Stepped(machine, undefined, { standard: true });
    stepped.happen(event('X', { at: 'forged' }));
    stepped.happen(after(5));
    expect(stepped.happen({ resolve: 'run' }).context).toEqual({ at: [1_000_000, 1_000_000, 1_000_005, 1_000_005] });
  });
});

describe('children', () => {
  test('the same id over a running child is another child; the first one is stopped and its result is stale', () => {
    const machine = setup({ actors: { forever } }).createMachine({
      context: { got: [] as unknown[] },
      on: {
        SPAWN: { actions: spawnChild('forever', { id: 'f' }) },
        'xstate.done.actor.f': { actions: assign({ got: ({ context, event }) => [...context.got, event.output] }) },
      },
    });
    const stepped = new Stepped(machine, undefined);
    const [first] = stepped.happen(event('SPAWN')).starts;
    const again = stepped.happen(event('SPAWN'));
    expect(again.stops).toEqual([first?.ref]);
    expect(stepped.state.effects.map((effect) => effect.ref)).toEqual([again.starts[0]?.ref]);
    expect(stepped.happen({ resolve: 'f', with: 2 }).context).toEqual({ got: [2] });
    expect(stepped.happen({ resolve: 'f', with: 3 }).changed).toBe(false);
  });

  test('a machine and transition logic are records, logic that starts something is an effect', () => {
    const machine = setup({
      actors: { machine: createMachine({}), promise: forever, callback: fromCallback(() => {}) },
    }).createMachine({
      invoke: [{ src: 'machine' }, { src: 'promise' }, { src: 'callback' }],
    });
    const { state } = new Stepped(machine, undefined);
    expect([...state.records.values()].map((record) => record.entry.kind)).toEqual([
      'machine',
      'machine',
      'effect',
      'effect',
    ]);
    expect(state.effects.map((effect) => effect.src)).toEqual(['promise', 'callback']);
  });

  test('events for a running callback are relayed, those sent before its start too', () => {
    const machine = setup({ actors: { callback: fromCallback(() => {}) } }).createMachine({
      invoke: { id: 'cb', src: 'callback' },
      entry: sendTo('cb', { type: 'EARLY' }),
      on: { GO: { actions: sendTo('cb', { type: 'LATE' }) } },
    });
    const stepped = new Stepped(machine, undefined);
    expect(stepped.step.relays).toEqual([{ ref: '~1', event: { type: 'EARLY' } }]);
    expect(stepped.happen(event('GO')).relays).toEqual([{ ref: '~1', event: { type: 'LATE' } }]);
  });

  test('an event for an address inside goes there, and one for an address that is gone nowhere', () => {
    const child = createMachine({
      context: { n: 0 },
      on: { INC: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    });
    const stepped = new Stepped(
      setup({ actors: { child } }).createMachine({ invoke: { id: 'c', src: 'child' } }),
      undefined,
    );
    const to = (address: string): Step =>
      deliver(stepped.prepared, stepped.state, { id: ID, event: { type: 'INC' }, now: 0, to: address });
    expect(to('~1').state.records.get('~1')?.snapshot.context).toEqual({ n: 1 });
    expect(to('~9').changed).toBe(false);
  });

  test('a child stopped in the transition that started it never begins, not even its context', () => {
    let begun = 0;
    const child = createMachine({ context: () => ({ begun: ++begun }) });
    const machine = setup({ actors: { child, forever } }).createMachine({
      initial: 'a',
      states: { a: { on: { GO: 'b' } }, b: { invoke: [{ src: 'child' }, { src: 'forever' }], always: 'c' }, c: {} },
    });
    const stepped = new Stepped(machine, undefined);
    const { starts, stops, state } = stepped.happen(event('GO'));
    expect({ starts, stops, begun, records: state.records.size }).toEqual({
      starts: [],
      stops: [],
      begun: 0,
      records: 1,
    });
  });

  test('an effect started and stopped by two messages of one step never starts', () => {
    const impatient = createMachine({ entry: sendTo(({ self }) => self._parent as AnyActorRef, { type: 'LEAVE' }) });
    const machine = setup({ actors: { impatient, forever } }).createMachine({
      initial: 'a',
      states: {
        a: { on: { GO: 'b' } },
        b: { invoke: [{ src: 'forever' }, { src: 'impatient' }], on: { LEAVE: 'c' } },
        c: {},
      },
    });
    const { value, starts, stops, state } = new Stepped(machine, undefined).happen(event('GO'));
    expect({ value, starts, stops, effects: state.effects }).toEqual({
      value: 'c',
      starts: [],
      stops: [],
      effects: [],
    });
  });

  test('a settled machine takes no more steps', () => {
    const machine = createMachine({
      context: { n: 0 },
      initial: 'a',
      on: { INC: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
      states: { a: { on: { END: 'b' } }, b: { type: 'final' } },
    });
    const stepped = new Stepped(machine, undefined);
    expect(stepped.happen(event('END')).status).toBe('done');
    const late = stepped.happen(event('INC'));
    expect(late).toMatchObject({ status: 'done', changed: false, context: { n: 0 } });
    expect(decodeState(stepped.prepared, encodeState(late.state)).records.size).toBe(1);
  });
});
