/** Flows: children that start when those they come after are done, on a real Postgres. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { DropError, defineActor, defineJob, type FlowOptions } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { broken, childrenOf, patientJob, running, soon, sum } from '../../support/flows.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

/** Nothing is left that somebody would have to look at: no mail, no due row, and the audit has nothing to say. */
async function expectNothingPending(): Promise<void> {
  const pool = schedulers.database.pool();
  await waitUntil(
    async () => {
      const left = 'select (select count(*) from carillon.mailbox) + (select count(*) from carillon.due) as left';
      return (await pool.query<{ left: string }>(left)).rows[0]?.left === '0';
    },
    { what: 'an empty mailbox and nothing due' },
  );
}

test('children start after those they come after, with their outputs at hand, and the flow names them all', async () => {
  const seen: unknown[] = [];
  const look = defineJob({ name: 'look', run: ({ outputs }) => void seen.push({ ...outputs }) });
  const scheduler = await schedulers.open({ definitions: [sum, look] });
  const flow = await scheduler.scheduleFlow({
    name: 'adding',
    children: [
      { key: 'last', job: look, after: ['both', 'silent'] },
      { key: 'both', job: 'sum', input: { n: 100 }, after: ['one', 'two'] },
      { key: 'one', job: sum, input: { n: 1 } },
      { key: 'two', job: sum, input: { n: 2 } },
      { key: 'silent', job: look },
    ],
    labels: ['mine'],
  });
  expect(flow.outcome).toBe('scheduled');
  const record = await flow.result(soon);
  const children = await childrenOf(scheduler, flow);
  expect(record).toMatchObject({ status: 'success', attempts: 1 });
  expect(record.output).toEqual({
    children: Object.fromEntries(
      ['last', 'both', 'one', 'two', 'silent'].map((key) => [key, { id: children[key]?.id, status: 'success' }]),
    ),
  });
  expect(children['both']?.record?.output).toBe(103);
  // One that gave nothing is there with undefined, like one whose record is gone.
  expect(seen).toEqual([{}, { both: 103, silent: undefined }]);
  expect(await scheduler.get(flow.id)).toMatchObject({
    name: 'carillon.flow',
    queue: 'carillon',
    labels: ['flow:adding', 'mine'],
    context: { children: '+++++' },
  });
  expect((await scheduler.list({ label: 'flow:adding' })).items).toHaveLength(1);
  await expectNothingPending();
});

test('an output whose record has been pruned is undefined', async () => {
  const { patient, hold } = patientJob();
  const seen = deferred<unknown>();
  const look = defineJob({ name: 'look', run: ({ outputs }) => seen.resolve({ ...outputs }) });
  const scheduler = await schedulers.open({ definitions: [sum, patient, look] });
  const flow = await scheduler.scheduleFlow({
    name: 'long',
    children: [
      { key: 'old', job: sum, input: { n: 1 } },
      { key: 'slow', job: patient, after: ['old'] },
      { key: 'end', job: look, after: ['slow', 'old'] },
    ],
  });
  await running(scheduler, flow, 'slow');
  const { old } = await childrenOf(scheduler, flow);
  await schedulers.database.pool().query('delete from carillon.settled where id = $1', [old?.id]);
  hold.resolve();
  expect(await seen.promise).toEqual({ slow: undefined, old: undefined });
  expect(await flow.result(soon)).toMatchObject({ status: 'success' });
});

describe('a dropped child', () => {
  test('drops the flow with its error, ends what runs, and keeps what waits from starting', async () => {
    const { patient } = patientJob();
    const gate = deferred();
    const failing = defineJob({
      name: 'failing',
      async run() {
        await gate.promise;
        throw new DropError('no stock', { reason: 'out_of_stock' });
      },
    });
    const scheduler = await schedulers.open({ definitions: [failing, patient, sum] });
    const flow = await scheduler.scheduleFlow({
      name: 'order',
      children: [
        { key: 'reserve', job: failing },
        { key: 'pack', job: patient },
        { key: 'ship', job: sum, input: { n: 1 }, after: ['pack'] },
      ],
    });
    await running(scheduler, flow, 'pack');
    gate.resolve();
    const record = await flow.result(soon);
    expect(record).toMatchObject({
      status: 'failed_dropped',
      reason: 'child_dropped',
      error: { name: 'DropError', message: "Child 'reserve' was dropped: no stock" },
    });
    const { pack, ...others } = await childrenOf(scheduler, flow);
    expect(Object.keys(others)).toEqual(['reserve']);
    expect(await scheduler.getHandle(pack?.id ?? '').result(soon)).toMatchObject({
      status: 'cancelled',
      reason: 'flow_dropped',
    });
    // What it told its parent, which had settled, has gone with it.
    await expectNothingPending();
  });

  test('lets independent ones go on where the flow is to continue, and the flow is dropped when they are through', async () => {
    const { patient, hold } = patientJob();
    const scheduler = await schedulers.open({ definitions: [broken, patient, sum] });
    const flow = await scheduler.scheduleFlow({
      name: 'order',
      onDrop: 'continue',
      children: [
        { key: 'reserve', job: broken },
        { key: 'ship', job: sum, input: { n: 1 }, after: ['reserve'] },
        { key: 'bill', job: patient },
        { key: 'thank', job: sum, input: { n: 1 }, after: ['bill'] },
      ],
    });
    await scheduler.waitFor(flow.id, { state: 'failing', ...soon });
    expect(await scheduler.get(flow.id)).toMatchObject({ status: 'active', context: { cause: { key: 'reserve' } } });
    hold.resolve();
    expect(await flow.result(soon)).toMatchObject({ status: 'failed_dropped', reason: 'child_dropped' });
    const children = await childrenOf(scheduler, flow);
    expect(Object.keys(children).sort()).toEqual(['bill', 'reserve', 'thank']);
    expect(children['thank']?.status).toBe('done');
    await expectNothingPending();
  });
});

test('a machine of one’s own is a child like any other', async () => {
  const approval = defineActor({
    name: 'approval',
    machine: setup({ types: { events: {} as { type: 'approve' } | { type: 'reject' } } }).createMachine({
      initial: 'waiting',
      states: {
        waiting: { on: { approve: 'approved', reject: 'rejected' } },
        approved: { type: 'final' },
        rejected: { type: 'final', tags: 'dropped', output: { reason: 'rejected' } },
      },
      output: ({ event }) => event.output ?? 'approved',
    }),
  });
  const scheduler = await schedulers.open({ definitions: [approval, sum] });
  const children: FlowOptions['children'] = [
    { key: 'approve', job: approval },
    { key: 'act', job: sum, input: { n: 1 }, after: ['approve'] },
  ];
  const answers = ['approve', 'reject'] as const;
  const flows = await Promise.all(answers.map(() => scheduler.scheduleFlow({ name: 'asking', children })));
  for (const [index, flow] of flows.entries()) {
    const { id } = await waitUntil(async () => (await childrenOf(scheduler, flow))['approve']);
    await scheduler.send(id, { type: answers[index] as string });
  }
  expect(await flows[0]?.result(soon)).toMatchObject({ status: 'success' });
  const record = await flows[1]?.result(soon);
  expect(record).toMatchObject({
    status: 'failed_dropped',
    error: { message: "Child 'approve' was dropped: rejected." },
  });
});

test('a worker that takes over starts nothing again that was done', async () => {
  const starts: string[] = [];
  const { patient, hold } = patientJob();
  const note = defineJob({ name: 'note', run: ({ id }) => void starts.push(id) });
  const definitions = [note, patient];
  const first = await schedulers.open({ definitions });
  const flow = await first.scheduleFlow({
    name: 'moved',
    children: [
      { key: 'a', job: note },
      { key: 'b', job: patient, after: ['a'] },
      { key: 'c', job: note, after: ['b'] },
    ],
  });
  await running(first, flow, 'b');
  await first.stop({ timeout: 0 });
  const second = await schedulers.open({ definitions });
  hold.resolve();
  expect(await second.getHandle(flow.id).result(soon)).toMatchObject({ status: 'success' });
  expect(new Set(starts).size).toBe(2);
  expect(starts).toHaveLength(2);
});
