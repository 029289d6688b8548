import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setPeer } from '../../../src/dashboard/peer.ts';
import { serveDashboard } from '../../../src/dashboard/serve.ts';
import type { ActorDetail, ErrorReply, Overview, RetryReply } from '../../../src/dashboard/wire.ts';
import {
  createDashboard,
  createScheduler,
  type Dashboard,
  defineJob,
  InvalidOptionError,
  type Scheduler,
} from '../../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';

expectNothingLeftBehind();

const greet = defineJob<{ name: string; card: { number: string } }, string>({
  name: 'greet',
  run: ({ input }) => `Hello, ${input.name}`,
});
const later = { delay: '1d' } as const;
const input = { name: 'Ada', card: { number: '4111' } };

let database: TestDatabase;
let scheduler: Scheduler;
let id: string;
beforeAll(async () => {
  database = await createTestDatabase();
  scheduler = await createScheduler({
    definitions: [greet],
    postgres: database.connectionString,
    logger: false,
    worker: false,
    redact: ['card.number'],
  });
  ({ id } = await scheduler.schedule(greet, input, { ...later, labels: ['first'] }));
});
afterAll(async () => {
  await scheduler.stop();
  await database.close();
});

interface Asked extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly peer?: string | null;
}

/** As a node server on this machine would pass it on. */
function ask(
  dashboard: Dashboard,
  url: string,
  { peer = '127.0.0.1', headers, ...init }: Asked = {},
): Promise<Response> {
  const request = new Request(url, { ...init, headers: { host: new URL(url).host, ...headers } });
  if (peer !== null) setPeer(request, peer);
  return dashboard(request);
}

const HERE = 'http://localhost:7433';
const JSON_TYPE = { 'content-type': 'application/json' };
const change = (path = `/api/actors/${id}/run-now`): [url: string, init: Asked] => [
  HERE + path,
  { method: 'POST', headers: JSON_TYPE, body: '{}' },
];

async function codeOf(response: Promise<Response>): Promise<readonly [status: number, code: string]> {
  const answer = await response;
  return [answer.status, ((await answer.json()) as ErrorReply).code];
}

describe('without an authorize hook', () => {
  test.each<readonly [title: string, init: Asked]>([
    ['another machine', { peer: '192.168.0.7' }],
    ['another machine, over IPv6', { peer: '2001:db8::1' }],
    ['nobody knows where from', { peer: null }],
    ['a proxy on this machine', { headers: { 'x-forwarded-for': '192.168.0.7' } }],
  ])('a request from %s is refused', async (_title, init) => {
    const dashboard = createDashboard(scheduler);
    expect(await codeOf(ask(dashboard, `${HERE}/`, init))).toEqual([403, 'NOT_LOCAL']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/overview`, init))).toEqual([403, 'NOT_LOCAL']);
    const [url, post] = change();
    expect(await codeOf(ask(dashboard, url, { ...post, ...init, headers: { ...JSON_TYPE, ...init.headers } }))).toEqual(
      [403, 'NOT_LOCAL'],
    );
  });

  test.each(['rebound.example.com', 'localhost.example.com', '127.0.0.1.example.com:7433', '10.0.0.1', 'localhost@x'])(
    'a page that was opened as %s is refused',
    async (host) => {
      expect(await codeOf(ask(createDashboard(scheduler), `${HERE}/api/actors`, { headers: { host } }))).toEqual([
        403,
        'WRONG_HOST',
      ]);
    },
  );

  test.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])('%s is this machine', async (peer) => {
    expect((await ask(createDashboard(scheduler), `${HERE}/api/actors`, { peer })).status).toBe(200);
  });

  test('it is not served beyond this machine', async () => {
    const dashboard = createDashboard(scheduler);
    for (const host of ['0.0.0.0', '::', '192.168.0.7', 'example.com'])
      await expect(serveDashboard(dashboard, { port: 0, host, guarded: false })).rejects.toThrow(InvalidOptionError);
  });
});

describe('what changes something', () => {
  test.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['a type that only looks like JSON', { 'content-type': 'text/plain; application/json' }],
    ['another site', { ...JSON_TYPE, 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { ...JSON_TYPE, 'sec-fetch-site': 'same-site' }],
    ['another origin', { ...JSON_TYPE, origin: 'http://localhost:9999' }],
    ['no origin at all', { ...JSON_TYPE, origin: 'null' }],
  ])('is refused from %s', async (_title, headers) => {
    const [url, init] = change();
    expect(await codeOf(ask(createDashboard(scheduler), url, { ...init, headers }))).toEqual([403, 'CROSS_SITE']);
    expect((await scheduler.get(id))?.seq).toBe(0);
  });

  test('is done behind a proxy that asks us by another name, when the browser says it is the same page', async () => {
    const dashboard = createDashboard(scheduler, { authorize: () => true });
    const headers = { ...JSON_TYPE, 'sec-fetch-site': 'same-origin', origin: 'https://ops.example.com' };
    const [url, init] = change('/api/queues/default/resume');
    expect((await ask(dashboard, url, { ...init, headers })).status).toBe(200);
  });

  test('is refused as a GET', async () => {
    expect(await codeOf(ask(createDashboard(scheduler), change()[0]))).toEqual([405, 'METHOD']);
  });

  test('is refused when read-only, whoever asks', async () => {
    const dashboard = createDashboard(scheduler, { readOnly: true, authorize: () => true });
    const paths = ['send', 'cancel', 'run-now', 'retry', 'release'].map((action) => `/api/actors/${id}/${action}`);
    const others = ['/api/queues/default/pause', '/api/queues/default/resume', '/api/retry-failed'];
    const crons = ['pause', 'resume', 'run'].map((action) => `/api/crons/x/${action}`);
    for (const path of [...paths, ...others, ...crons])
      expect([path, ...(await codeOf(ask(dashboard, ...change(path))))]).toEqual([path, 403, 'READ_ONLY']);
    expect((await ask(dashboard, `${HERE}/api/overview`)).status).toBe(200);
  });

  test('is done for a page of ours', async () => {
    const mine = await scheduler.schedule(greet, input, later);
    const dashboard = createDashboard(scheduler);
    const headers = { ...JSON_TYPE, 'sec-fetch-site': 'same-origin', origin: HERE };
    const answer = await ask(dashboard, `${HERE}/api/actors/${mine.id}/cancel`, {
      method: 'POST',
      headers,
      body: '{"reason":"enough"}',
    });
    expect(answer.status).toBe(200);
    expect((await scheduler.audit({ target: mine.id })).items).toMatchObject([{ action: 'cancel', reason: 'enough' }]);
  });
});

describe('an authorize hook', () => {
  test('decides by request and action, and anything but true is a refusal', async () => {
    const asked: unknown[] = [];
    const answers: unknown[] = [true, false, undefined, 1, 'yes'];
    const dashboard = createDashboard(scheduler, {
      authorize: (_request, action) => {
        asked.push(action);
        return answers.shift() as boolean;
      },
    });
    const statuses = [];
    for (let round = 0; round < 5; round += 1)
      statuses.push((await ask(dashboard, 'https://ops.example.com/api/queues', { peer: null })).status);
    expect(statuses).toEqual([200, 403, 403, 403, 403]);
    await ask(dashboard, ...change());
    expect(asked).toEqual([...Array.from({ length: 5 }, () => ({ type: 'read' })), { type: 'run-now', target: id }]);
  });

  test('that throws refuses', async () => {
    const dashboard = createDashboard(scheduler, { authorize: () => Promise.reject(new Error('no session')) });
    expect(await codeOf(ask(dashboard, `${HERE}/api/queues`))).toEqual([403, 'NOT_AUTHORIZED']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/live`))).toEqual([403, 'NOT_AUTHORIZED']);
  });
});

describe('answers', () => {
  test('protect themselves: nothing from elsewhere, no frame, no guessing, nothing kept', async () => {
    for (const path of ['/', '/actors/x', '/assets/app.js', '/api/overview', '/api/nothing']) {
      const { headers } = await ask(createDashboard(scheduler), HERE + path);
      const policy = headers.get('content-security-policy') ?? '';
      expect([path, policy]).toEqual([path, expect.stringMatching(/default-src 'self';.*frame-ancestors 'none'/)]);
      expect(policy).not.toMatch(/unsafe|\*/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('never have what is redacted', async () => {
    const dashboard = createDashboard(scheduler);
    for (const path of [`/api/actors/${id}`, '/api/actors', '/api/overview']) {
      const text = await (await ask(dashboard, HERE + path)).text();
      expect(text).not.toContain('4111');
    }
    const detail = (await (await ask(dashboard, `${HERE}/api/actors/${id}`)).json()) as ActorDetail;
    expect(JSON.parse(detail.input?.text ?? '')).toEqual({ name: 'Ada', card: { number: '[Redacted]' } });
  });

  test('name what is wrong, and nothing of the inside', async () => {
    const dashboard = createDashboard(scheduler);
    expect(await codeOf(ask(dashboard, `${HERE}/api/actors/nobody`))).toEqual([404, 'ACTOR_NOT_FOUND']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/actors?limit=5&status=odd`))).toEqual([400, 'INVALID_OPTION']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/actors/${id}/steps/77`))).toEqual([404, 'ACTOR_NOT_FOUND']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/definitions/none/1`))).toEqual([404, 'NOT_FOUND']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/actors/%E0%A4%A`))).toEqual([404, 'NOT_FOUND']);
    expect(await codeOf(ask(dashboard, `${HERE}/api/nothing`))).toEqual([404, 'NOT_FOUND']);
    const [url, init] = change(`/api/actors/${id}/send`);
    expect(await codeOf(ask(dashboard, url, { ...init, body: '{"event":"x"}' }))).toEqual([400, 'INVALID_INPUT']);
    expect(await codeOf(ask(dashboard, url, { ...init, body: '{' }))).toEqual([400, 'INVALID_INPUT']);
    expect(await codeOf(ask(dashboard, url, { ...init, body: '{"event":{"type":"xstate.done"}}' }))).toEqual([
      400,
      'INVALID_INPUT',
    ]);
    // Refused before it is read to its end, also where nothing of it is looked at.
    const [many, asked] = change('/api/retry-failed');
    const huge = JSON.stringify({ name: 'greet', pad: 'x'.repeat(1_100_000) });
    expect(await codeOf(ask(dashboard, many, { ...asked, body: huge }))).toEqual([400, 'INVALID_INPUT']);
  });

  test('of failed runs are a preview unless told otherwise', async () => {
    const [url, init] = change('/api/retry-failed');
    const answer = await ask(createDashboard(scheduler), url, { ...init, body: '{"name":"greet","error":""}' });
    expect((await answer.json()) as RetryReply).toMatchObject({ matched: 0, retried: 0 });
    expect(await codeOf(ask(createDashboard(scheduler), url, init))).toEqual([400, 'INVALID_OPTION']);
  });
});

describe('mounted below a path', () => {
  test('answers only below it, and its page asks below it', async () => {
    const dashboard = createDashboard(scheduler, { basePath: '/ops/carillon/' });
    for (const path of ['/ops/carillon', '/ops/carillon/', '/ops/carillon/actors/x']) {
      const answer = await ask(dashboard, HERE + path);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(await answer.text()).toContain('src="/ops/carillon/assets/app.js"');
    }
    expect((await ask(dashboard, `${HERE}/ops/carillon/api/queues`)).status).toBe(200);
    for (const path of ['/', '/ops/carillonx', '/api/queues'])
      expect((await ask(dashboard, HERE + path)).status).toBe(404);
  });

  test.each(['carillon', '/a b', '/../x', '//x', '/"><script>', 7])('refuses the path %j', (basePath) => {
    expect(() => createDashboard(scheduler, { basePath: basePath as string })).toThrow(InvalidOptionError);
  });
});

test('refuses what is no scheduler, and options it does not know', () => {
  expect(() => createDashboard({} as Scheduler)).toThrow(InvalidOptionError);
  expect(() => createDashboard(scheduler, { readonly: true } as object)).toThrow(/'readonly'|readonly/);
});

test('numbers of the overview are those of the store', async () => {
  const overview = (await (await ask(createDashboard(scheduler), `${HERE}/api/overview`)).json()) as Overview;
  const active = (await scheduler.stats()).active;
  expect(overview.active).toEqual({ count: active, exact: true });
  expect(overview.states).toEqual([{ state: 'scheduled', count: active - 0 }]);
  expect(overview.minutes).toHaveLength(60);
});
