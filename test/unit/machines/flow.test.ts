import { describe, expect, test } from 'vitest';
import type { FlowOutput } from '../../../machines/flow.ts';
import { ended, FLOW_ID, FlowLife } from './flow-life.ts';

const order = { charge: [], reserve: [], ship: ['charge', 'reserve'], thank: ['ship'] };

describe('children start', () => {
  test('with the flow where they come after nobody, and else in the very step in which their last predecessor is done', () => {
    const flow = new FlowLife(order);
    expect([flow.state, flow.started, flow.children]).toEqual(['running', ['charge', 'reserve'], '>>..']);
    flow.done('reserve');
    expect([flow.started, flow.children]).toEqual([['charge', 'reserve'], '>+..']);
    flow.done('charge');
    expect([flow.started.at(-1), flow.children]).toEqual(['ship', '++>.']);
  });

  test('all at once where many come after one', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`n${n}`, ['first']]));
    expect(new FlowLife({ first: [], ...many }).done('first').started).toHaveLength(51);
  });

  test('not before the flow is due, and then with it', () => {
    const flow = new FlowLife(order, { dueAt: 1000 });
    expect([flow.state, flow.started]).toEqual(['scheduled', []]);
    expect(flow.send({ type: 'job.reschedule', to: 5000 }).snapshot.context.dueAt).toBe(5000);
    expect(flow.send({ type: 'job.runNow' }).state).toBe('running');
    expect(flow.started).toEqual(['charge', 'reserve']);
  });

  test('once, however often their predecessors are said to be done', () => {
    const flow = new FlowLife(order).done('charge', 'reserve', 'charge', 'reserve', 'nobody');
    expect(flow.started).toEqual(['charge', 'reserve', 'ship']);
  });
});

describe('the state of a flow follows from its children', () => {
  test('one recovering child makes it recovering, all of them do, and none any more makes it running', () => {
    const flow = new FlowLife(order).send({ type: 'child.recovering', key: 'charge' });
    expect(flow.state).toBe('recovering');
    expect(flow.send({ type: 'child.recovering', key: 'reserve' }).state).toBe('recovering');
    expect(flow.send({ type: 'child.resumed', key: 'charge' }).state).toBe('recovering');
    expect(flow.send({ type: 'child.resumed', key: 'reserve' }).state).toBe('running');
  });

  test('recovering is no end: it has no record, and what recovers goes on as if nothing had been', () => {
    const flow = new FlowLife(order).send({ type: 'child.recovering', key: 'charge' });
    expect([flow.snapshot.status, flow.record]).toEqual(['active', undefined]);
    flow.done('reserve', 'charge');
    expect([flow.state, flow.children]).toEqual(['running', '++>.']);
    flow.done('ship', 'thank');
    expect(flow.snapshot.context).toMatchObject({ children: '++++', cause: null, cancelled: null });
    expect(flow.record?.error).toBeUndefined();
  });

  test('one dropped child beats recovering ones, which beat a cancelled one, which beats all done', () => {
    const edges = { a: [], b: [], c: [], d: [] };
    const flow = new FlowLife(edges, { onDrop: 'continue' }).done('a').send(ended('b', 'cancelled'));
    expect(flow.state).toBe('running');
    expect(flow.send({ type: 'child.recovering', key: 'c' }).state).toBe('recovering');
    expect(flow.send(ended('d', 'failed_dropped')).state).toBe('failing');
    expect(flow.send({ type: 'child.resumed', key: 'c' }).state).toBe('failing');
    expect(flow.done('c').record).toMatchObject({ status: 'failed_dropped', reason: 'child_dropped' });
    const calm = new FlowLife(edges).done('a', 'd').send({ type: 'child.recovering', key: 'c' });
    expect(calm.send(ended('b', 'cancelled')).state).toBe('recovering');
    expect(calm.done('c').record).toMatchObject({ status: 'cancelled', reason: 'child_cancelled' });
  });

  test('all done is its success, with the ids of its children', () => {
    const flow = new FlowLife({ a: [], b: ['a'] });
    flow.now = 70;
    const { record } = flow.done('a', 'b');
    expect(record).toMatchObject({ status: 'success', attempts: 1, startedAt: 0 });
    const children = (record?.output as FlowOutput | undefined)?.children ?? {};
    expect(Object.keys(children)).toEqual(['a', 'b']);
    expect(children['a']).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'success' });
    expect(children['a']?.id).not.toBe(children['b']?.id);
    expect(children['a']?.id).not.toBe(FLOW_ID);
  });
});

describe('a dropped child', () => {
  test('drops the flow at once: what runs or recovers is told to end, what waits never starts', () => {
    const flow = new FlowLife({ a: [], b: [], c: [], d: ['a'] }).send({ type: 'child.recovering', key: 'c' });
    flow.send(ended('b', 'failed_dropped'));
    expect(flow.toldToEnd).toEqual(['a', 'c']);
    expect(flow.commands.at(-1)).toMatchObject({ reason: 'flow_dropped' });
    // Nothing is left behind as recovering or started in what the flow remembers.
    expect([flow.state, flow.children, flow.started]).toEqual(['dropped', 'x!x-', ['a', 'b', 'c']]);
  });

  test('is named in the error of the flow, with its own error', () => {
    const error = { name: 'CardError', message: 'declined', code: 'E_CARD' };
    const { record } = new FlowLife(order).send(ended('charge', 'failed_dropped', { reason: 'card_declined', error }));
    expect(record?.error).toEqual({ ...error, message: "Child 'charge' was dropped: declined" });
    const expired = new FlowLife(order).send(ended('charge', 'expired', { reason: 'deadline' })).record;
    expect(expired).toMatchObject({ status: 'failed_dropped', reason: 'child_dropped' });
    expect(expired?.error?.message).toBe("Child 'charge' was dropped: deadline.");
  });

  test('lets the others go on where it is asked to, but nothing that comes after it, however far', () => {
    const edges = { a: [], b: ['a'], c: ['b'], x: [], y: ['x'], z: ['y', 'b'] };
    const flow = new FlowLife(edges, { onDrop: 'continue' }).send(ended('a', 'failed_dropped'));
    expect([flow.state, flow.children, flow.toldToEnd]).toEqual(['failing', '!-->.-', []]);
    flow.done('x');
    expect(flow.started).toEqual(['a', 'x', 'y']);
    expect(flow.send(ended('y', 'failed_dropped')).record?.error?.message).toContain("'a'");
    expect(flow.children).toBe('!--+!-');
  });
});

describe('cancelling', () => {
  test('the flow tells what has started, and keeps the reason', () => {
    const flow = new FlowLife(order).done('charge').send({ type: 'job.cancel', reason: 'changed my mind' });
    expect(flow.record).toMatchObject({ status: 'cancelled', reason: 'changed my mind', attempts: 1 });
    expect(flow.commands.at(-1)).toEqual({ type: 'child.cancel', key: 'reserve', reason: 'flow_cancelled' });
    expect(flow.children).toBe('+x--');
    const early = new FlowLife(order, { dueAt: 9 }).send({ type: 'job.cancel', reason: 7 });
    expect(early.record).toMatchObject({ status: 'cancelled', reason: 'cancelled', attempts: 0, startedAt: null });
    expect(early.commands).toEqual([]);
  });

  test('one child skips what comes after it, and the flow is cancelled once the others are through', () => {
    const flow = new FlowLife({ a: [], b: ['a'], x: [], y: ['x'] }).send(ended('a', 'cancelled', { reason: 'no' }));
    expect([flow.state, flow.children]).toEqual(['running', 'x->.']);
    expect(flow.done('x', 'y').record).toMatchObject({ status: 'cancelled', reason: 'child_cancelled' });
  });

  test('what already fails does not hide the failure', () => {
    const flow = new FlowLife({ a: [], b: [] }, { onDrop: 'continue' }).send(ended('a', 'failed_dropped'));
    flow.send({ type: 'job.cancel' });
    expect(flow.record).toMatchObject({ status: 'failed_dropped', reason: 'child_dropped' });
    expect(flow.toldToEnd).toEqual(['b']);
  });
});

test('running it now, while it recovers, hurries those children that recover', () => {
  const flow = new FlowLife({ a: [], b: [] }).send({ type: 'child.recovering', key: 'b' }).send({ type: 'job.runNow' });
  expect(flow.commands.slice(2)).toEqual([{ type: 'child.runNow', key: 'b' }]);
});

test('a flow goes on after it was stored and loaded in any of its states', () => {
  const flow = new FlowLife(order, { dueAt: 10, onDrop: 'continue' })
    .restored()
    .send({ type: 'job.runNow' })
    .restored();
  flow.send({ type: 'child.recovering', key: 'charge' }).restored().send(ended('charge', 'failed_dropped')).restored();
  expect(flow.done('reserve').record).toMatchObject({ status: 'failed_dropped', reason: 'child_dropped' });
});
