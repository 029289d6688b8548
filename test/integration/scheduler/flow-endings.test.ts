/** Flows whose children recover, and flows that are cancelled, on a real Postgres. */
import { describe, expect, test } from 'vitest';
import { defineJob } from '../../../src/index.ts';
import { childrenOf, patientJob, running, soon, sum } from '../../support/flows.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();

describe('a recovering child', () => {
  test('makes the flow recovering, which is no end; what recovers is done in the end, and no error is kept', async () => {
    const effects: string[] = [];
    const shaky = defineJob({
      name: 'shaky',
      retry: { maxRetries: 0 },
      recovery: { every: '1h' },
      run({ attempt, id }) {
        if (attempt === 1) throw new Error('not yet');
        effects.push(id);
      },
    });
    const scheduler = await schedulers.open({ definitions: [shaky, sum] });
    const flow = await scheduler.scheduleFlow({
      name: 'shaky',
      children: [
        { key: 'a', job: shaky },
        { key: 'b', job: sum, input: { n: 1 }, after: ['a'] },
      ],
    });
    await scheduler.waitFor(flow.id, { state: 'recovering', ...soon });
    const view = await scheduler.get(flow.id);
    expect(view).toMatchObject({ status: 'active', state: 'recovering' });
    expect([view?.record, view?.settledAt]).toEqual([undefined, undefined]);
    expect((await scheduler.explain(flow.id)).waitingFor.slice(0, 2)).toEqual([
      { for: 'child', detail: '1 of 2 out of quick retries: a' },
      { for: 'child', detail: '1 of 2 to come after others: b' },
    ]);
    // The wait of an hour is over when somebody says so, to the flow as to the child itself.
    await scheduler.runNow(flow.id);
    const record = await flow.result(soon);
    expect(record).toMatchObject({ status: 'success' });
    expect(record.error).toBeUndefined();
    expect((await scheduler.get(flow.id))?.context).toMatchObject({ children: '++', cause: null });
    expect(effects).toEqual([(await childrenOf(scheduler, flow))['a']?.id]);
  });

  test('that has spent its recoveries is dropped, and leaves nothing behind as recovering', async () => {
    const hopeless = defineJob({
      name: 'hopeless',
      retry: { maxRetries: 0 },
      recovery: { every: 20, max: 1 },
      run: () => {
        throw new Error('never');
      },
    });
    const waiting = defineJob({
      name: 'waiting',
      retry: { maxRetries: 0 },
      recovery: { every: '1h' },
      run: () => {
        throw new Error('later');
      },
    });
    const scheduler = await schedulers.open({ definitions: [hopeless, waiting] });
    const flow = await scheduler.scheduleFlow({
      name: 'hopeless',
      children: [
        { key: 'a', job: hopeless },
        { key: 'b', job: waiting },
      ],
      delay: '1h',
    });
    await scheduler.runNow(flow.id);
    const record = await flow.result(soon);
    expect(record).toMatchObject({ reason: 'child_dropped', error: { message: "Child 'a' was dropped: never" } });
    const { a, b } = await childrenOf(scheduler, flow);
    expect(a?.record).toMatchObject({ status: 'failed_dropped', reason: 'recovery_exhausted' });
    expect(await scheduler.getHandle(b?.id ?? '').result(soon)).toMatchObject({ status: 'cancelled' });
  });
});

describe('cancelling', () => {
  test('the flow ends its children with it', async () => {
    const { patient } = patientJob();
    const scheduler = await schedulers.open({ definitions: [patient] });
    const flow = await scheduler.scheduleFlow({
      name: 'long',
      children: [
        { key: 'a', job: patient },
        { key: 'b', job: patient, after: ['a'] },
      ],
    });
    await running(scheduler, flow, 'a');
    await flow.cancel('enough');
    expect(await flow.result(soon)).toMatchObject({ status: 'cancelled', reason: 'enough' });
    const { a, ...others } = await childrenOf(scheduler, flow);
    expect(others).toEqual({});
    const ended = await scheduler.getHandle(a?.id ?? '').result(soon);
    expect(ended).toMatchObject({ status: 'cancelled', reason: 'flow_cancelled' });
  });

  test('a child skips what comes after it, and the flow ends as cancelled when the others are done', async () => {
    const { patient, hold } = patientJob();
    const scheduler = await schedulers.open({ definitions: [patient, sum] });
    const flow = await scheduler.scheduleFlow({
      name: 'long',
      children: [
        { key: 'a', job: patient },
        { key: 'b', job: sum, input: { n: 1 }, after: ['a'] },
        { key: 'c', job: patient },
      ],
    });
    await running(scheduler, flow, 'a');
    await scheduler.cancel((await childrenOf(scheduler, flow))['a']?.id ?? '', 'not this one');
    await waitUntil(async () => JSON.stringify((await scheduler.get(flow.id))?.context).includes('x->'));
    expect((await scheduler.get(flow.id))?.state).toBe('running');
    hold.resolve();
    expect(await flow.result(soon)).toMatchObject({ status: 'cancelled', reason: 'child_cancelled' });
  });
});
