/** What is told of a statechart from its structure, with a machine that has it and one that has not for each. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, fromPromise, raise, setup } from 'xstate';
import examples from '../../../examples/carillon.config.ts';
import { internalsOf } from '../../../src/definitions.ts';
import { prepare } from '../../../src/interpreter/index.ts';

const base = setup({
  actors: { call: fromPromise(async () => 1) },
  guards: { enough: () => true, open: () => true },
});

function findings(config: object): readonly string[] {
  const machine = base.createMachine(config) as unknown as AnyStateMachine;
  return prepare(machine, { name: 'm', version: 1, standard: false }).findings;
}

const end = { type: 'final' } as const;
const cases: readonly (readonly [what: string, bad: object, finding: string, good: object])[] = [
  [
    'a state no transition leads to',
    { initial: 'a', states: { a: { after: { 9: 'end' } }, lost: { initial: 'x', states: { x: {} } }, end } },
    "state 'lost' can never be entered",
    {
      initial: 'a',
      states: {
        a: { after: { 9: 'b.memory' } },
        b: {
          initial: 'x',
          states: { x: {}, memory: { type: 'history', target: 'y' }, y: { after: { 5: 'x' } } },
          after: { 9: 'end' },
        },
        end,
      },
    },
  ],
  [
    'a state nothing leads out of',
    { initial: 'a', states: { a: { after: { 9: 'stuck' } }, stuck: {} } },
    "state 'stuck' can never be left",
    { initial: 'a', after: { 99: '.end' }, states: { a: { after: { 9: 'rest' } }, rest: {}, end } },
  ],
  [
    'waiting for somebody without a timeout',
    {
      initial: 'a',
      states: { a: { initial: 'x', states: { x: { on: { GO: '#m.end' } } }, on: { STOP: 'end' } }, end },
      id: 'm',
    },
    "state 'a.x' waits for GO, STOP without a timeout",
    {
      initial: 'a',
      states: { a: { initial: 'x', states: { x: { on: { GO: '#m.end' } } }, after: { 9: 'end' } }, end },
      id: 'm',
    },
  ],
  [
    'a failure that leads back to the attempt for ever',
    {
      initial: 'a',
      states: { a: { invoke: { src: 'call', onDone: 'end', onError: 'rest' } }, rest: { after: { 9: 'a' } }, end },
    },
    "state 'a' is tried again for ever: the failure of '0.m.a' leads back to it through 'rest'",
    {
      initial: 'a',
      states: {
        a: {
          invoke: { src: 'call', onDone: 'end', onError: [{ guard: 'enough', target: 'end' }, { target: 'rest' }] },
        },
        rest: { after: { 9: 'a' } },
        end,
      },
    },
  ],
  [
    'an attempt that begins again at once',
    {
      initial: 'a',
      states: { a: { invoke: { id: 'it', src: 'call', onDone: 'end', onError: { target: 'a', reenter: true } } }, end },
    },
    "the failure of 'it' leads back to it, and",
    {
      initial: 'a',
      after: { 99: '.end' },
      states: { a: { invoke: { src: 'call', onDone: 'end', onError: { target: 'a', reenter: true } } }, end },
    },
  ],
  [
    'an event the machine says to itself and no state handles',
    { initial: 'a', states: { a: { entry: raise({ type: 'order.GONE' }), after: { 9: 'end' } }, end } },
    "state 'a' raises 'order.GONE', which no state handles",
    {
      initial: 'a',
      on: { 'order.*': '.end' },
      states: { a: { entry: raise({ type: 'order.GONE' }), after: { 9: 'end' } }, end },
    },
  ],
  [
    'a transition behind one without a guard',
    {
      initial: 'a',
      states: { a: { on: { GO: [{ target: 'end' }, { guard: 'open', target: 'a' }] }, after: { 9: 'end' } }, end },
    },
    "state 'a': the transition on 'GO' after the one without a guard can never be taken",
    {
      initial: 'a',
      states: { a: { on: { GO: [{ guard: 'open', target: 'a' }, { target: 'end' }] }, after: { 9: 'end' } }, end },
    },
  ],
  [
    'an always behind one without a guard',
    {
      initial: 'a',
      states: { a: { always: [{ target: 'end' }, { guard: 'open', target: 'a' }, { target: 'a' }] }, end },
    },
    "state 'a': 2 transitions on 'always' after",
    { initial: 'a', states: { a: { always: [{ guard: 'open', target: 'end' }], after: { 9: 'end' } }, end } },
  ],
];

describe('a statechart is told of', () => {
  test.each(cases)('%s', (_, bad, finding, good) => {
    const found = findings({ id: 'm', ...bad });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(finding);
    expect(findings({ id: 'm', ...good })).toEqual([]);
  });

  test('a failure that leads back for as long as a guard says so is bounded, whichever of the two comes first', () => {
    const rest = { after: { 9: 'a' } };
    for (const onError of [
      [{ guard: 'open', target: 'rest' }, { target: 'end' }],
      [{ guard: 'enough', target: 'end' }, { target: 'rest' }],
    ]) {
      const a = { invoke: { src: 'call', onDone: 'end', onError } };
      expect(findings({ id: 'm', initial: 'a', states: { a, rest, end } })).toEqual([]);
    }
  });

  test('regions of a parallel state, of which another one moves them on, say nothing', () => {
    const regions = {
      left: { initial: 'a', states: { a: { on: { L: 'b' } }, b: {} } },
      right: { initial: 'c', states: { c: { after: { 9: 'd' } }, d: { type: 'final' } } },
    };
    expect(findings({ id: 'm', type: 'parallel', states: regions })).toEqual([]);
  });

  test('a machine that is invoked by another one is told of by its key, and may wait', () => {
    const inner = setup({}).createMachine({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: end, lost: {} } });
    const outer = setup({ actors: { inner } }).createMachine({
      initial: 'a',
      states: { a: { invoke: { src: 'inner', onDone: 'b' }, after: { 9: 'b' } }, b: end },
    }) as unknown as AnyStateMachine;
    const { findings: found } = prepare(outer, { name: 'm', version: 1, standard: false });
    expect(found).toEqual(["machine 'inner': state 'lost' can never be entered: no transition leads there"]);
  });
});

describe('nothing is told of', () => {
  test.each(examples.definitions.map((definition) => [definition.name, definition] as const))(
    'the example %s',
    (_, definition) => {
      const { name, version, standard, machine } = internalsOf(definition);
      expect(prepare(machine, { name, version, standard }).findings).toEqual([]);
    },
  );

  test('the machines of the README', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const [, config] = /const approvalMachine = setup\({.*?}\)\.createMachine\(({.*?\n})\);/s.exec(readme) ?? [];
    const actors = { pay: fromPromise(async () => 'paid') };
    const machine = setup({ actors }).createMachine(JSON.parse(asJson(config ?? '')) as never);
    expect(prepare(machine as unknown as AnyStateMachine, { name: 'm', version: 1, standard: false }).findings).toEqual(
      [],
    );
  });
});

/** The literal of a configuration, which holds nothing but data. */
function asJson(literal: string): string {
  return literal
    .replaceAll(/\/\/.*$/gm, '')
    .replaceAll(/([{,]\s*)([\w_]+):/g, (_, before: string, key: string) => `${before}"${key.replaceAll('_', '')}":`)
    .replaceAll("'", '"')
    .replaceAll(/,(\s*})/g, '$1');
}
