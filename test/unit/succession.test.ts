/** What a newer version makes of the state an older one left: purely, from the stored text alone. */
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, assign, fromCallback, fromPromise, setup } from 'xstate';
import { prepareDefinition } from '../../src/definitions/loaded-definition.ts';
import type { Migrate } from '../../src/definitions/migration.ts';
import { defineActor, internalsOf } from '../../src/definitions.ts';
import { fromRun } from '../../src/effects/delegates.ts';
import {
  deliver,
  describe as described,
  encodeState,
  fireTimer,
  init,
  setEffect,
} from '../../src/interpreter/index.ts';
import { takenOver, unsteady } from '../../src/turn/succession.ts';

const NOW = 1_700_000_000_000;

function heirOf(machine: unknown, version: number, migrate?: Migrate) {
  const definition = defineActor({
    name: 'trip',
    version,
    machine: machine as AnyStateMachine,
    ...(migrate && { migrate }),
  });
  const { internals, prepared, delegates } = prepareDefinition(internalsOf(definition));
  return { ...internals, prepared, delegates };
}

const packing = setup({ types: { events: {} as { type: 'ZIP' } } }).createMachine({
  id: 'packing',
  initial: 'open',
  states: { open: { on: { ZIP: 'shut' }, after: { 500: 'shut' } }, shut: { type: 'final' } },
});

const base = setup({
  types: {
    context: {} as { since: Date; notes: string[] },
    events: {} as { type: 'GO' } | { type: 'PAUSE' } | { type: 'RESUME' },
  },
  actors: {
    packing,
    book: fromPromise(async () => 'booked'),
    watch: fromCallback(() => undefined),
    insure: fromRun(async () => 'insured'),
  },
  actions: { note: assign({ notes: ({ context }) => [...context.notes, 'x'] }) },
});

/** At home everything is under way: a timer, a child with a timer of its own, an effect, and one that another actor does. */
function trip(home: object = {}, states: object = {}) {
  return base.createMachine({
    id: 'trip',
    context: { since: new Date(NOW), notes: [] },
    initial: 'home',
    states: {
      home: {
        invoke: [
          { id: 'bag', src: 'packing' },
          { id: 'booking', src: 'book' },
          { id: 'insurance', src: 'insure' },
        ],
        on: { GO: 'away' },
        after: { 1000: 'away' },
        ...home,
      },
      away: {},
      ...states,
    },
  } as never);
}

/** Its stored text, in the middle of it all. */
function left(machine: unknown = trip()): string {
  const { prepared } = heirOf(machine, 1);
  const { state } = init(prepared, { id: 'a-1', now: NOW, input: undefined });
  const [first, second] = state.effects;
  const running = setEffect(state, first?.ref ?? '', { status: 'running', attempt: 2 });
  return encodeState(second ? setEffect(running, second.ref, { status: 'delegated' }) : running);
}

const estate = (snapshot: string) => ({ version: 1, snapshot });

test('what fits goes on with everything it had, to the letter', () => {
  const text = left();
  const heir = heirOf(trip(), 2);
  expect(encodeState(takenOver(estate(text), heir))).toBe(text);
});

test('migrate() sees plain data, and what it keeps is kept as it was', () => {
  const seen: unknown[] = [];
  const text = left();
  const heir = heirOf(trip(), 2, (old) => {
    seen.push(old);
    return { snapshot: old.snapshot };
  });
  expect(encodeState(takenOver(estate(text), heir))).toBe(text);
  expect(seen).toMatchObject([
    {
      version: 1,
      snapshot: { value: 'home', context: { since: new Date(NOW), notes: [] } },
      timers: [
        { event: { type: 'xstate.after.1000.trip.home' }, dueAt: NOW + 1000 },
        { event: { type: 'xstate.after.500.packing.open' }, dueAt: NOW + 500 },
      ],
      children: [
        { id: 'booking', src: 'book', snapshot: { status: 'active' } },
        { id: 'insurance', src: 'insure' },
        { id: 'bag', src: 'packing', snapshot: { status: 'active', value: 'open' } },
      ],
    },
  ]);
});

test('timers are changed, left out and added, and leaving the state takes them back', () => {
  const heir = heirOf(trip({ after: { 2000: 'away', 9000: 'away' } }), 2, ({ snapshot, timers }) => ({
    snapshot,
    timers: [
      ...timers
        .filter(({ event }) => event.type.includes('trip'))
        .map((timer) => ({ ...timer, event: { type: 'xstate.after.2000.trip.home' } })),
      { id: 'new', event: { type: 'xstate.after.9000.trip.home' }, dueAt: NOW + 9000 },
    ],
  }));
  const state = takenOver(estate(left()), heir);
  expect(state.timers).toMatchObject([
    { event: { type: 'xstate.after.2000.trip.home' }, dueAt: NOW + 1000 },
    { event: { type: 'xstate.after.9000.trip.home' }, dueAt: NOW + 9000 },
  ]);
  const [first, second] = state.timers;
  const gone = fireTimer(heir.prepared, state, { id: 'a-1', now: NOW + 9000, timer: second?.id ?? '' });
  expect([gone.value, gone.state.timers]).toEqual(['away', []]);
  expect(first?.id).not.toBe(second?.id);
});

test('children that are left out end, with what they had planned; the others go on', () => {
  const heir = heirOf(trip({}, { moved: { on: { GO: 'away' } } }), 2, ({ snapshot, timers, children }) => ({
    snapshot: { ...(snapshot as object), value: 'moved' },
    timers: timers.filter(({ event }) => !event.type.includes('trip')),
    children: children.filter(({ id }) => id === 'insurance'),
  }));
  const state = takenOver(estate(left()), heir);
  expect(state.effects.map(({ name, status }) => [name, status])).toEqual([['insurance', 'delegated']]);
  expect([...state.records.keys()]).toHaveLength(2);
  // That of the bag went with it.
  expect(state.timers).toEqual([]);
  expect(deliver(heir.prepared, state, { id: 'a-1', now: NOW, event: { type: 'GO' } }).value).toBe('away');
});

test('history is handed over by the ids of states', () => {
  const states = (name: string) => ({
    day: {
      initial: 'one',
      states: { one: { on: { GO: name } }, [name]: {}, memory: { type: 'history' } },
      on: { PAUSE: 'night' },
    },
    night: { on: { RESUME: 'day.memory' } },
  });
  const machine = (name: string) =>
    base.createMachine({
      id: 'trip',
      context: { since: new Date(NOW), notes: [] },
      initial: 'day',
      states: states(name),
    } as never);
  const { prepared } = heirOf(machine('two'), 1);
  const moment = { id: 'a-1', now: NOW };
  let { state } = init(prepared, { ...moment, input: undefined });
  for (const type of ['GO', 'PAUSE']) ({ state } = deliver(prepared, state, { ...moment, event: { type } }));
  const text = encodeState(state);
  expect(() => takenOver(estate(text), heirOf(machine('zwei'), 2))).toThrow(/names state '#trip\.day\.two'/);
  const heir = heirOf(machine('zwei'), 2, ({ snapshot }) => {
    const { historyValue, ...rest } = snapshot as { historyValue: Record<string, string[]> };
    const renamed = Object.entries(historyValue).map(([id, ids]) => [
      id,
      ids.map((each) => each.replace('two', 'zwei')),
    ]);
    return { snapshot: { ...rest, historyValue: Object.fromEntries(renamed) as unknown } };
  });
  const resumed = deliver(heir.prepared, takenOver(estate(text), heir), { ...moment, event: { type: 'RESUME' } });
  expect(resumed.value).toEqual({ day: 'zwei' });
});

describe('is refused, with the reason', () => {
  const poor = setup({ actors: { packing } }).createMachine({
    id: 'trip',
    initial: 'home',
    states: { home: { on: { GO: 'away' }, after: { 1000: 'away' } }, away: {} },
  });
  const more = [
    { id: 'bag', src: 'packing' },
    { id: 'extra', src: 'watch' },
  ];
  test.each<[string, unknown, RegExp]>([
    [
      'a state that is gone',
      base.createMachine({ id: 'trip', initial: 'away', states: { away: {} } } as never),
      /home/,
    ],
    ['a child whose logic is gone', poor, /no actor logic 'book', which child 'booking' needs/],
    ['a compound state where it was atomic', trip({ initial: 'x', states: { x: {} } }), /is not complete/],
    ['what it would have to have invoked', trip({ invoke: more }), /'extra', which was never started/],
    ['a timer nothing handles', trip({ after: { 2000: 'away' } }), /pending timer 'xstate.after.1000.trip.home'/],
  ])('%s', (_, machine, reason) => {
    expect(() => takenOver(estate(left()), heirOf(machine, 2))).toThrow(reason);
  });

  test('what another actor does, and is to be done here now', () => {
    const own = trip().provide({ actors: { insure: fromPromise(async () => 'insured') as never } });
    expect(() => takenOver(estate(left()), heirOf(own, 2))).toThrow(/child 'insurance' is done by an actor of its own/);
  });

  test('what migrate() gives, where it makes no sense', () => {
    const gives =
      (outcome: object): Migrate =>
      () => ({ snapshot: { value: 'home', context: {} }, ...outcome });
    const refusal = (migrate: Migrate) => () => takenOver(estate(left()), heirOf(trip(), 2, migrate));
    expect(refusal(gives({ children: [{ id: 'nobody' }] }))).toThrow(/no child 'nobody'/);
    expect(refusal(gives({ timers: [{ id: '1', dueAt: 1 }] }))).toThrow(/timers\[0\] needs an event/);
    expect(refusal(gives({ timers: [{ id: '1', event: { type: 'x' }, dueAt: Number.NaN }] }))).toThrow(/dueAt/);
    expect(refusal((() => undefined) as never)).toThrow(/must return/);
    expect(refusal(() => ({ snapshot: {} }))).toThrow(/must return/);
    expect(refusal(() => ({ snapshot: { value: 'nowhere', context: {} } }))).toThrow(/nowhere/);
    expect(refusal(() => ({ snapshot: { value: 'home', context: { f: () => 1 } } }))).toThrow(
      /a function cannot be stored/,
    );
  });
});

test('a migration that is not pure is found by taking it twice', () => {
  let count = 0;
  const heir = (next: () => number) =>
    heirOf(trip(), 2, ({ snapshot }) => ({ snapshot: { ...(snapshot as object), context: { next: next() } } }));
  expect(
    unsteady(
      estate(left()),
      heir(() => 1),
    ),
  ).toBeNull();
  expect(
    unsteady(
      estate(left()),
      heir(() => ++count),
    ),
  ).toMatch(/does not give the same twice/);
  const { value } = described(
    heir(() => 1).prepared,
    takenOver(
      estate(left()),
      heir(() => 1),
    ),
  );
  expect(value).toBe('home');
});
