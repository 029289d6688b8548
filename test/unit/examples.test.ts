/** The examples, run as their readers would test them: on a virtual clock, with nothing but the kit. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTestScheduler, type TestScheduler, type TestSchedulerOptions } from 'carillon/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { approval } from '../../examples/approval.ts';
import { promiseToCheck } from '../../examples/build-promise.ts';
import { callEndpoint } from '../../examples/call-endpoint.ts';
import config from '../../examples/carillon.config.ts';
import { delayedGreeting } from '../../examples/delayed-greeting.ts';
import { longReport } from '../../examples/long-report.ts';
import { nightly } from '../../examples/nightly-report.ts';
import { charge, placeOrder, reserve, ship } from '../../examples/order-flow.ts';

let kit: TestScheduler;

async function open(options: Partial<TestSchedulerOptions> = {}): Promise<TestScheduler> {
  kit = await createTestScheduler({ ...config, ...options });
  return kit;
}

afterEach(() => kit.stop({ timeout: 0 }));

/** An endpoint that gives these answers, one after the other. */
async function endpoint(statuses: readonly number[]) {
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key'] as string | undefined);
    response.writeHead(statuses[keys.length - 1] ?? 200).end('pong');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { url: `http://127.0.0.1:${port}/`, keys, close };
}

test('the greeting comes when it is due', async () => {
  await open();
  const greeting = await kit.schedule(delayedGreeting, { name: 'Ada' }, { delay: '3s' });
  expect(await greeting.result()).toMatchObject({ output: 'Hello Ada, this was due at 2030-01-01T00:00:03.000Z.' });
});

describe('an approval', () => {
  const request = { request: 'a holiday', patienceMs: 7 * 86_400_000 };

  test('given after six days is granted', async () => {
    await open();
    const asked = await kit.schedule(approval, request);
    await kit.advance('6 days');
    await asked.send({ type: 'approve', by: 'Ada' });
    const output = { request: 'a holiday', by: 'Ada' };
    expect(await asked.result()).toMatchObject({ status: 'success', output });
  });

  test('that is refused, or that nobody gives, is dropped with its reason', async () => {
    await open();
    const refused = await kit.schedule(approval, request);
    const forgotten = await kit.schedule(approval, request);
    await refused.send({ type: 'reject', by: 'Bob' });
    expect(await refused.result()).toMatchObject({ status: 'failed_dropped', reason: 'rejected' });
    expect(await forgotten.result()).toMatchObject({ status: 'failed_dropped', reason: 'nobody_answered' });
    expect(kit.now()).toEqual(new Date('2030-01-08T00:00:00Z'));
  });

  test('takes its past again to the same end', async () => {
    await open();
    const asked = await kit.schedule(approval, request);
    await asked.send({ type: 'approve', by: 'Ada' });
    await asked.result();
    expect(await kit.replay(asked.id)).toMatchObject({ ok: true });
  });
});

describe('a call of an endpoint', () => {
  test('is tried again with the same key until it is answered', async () => {
    await open({ inline: true, patience: '30s' });
    const target = await endpoint([503, 503, 200]);
    const call = await kit.schedule(callEndpoint, { url: target.url, body: { ping: 1 } });
    expect(await call.result()).toMatchObject({ status: 'success', output: 'pong', attempts: 3 });
    expect(target.keys).toHaveLength(3);
    expect(new Set(target.keys).size).toBe(1);
    await target.close();
  });

  test('is not tried again once it is refused', async () => {
    await open({ inline: true, patience: '30s' });
    const target = await endpoint([422]);
    const call = await kit.schedule(callEndpoint, { url: target.url, body: {} });
    expect(await call.result()).toMatchObject({ status: 'failed_dropped', reason: 'refused', attempts: 1 });
    await target.close();
  });
});

test('the report says how far it is, and what it made', async () => {
  await open({ inline: true, patience: '30s' });
  const report = await kit.schedule(longReport, { pages: 3, msPerPage: 1 });
  expect(await report.result()).toMatchObject({ output: { pages: 3 } });
  expect(await kit.get(report.id)).toMatchObject({ progress: { page: 3, of: 3 } });
});

test('the nightly report fires at three in the night that has no half past two', async () => {
  await open({ startAt: new Date('2030-03-29T12:00:00Z') });
  const outputs: unknown[] = [];
  kit.on('settled', ({ record }) => outputs.push(record.output));
  await kit.applyCrons([nightly]);
  await kit.advance('3 days');
  expect(outputs).toEqual([
    'eu: 2030-03-30T01:30:00.000Z',
    'eu: 2030-03-31T01:00:00.000Z',
    'eu: 2030-04-01T00:30:00.000Z',
  ]);
});

describe('an order', () => {
  test('is charged, reserved, and shipped from its shelf', async () => {
    await open({ definitions: [charge, reserve, ship] });
    const flow = await placeOrder(kit, { item: 'bell', cents: 4200, stock: 3 });
    expect(await flow.result()).toMatchObject({ status: 'success' });
    const { items } = await kit.list({ name: 'ship' });
    expect(items[0]?.record?.output).toBe('shipped from the shelf of bells');
  });

  test('out of stock is dropped, and nothing is shipped', async () => {
    await open();
    const flow = await placeOrder(kit, { item: 'bell', cents: 4200, stock: 0 });
    expect(await flow.result()).toMatchObject({ status: 'failed_dropped' });
    expect((await kit.list({ name: 'ship' })).items).toEqual([]);
  });
});

test('an agent keeps only its last promise about a build', async () => {
  await open();
  await promiseToCheck(kit, 'agent-7', 17);
  expect(await promiseToCheck(kit, 'agent-7', 17, '20m')).toMatchObject({ outcome: 'replaced' });
  await promiseToCheck(kit, 'agent-7', 18, '1h');
  await kit.advance('30 minutes');
  expect(kit.threads.deliveries).toMatchObject([{ message: { build: 17 }, at: new Date('2030-01-01T00:20:00Z') }]);
  await kit.advance('1 hour');
  expect(kit.threads.deliveries).toHaveLength(2);
});
