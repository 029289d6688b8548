import { trace } from '@opentelemetry/api';
import { createTestScheduler, type TestScheduler } from 'carillon/testing';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromPromise, setup } from 'xstate';
import { defineActor, defineJob, fromJob } from '../../src/index.ts';
import { encodeTrace, inTrace, kinOf, traceOf } from '../../src/turn/kinship.ts';
import { useSdk } from '../support/spans.ts';

const sdk = useSdk();
afterAll(() => sdk.off());

let kit: TestScheduler;
beforeEach(() => sdk.reset());
afterEach(() => kit?.stop({ timeout: 0 }));

/** Does it within a span of its own, as a web server would answer a request. */
async function inRequest<T>(work: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan('request', async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
}

const inner = defineJob<{ n: number }>({ name: 'inner', run: () => {} });
const outer = defineJob({
  name: 'outer',
  retry: { maxRetries: 1, backoff: { jitter: 0 } },
  async run({ attempt, schedule }) {
    await trace.getTracer('test').startActiveSpan('query', async (span) => span.end());
    if (attempt === 1) throw new Error('not yet');
    await schedule(inner, { n: 1 });
  },
});

function found(name: string) {
  return sdk.spans().filter((span) => span.name === name);
}

describe('spans', () => {
  test('every attempt comes under the call that scheduled it, days later, and what it does comes under the attempt', async () => {
    kit = await createTestScheduler({ definitions: [outer, inner] });
    await inRequest(() => kit.schedule(outer, undefined, { delay: '2d' }));
    await kit.advance('3 days');
    const [request] = found('request');
    const [scheduled] = found('schedule outer');
    const runs = found('run outer');
    expect(scheduled).toMatchObject({ parent: request?.spanId, traceId: request?.traceId });
    expect(runs.map(({ parent, attributes, failed }) => [parent, attributes['carillon.attempt'], failed])).toEqual([
      [scheduled?.spanId, 1, true],
      [scheduled?.spanId, 2, false],
    ]);
    expect(found('query').map(({ parent }) => parent)).toEqual(runs.map(({ spanId }) => spanId));
    expect(found('schedule inner')[0]?.parent).toBe(runs[1]?.spanId);
    expect(found('run inner')[0]).toMatchObject({
      parent: found('schedule inner')[0]?.spanId,
      traceId: request?.traceId,
    });
  });

  test('what a machine invokes, and the jobs it hands work to, belong to the same trace', async () => {
    const machine = setup({
      actors: { look: fromPromise(async () => 1), hand: fromJob(inner) },
    }).createMachine({
      initial: 'looking',
      states: {
        looking: { invoke: { src: 'look', onDone: 'handing' } },
        handing: { invoke: { src: 'hand', input: { n: 2 }, onDone: 'over' } },
        over: { type: 'final' },
      },
    });
    const looking = defineActor({ name: 'looking', machine });
    kit = await createTestScheduler({ definitions: [looking, inner] });
    const handle = await inRequest(() => kit.schedule(looking));
    expect(await handle.result()).toMatchObject({ status: 'success' });
    const parent = found('schedule looking')[0]?.spanId;
    expect(found('run looking')[0]).toMatchObject({ parent, attributes: { 'carillon.effect': 'look' } });
    expect(found('run inner')[0]).toMatchObject({ parent });
  });

  test('outside of a span nothing is stored, and runs begin traces of their own', async () => {
    kit = await createTestScheduler({ definitions: [inner] });
    await kit.scheduleMany(inner, [{ input: { n: 1 } }, { input: { n: 2 } }]);
    await kit.advance(0);
    expect(found('schedule inner')).toEqual([]);
    expect(found('run inner').map(({ parent }) => parent)).toEqual([undefined, undefined]);
    expect(encodeTrace(null)).toBeNull();
  });

  test('a whole batch is one span; one that is refused fails', async () => {
    kit = await createTestScheduler({ definitions: [inner] });
    await inRequest(() => kit.scheduleMany(inner, [{ input: { n: 1 } }, { input: { n: 2 } }]));
    await expect(inRequest(() => kit.schedule(inner, { n: 1 }, { priority: 99 }))).rejects.toThrow();
    expect(found('schedule inner').map(({ failed, attributes }) => [failed, attributes['carillon.count']])).toEqual([
      [false, 2],
      [true, undefined],
    ]);
  });

  test('runs of a cron are nobody’s continuation', async () => {
    const tick = defineJob({ name: 'tick', run: () => {} });
    kit = await createTestScheduler({ definitions: [tick] });
    await inRequest(() => kit.applyCrons([{ id: 'tick', every: '1h', job: tick }]));
    await kit.advance('2h');
    const traceId = found('request')[0]?.traceId;
    expect(found('run tick').length).toBeGreaterThan(0);
    for (const run of found('run tick')) expect(run.traceId).not.toBe(traceId);
  });
});

describe('a stored trace', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  test('lies beside what a child is to its parent, and is no part of it', () => {
    const role = inTrace('1{"key":"a","after":{}}', traceparent);
    expect(kinOf('p', role)).toEqual({ parent: 'p', role: { key: 'a', after: {} } });
    expect(traceOf(role)).toBe(traceparent);
    expect([kinOf(null, encodeTrace(traceparent)), traceOf(encodeTrace(traceparent))]).toEqual([null, traceparent]);
    expect(inTrace('1{"nominalAt":1}', traceparent)).toBe('1{"nominalAt":1}');
  });
});
