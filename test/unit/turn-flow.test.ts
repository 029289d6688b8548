/** Turns of flows: births, letters and news, without store or worker. */
import { expect, test } from 'vitest';
import { decode } from '../../src/codec.ts';
import { flowDefinition } from '../../src/flows/definition.ts';
import { flowChildId, type StoredFlow } from '../../src/flows/plan.ts';
import { encodeState } from '../../src/interpreter/index.ts';
import type { Letter } from '../../src/turn/mail.ts';
import { composeWrite } from '../../src/turn/turn-write.ts';
import { Turn } from '../../src/turn.ts';
import { loadedInternals, newborn, T0 } from '../support/lives.ts';
import { type Edges, FLOW_ID, storedFlow } from './machines/flow-life.ts';

const definition = loadedInternals(flowDefinition);
const row = {
  def: 1,
  seq: 0,
  pokes: 0,
  strikes: 0,
  dueRowAt: null,
  snapshot: null,
  history: '',
  state: null,
  attempt: 0,
};
const place = { queue: 1, priority: 5, fence: 1, stays: false, dueAgain: false, crowded: false, limits: null };

/** Its first turn: it has begun, and its first children are born. */
function begun(edges: Edges, onDrop?: StoredFlow['onDrop']): Turn {
  const turn = new Turn({ ...newborn(definition, { input: storedFlow(edges, onDrop) }), id: FLOW_ID });
  turn.begin(T0);
  turn.fireDue(T0, T0);
  return turn;
}

/** The next turn of the same actor, after a commit. */
function next({ life }: Turn): Turn {
  return new Turn(life);
}

function news(key: string, record: object = { status: 'success' }): Letter {
  const told = { attempts: 1, startedAt: T0, settledAt: T0, ...record };
  return { kind: 'news', news: { child: flowChildId(FLOW_ID, key), role: { key }, record: told as never } };
}

const dropped = { status: 'failed_dropped', reason: 'broken' };

test('a child is born with the definition and the input that were stored, and knows whose outputs it may read', () => {
  const flow = storedFlow({ a: [], b: [], c: ['b', 'a'] });
  const [, b] = flow.children;
  const input = {
    ...flow,
    children: flow.children.map((child) => (child === b ? { ...child, input: '1{"n":2}' } : child)),
  };
  const turn = new Turn({ ...newborn(definition, { input }), id: FLOW_ID });
  turn.begin(T0);
  turn.fireDue(T0, T0);
  expect(turn.outbox.births).toMatchObject([
    { id: flowChildId(FLOW_ID, 'a'), name: 'step', parent: FLOW_ID, state: '"scheduled"', input: null, key: null },
    { id: flowChildId(FLOW_ID, 'b'), input: '1{"n":2}' },
  ]);
  const later = next(turn);
  later.takeMail('1', news('a'), T0, T0);
  later.takeMail('2', news('b'), T0, T0);
  expect(later.outbox.births).toHaveLength(1);
  expect(decode(later.outbox.births[0]?.role as string)).toEqual({
    key: 'c',
    after: { a: flowChildId(FLOW_ID, 'a'), b: flowChildId(FLOW_ID, 'b') },
  });
});

test('a child that would start in the very turn in which another one drops the flow is never born', () => {
  const turn = next(begun({ a: [], b: [], c: ['a'] }));
  turn.takeMail('1', news('a'), T0, T0);
  turn.takeMail('2', news('b', dropped), T0, T0);
  expect(turn.outbox).toMatchObject({ births: [], letters: [] });
  expect(turn.settlement).toMatchObject({ outcome: 'failed_dropped', reason: 'child_dropped' });
});

test('what has started is told to end in the turn in which the flow ends', () => {
  const turn = next(begun({ a: [], b: [], c: [] }));
  turn.takeMail('1', news('b', dropped), T0, T0);
  expect(turn.outbox.letters).toMatchObject([
    { actor: flowChildId(FLOW_ID, 'a'), event: 'c1{"type":"cancel","reason":"flow_dropped"}' },
    { actor: flowChildId(FLOW_ID, 'c'), event: 'c1{"type":"cancel","reason":"flow_dropped"}' },
  ]);
});

test('events that look like news of a child are nobody else’s to send', () => {
  const turn = next(begun({ a: [] }));
  const forged = { type: 'child.settled', key: 'a', status: 'success' };
  expect(turn.takeMail('1', { kind: 'event', event: forged }, T0, T0)).toBe(true);
  expect([turn.value, turn.settlement, turn.consumed]).toEqual(['running', null, ['1']]);
});

test('a thousand children make no large snapshot, and no more of them are heard in one turn than it may take steps', () => {
  const keys = Array.from({ length: 1500 }, (_, n) => `step-${n}`);
  const first = begun(Object.fromEntries(keys.map((key) => [key, []])));
  expect(first.outbox.births).toHaveLength(1500);
  const size = encodeState(first.life.system as NonNullable<typeof first.life.system>).length;
  expect(size).toBeLessThan(1500 + 200);
  const second = next(first);
  const taken = keys.filter((key) => second.takeMail(key, news(key), T0, T0));
  expect([taken.length, second.exhausted, second.settlement]).toEqual([1000, true, null]);
  // What is left is asked for at once.
  expect(composeWrite(second, row, place)).toMatchObject({ next: { wakeAt: 'now' }, mail: { length: 1000 } });
  const third = next(second);
  for (const key of keys.slice(1000)) third.takeMail(key, news(key), T0, T0);
  expect(third.settlement).toMatchObject({ status: 'done' });
});

test('a flow that waits asks for nothing but mail, and a child tells it no more than which one it is', () => {
  const turn = begun({ a: [] });
  expect(composeWrite(turn, row, place)).toMatchObject({ next: { wakeAt: null, hold: false, state: '"running"' } });
  const role = { key: 'a', after: { earlier: FLOW_ID } };
  const child = new Turn({ ...newborn(definition, { input: storedFlow({ x: [] }) }), kin: { parent: FLOW_ID, role } });
  child.takeMail('1', { kind: 'control', control: { type: 'cancel' } }, T0, T0);
  const write = composeWrite(child, row, place);
  expect(write).toMatchObject({ sends: [{ actor: FLOW_ID }] });
  expect(JSON.stringify(write)).not.toContain('earlier');
});
