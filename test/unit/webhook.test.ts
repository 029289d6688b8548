import { createHmac } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Delivery } from '../../actors/thread-gateway.ts';
import { openWebhookThreads, type WebhookOptions, webhookThreads } from '../../actors/webhook.ts';
import { classify } from '../../src/classify.ts';
import { systemEnv } from '../../src/env.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type AnswerRequest, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

expectNothingLeftBehind();

const SECRET = 'whsec-0123456789abcdef';
const delivery: Delivery = {
  threadId: 't-1',
  message: { text: 'Still there? ☎' },
  followupId: 'f-1',
  idempotencyKey: 'k/1',
  attempt: 2,
  signal: new AbortController().signal,
};

const receivers: WebhookReceiver[] = [];

afterEach(async () => {
  for (const receiver of receivers) await waitUntil(() => receiver.open() === 0, { what: 'all connections to close' });
  for (const receiver of receivers.splice(0)) await receiver.destroy();
});

async function receive(answer: AnswerRequest): Promise<WebhookReceiver> {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}

const answering = (status: number, body = '', headers: Record<string, string> = {}) =>
  receive((response) => response.writeHead(status, headers).end(body));

const gateway = ({ origin }: { origin: string }, options: Partial<WebhookOptions> = {}) =>
  webhookThreads({ url: `${origin}/in`, secret: SECRET, allowPrivate: true, ...options });

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const closed = (server: Server) => new Promise((resolve) => void server.close(resolve));

async function failureOf(work: Promise<void>): Promise<Error> {
  return work.then(
    () => expect.unreachable('it was delivered'),
    (error: Error) => error,
  );
}

describe('a delivery', () => {
  test('posts the message with what identifies it', async () => {
    const receiver = await answering(204);
    const before = Date.now();
    await gateway(receiver, { url: `${receiver.origin}/in?room=blue` }).deliver(delivery);
    const [request] = receiver.received;
    expect(request).toMatchObject({
      method: 'POST',
      url: '/in?room=blue',
      headers: { 'content-type': 'application/json', 'user-agent': 'carillon', 'idempotency-key': 'k/1' },
    });
    const { sentAt, ...rest } = JSON.parse(request?.body ?? '') as Record<string, unknown>;
    expect(rest).toEqual({ threadId: 't-1', message: { text: 'Still there? ☎' }, followupId: 'f-1', attempt: 2 });
    expect(Date.parse(sentAt as string)).toBeGreaterThanOrEqual(before);
    expect(receiver.accepted()).toBe(1);
  });

  test('is signed over its time and its raw body', async () => {
    const receiver = await answering(200);
    await openWebhookThreads(
      { url: receiver.origin, secret: SECRET, allowPrivate: true },
      { env: { ...systemEnv, wallMs: () => 1_700_000_000_999 }, resolve: async () => [] },
    ).deliver(delivery);
    const { headers, body } = receiver.received[0] ?? expect.unreachable();
    expect(headers['carillon-timestamp']).toBe('1700000000');
    const expected = createHmac('sha256', SECRET).update(`1700000000.${body}`).digest('hex');
    expect(headers['carillon-signature']).toBe(`v1=${expected}`);
  });

  test('escapes what a header cannot carry in the idempotency key', async () => {
    const receiver = await answering(200);
    await gateway(receiver).deliver({ ...delivery, idempotencyKey: 'a b\r\nx: y é😀' });
    expect(receiver.received[0]?.headers['idempotency-key']).toBe('a%20b%0D%0Ax:%20y%20%C3%A9%F0%9F%98%80');
  });

  test('whose message JSON cannot say is dropped without a request', async () => {
    const receiver = await answering(200);
    const error = await failureOf(gateway(receiver).deliver({ ...delivery, message: { n: 5n } }));
    expect(classify(error)).toMatchObject({ verdict: 'drop', error: { code: 'INVALID_INPUT' } });
    expect(receiver.accepted()).toBe(0);
  });

  test('opens a connection of its own, and leaves none', async () => {
    const receiver = await answering(200, 'ok');
    const threads = gateway(receiver);
    await threads.deliver(delivery);
    await Promise.all([threads.deliver(delivery), threads.deliver(delivery)]);
    expect(receiver.accepted()).toBe(3);
  });
});

const retry = (status: number, retryAfterMs?: number) => ({
  verdict: 'retry',
  retryAfterMs,
  error: { name: 'RetryableError', code: `WEBHOOK_${status}` },
});
const refused = { verdict: 'drop', reason: 'webhook_refused' };

describe('the answer decides', () => {
  test.each([200, 201, 202, 204, 299])('%i: delivered', async (status) => {
    await gateway(await answering(status)).deliver(delivery);
  });

  test.each<[number, object]>([
    [404, { verdict: 'drop', reason: 'thread_not_found', error: { code: 'THREAD_NOT_FOUND' } }],
    [410, { verdict: 'drop', reason: 'thread_not_found', error: { code: 'THREAD_NOT_FOUND' } }],
    [409, { verdict: 'drop', reason: 'thread_stopped', error: { code: 'THREAD_STOPPED' } }],
    ...[408, 425, 429, 500, 502, 503, 504, 599].map((status): [number, object] => [status, retry(status)]),
    ...[300, 301, 303, 304, 307, 308, 400, 401, 403, 405, 406, 413, 422, 451, 499].map((status): [number, object] => [
      status,
      refused,
    ]),
  ])('%i: %o', async (status, verdict) => {
    const failure = classify(await failureOf(gateway(await answering(status)).deliver(delivery)));
    expect({ retryAfterMs: undefined, ...failure }).toMatchObject(verdict);
  });

  const at = (offsetMs: number) => new Date(Math.floor(Date.now() / 1000) * 1000 + offsetMs).toUTCString();
  test.each<[number, string, number | undefined]>([
    [429, '7', 7000],
    [503, '120', 120_000],
    [503, '99999999999', 7 * 86_400_000],
    [429, '0', undefined],
    [429, '-5', undefined],
    [429, '1.5', undefined],
    [503, 'soon', undefined],
    [503, 'until 2099', undefined],
    [503, 'Fri Nov  6 08:49:37 2099', undefined],
    [503, 'Wed, 21 Oct 2015 07:28:00 GMT', undefined],
    [500, '7', undefined],
  ])('%i with retry-after %s waits for %s ms', async (status, header, retryAfterMs) => {
    const receiver = await answering(status, '', { 'retry-after': header });
    const failure = classify(await failureOf(gateway(receiver).deliver(delivery)));
    expect({ retryAfterMs: undefined, ...failure }).toMatchObject(retry(status, retryAfterMs));
  });

  test('retry-after as a date is a wait until then', async () => {
    const receiver = await answering(503, '', { 'retry-after': at(60_000) });
    const { retryAfterMs } = classify(await failureOf(gateway(receiver).deliver(delivery)));
    expect(retryAfterMs).toBeGreaterThan(55_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('a redirect is not followed', async () => {
    const target = await answering(200);
    const receiver = await answering(307, '', { location: target.origin });
    expect(classify(await failureOf(gateway(receiver).deliver(delivery)))).toMatchObject(refused);
    expect(target.accepted()).toBe(0);
  });
});

describe('a message about an answer', () => {
  test('quotes its beginning without control characters', async () => {
    const receiver = await answering(400, `no\u0000 such\r\n\u001b[31mroom\u202e${'é'.repeat(5000)}`);
    const { message } = await failureOf(gateway(receiver).deliver(delivery));
    const quoted = message.slice(message.indexOf('400: ') + 5);
    expect(quoted).toMatch(/^no such \[31mroom é+…$/);
    expect(Buffer.byteLength(quoted)).toBeLessThanOrEqual(500);
  });

  test('says nothing of the secret, the query and their values, whatever the receiver quotes', async () => {
    const receiver = await receive((response, { url, headers }) =>
      response.writeHead(400).end(`${SECRET} ${url} ${decodeURIComponent(url ?? '')} t%2Fop-key ${headers.host}`),
    );
    const url = `${receiver.origin}/in?token=t%2Fop-key&n=1`;
    const { message } = await failureOf(gateway(receiver, { url }).deliver(delivery));
    expect(message).toContain(`127.0.0.1:${receiver.port} answered 400: [hidden] /in?[hidden]`);
    for (const part of [SECRET, 't%2Fop-key', 't/op-key', 'token=t']) expect(message).not.toContain(part);
  });
});

describe('no answer', () => {
  const unreachable = { verdict: 'retry', error: { code: 'WEBHOOK_NETWORK' } };

  test('where nobody listens is tried again', async () => {
    const receiver = await answering(200);
    await receiver.destroy();
    const error = await failureOf(gateway(receiver).deliver(delivery));
    expect(classify(error)).toMatchObject(unreachable);
    expect(error).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  test.each<[string, (raw: (text: string) => void) => void]>([
    ['a connection that is closed', (raw) => raw('')],
    ['something that is not HTTP', (raw) => raw('SSH-2.0-OpenSSH_9\r\n\r\n')],
    ['a change of protocol', (raw) => raw('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')],
    ['endless headers', (raw) => raw(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`)],
    ['a success cut short', (raw) => raw('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')],
  ])('but %s: tried again', async (_, answer) => {
    const receiver = await receive(({ socket }) => answer((text) => socket?.end(text)));
    expect(classify(await failureOf(gateway(receiver).deliver(delivery)))).toMatchObject(unreachable);
  });

  test('a refusal cut short is a refusal', async () => {
    const receiver = await receive(({ socket }) => socket?.end('HTTP/1.1 413 No\r\ncontent-length: 10\r\n\r\nbig'));
    expect(classify(await failureOf(gateway(receiver).deliver(delivery)))).toMatchObject(refused);
  });

  test('is waited for no longer than until it comes, though the message is not read', async () => {
    let readBytes = 0;
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.pause());
      socket.on('error', () => {}).on('data', (bytes) => (readBytes += bytes.length));
      socket.pause().write('HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n');
    });
    const origin = await listening(server);
    const message = 'x'.repeat(33_554_432);
    const error = await failureOf(gateway({ origin }).deliver({ ...delivery, message }));
    expect(classify(error)).toMatchObject(refused);
    for (const socket of sockets) socket.resume();
    await waitUntil(() => sockets.every(({ closed }) => closed));
    await closed(server);
    expect(readBytes).toBeLessThan(message.length);
  });

  test('over TLS is tried again, and the host was named to it', async () => {
    const hello: Buffer[] = [];
    const server = createServer((socket) => socket.on('data', (bytes) => hello.push(bytes) && socket.end('no TLS')));
    const origin = await listening(server);
    const error = await failureOf(
      openWebhookThreads(
        { url: origin.replace('http://127.0.0.1', 'https://hook.invalid'), secret: SECRET, allowPrivate: true },
        { env: systemEnv, resolve: async () => ['127.0.0.1'] },
      ).deliver(delivery),
    );
    await closed(server);
    expect(classify(error)).toMatchObject(unreachable);
    expect(Buffer.concat(hello).toString('latin1')).toContain('hook.invalid');
  });

  test('from the resolver is tried again', async () => {
    const resolve = async () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }));
    const threads = openWebhookThreads({ url: 'https://hook.invalid', secret: SECRET }, { env: systemEnv, resolve });
    expect(classify(await failureOf(threads.deliver(delivery)))).toMatchObject(unreachable);
  });
});
