import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActorPage, RetryReply } from '../../../src/dashboard/wire.ts';
import { createDashboard, createScheduler, defineJob, type Scheduler, toNodeListener } from '../../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

const greet = defineJob<{ name: string }, string>({ name: 'greet', run: ({ input }) => `Hello, ${input.name}` });
const later = { delay: '1d' } as const;
const input = { name: 'Ada' };
const JSON_TYPE = { 'content-type': 'application/json' };

let database: TestDatabase;
let scheduler: Scheduler;
let id: string;
beforeAll(async () => {
  database = await createTestDatabase();
  const options = { definitions: [greet], logger: false, worker: false } as const;
  scheduler = await createScheduler({ ...options, postgres: database.connectionString });
  ({ id } = await scheduler.schedule(greet, input, { ...later, labels: ['first'] }));
});
afterAll(async () => {
  await scheduler.stop();
  await database.close();
});

describe('as a listener of node:http', () => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer(toNodeListener(createDashboard(scheduler)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );

  test('answers what a browser asks, and knows where it comes from', async () => {
    const page = (await (await fetch(`http://127.0.0.1:${port}/api/actors?label=first`)).json()) as ActorPage;
    expect(page.items.map((row) => row.id)).toEqual([id]);
    const answer = await fetch(`http://127.0.0.1:${port}/api/queues/default/pause`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{}',
    });
    expect(answer.status).toBe(200);
    await scheduler.resumeQueue('default');
    const status = await new Promise((resolve) => {
      const options = { port, host: '127.0.0.1', path: '/api/queues', headers: { host: 'rebound.example.com' } };
      httpRequest(options, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(403);
  });

  test('takes a body that a parser before it has read already, as Express and Fastify do', async () => {
    const listener = toNodeListener(createDashboard(scheduler));
    const parsing = createServer((incoming, outgoing) => {
      let text = '';
      incoming.on('data', (chunk) => (text += String(chunk)));
      incoming.on('end', () => {
        Object.assign(incoming, { body: JSON.parse(text), originalUrl: incoming.url, url: '/' });
        setImmediate(() => listener(incoming, outgoing));
      });
    });
    await new Promise<void>((resolve) => parsing.listen(0, '127.0.0.1', resolve));
    const at = `http://127.0.0.1:${(parsing.address() as AddressInfo).port}/api/retry-failed`;
    const answer = await fetch(at, { method: 'POST', headers: JSON_TYPE, body: '{"name":"greet"}' });
    expect([answer.status, ((await answer.json()) as RetryReply).matched]).toEqual([200, 0]);
    await new Promise((resolve) => {
      parsing.close(resolve);
      parsing.closeAllConnections();
    });
  });

  test('tells open pages of a change, and lets go of those that are gone', async () => {
    const gone = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${port}/api/live`, { signal: gone.signal });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    let told = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of answer.body ?? []) told += decoder.decode(chunk as Uint8Array);
    })().catch(() => undefined);
    const count = (): number => told.split('event: changed').length - 1;
    await waitUntil(() => count() >= 1);
    const before = count();
    await scheduler.schedule(greet, input, later);
    await waitUntil(() => count() > before);
    gone.abort();
    await reading;
    await waitUntil(
      () => new Promise<boolean>((resolve) => server.getConnections((_error, open) => resolve(open <= 1))),
    );
  });
});
