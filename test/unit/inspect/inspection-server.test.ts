import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { InspectionServer } from '../../../src/inspect/inspection-server.ts';
import type { StatelyInspectionEvent } from '../../../src/inspect/stately-events.ts';
import { waitUntil } from '../../support/wait-until.ts';

let server: InspectionServer;
beforeEach(async () => {
  const viewer = new URL('https://viewer.example/inspect?a="><script>');
  server = new InspectionServer({ port: 0, viewer, origins: ['http://localhost:5173'] });
  await server.listen();
});
afterEach(() => server.close());

function event(sessionId: string, id: string): StatelyInspectionEvent {
  const common = { sessionId, rootId: sessionId, createdAt: '1', _version: '0.7.2', id };
  return { type: '@xstate.event', event: { type: 'go' }, sourceId: undefined, ...common };
}

async function connect(headers: Readonly<Record<string, string>>): Promise<'open' | number> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`, { headers });
  const outcome = await new Promise<'open' | number>((resolve, reject) => {
    socket.once('open', () => resolve('open'));
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  socket.terminate();
  return outcome;
}

describe('who may connect', () => {
  test('programs, the page itself, and pages that were named', async () => {
    expect(await connect({})).toBe('open');
    expect(await connect({ origin: `http://127.0.0.1:${server.port}` })).toBe('open');
    expect(await connect({ origin: 'http://localhost:5173' })).toBe('open');
  });

  test('other pages may not, nor those that call themselves by another name', async () => {
    expect(await connect({ origin: 'https://evil.example' })).toBe(403);
    expect(await connect({ origin: `http://127.0.0.1:${server.port + 1}` })).toBe(403);
    expect(await connect({ host: 'evil.example' })).toBe(403);
  });
});

test('the page loads nothing of the viewer by itself, and lets nothing else be framed', async () => {
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  const policy = response.headers.get('content-security-policy');
  expect(policy).toContain("default-src 'self'");
  expect(policy).toContain('frame-src https://viewer.example;');
  const text = await response.text();
  expect(text).not.toMatch(/<iframe[^>]*src=/);
  expect(text).not.toContain('<script>');
  expect((await fetch(`http://127.0.0.1:${server.port}/bridge.js`)).headers.get('content-type')).toContain(
    'javascript',
  );
  expect((await fetch(`http://127.0.0.1:${server.port}/other`)).status).toBe(404);
});

test('whole sessions are forgotten, the eldest first, when there is too much to keep', async () => {
  for (const session of ['a', 'b', 'c']) for (let n = 0; n < 2_000; n += 1) server.tell(event(session, String(n)));
  const heard: StatelyInspectionEvent[] = [];
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`);
  socket.on('message', (data) => heard.push(JSON.parse((data as Buffer).toString()) as StatelyInspectionEvent));
  await waitUntil(() => heard.length === 4_000, { what: 'what is kept' });
  expect(new Set(heard.map(({ sessionId }) => sessionId))).toEqual(new Set(['b', 'c']));
  socket.terminate();
});
