import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { guardedPost } from '../../actors/guarded-request.ts';
import { isPublicAddress } from '../../actors/public-address.ts';
import { openWebhookThreads } from '../../actors/webhook.ts';
import { classify } from '../../src/classify.ts';
import { systemEnv } from '../../src/env.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startReceiver } from '../support/webhook-receiver.ts';

expectNothingLeftBehind();

const SECRET = 'whsec-0123456789abcdef';

function deliver(url: string, answers: string[][], allowPrivate = false) {
  const asked: string[] = [];
  const resolve = async (host: string) => answers[asked.push(host) - 1] ?? [];
  const threads = openWebhookThreads({ url, secret: SECRET, allowPrivate }, { env: systemEnv, resolve });
  const { signal } = new AbortController();
  const details = { threadId: 't', message: 'm', followupId: 'f', idempotencyKey: 'k', attempt: 1, signal };
  return { asked, done: threads.deliver(details) };
}

const words = (text: string): string[] => text.trim().split(/\s+/);

const NOT_PUBLIC = words(`
  0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
  172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1
  203.0.113.1 224.0.0.1 239.1.2.3 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1
  ::ffff:8.8.8.8 ::ffff:0:7f00:1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::a00:1 100::1 2001::1
  2001:0:4136:e378::1 2001:2::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 fc00::1
  fd12:3456::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 4000::1 8000::1 localhost 2130706433 0x7f.1
  127.1 010.8.8.8 134744072 [::1]
`);

test.each(['', ...NOT_PUBLIC])("'%s' is not public", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(
  words(`
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
    172.15.255.255 172.32.0.0 192.167.255.255 223.255.255.255 2606:4700::1111 2a00::1
  `),
)('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

describe('a host outside the open internet is refused', () => {
  test.each(
    words(`
      127.0.0.1 2130706433 0x7f000001 0177.0.0.1 127.1 0 127.0.0.1. １２７.0.0.1 %31%30.0.0.1 192.168.0.1
      169.254.169.254 3232235521 [::1] [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:a00:1]
      [64:ff9b::10.0.0.1] [2002:a00:1::] [fe80::1] [fd00::1]
    `),
  )('as the literal %s, without asking the resolver', async (host) => {
    const { asked, done } = deliver(`https://${host}/in?key=top-secret`, []);
    const failure = classify(await done.catch((error: unknown) => error));
    expect(failure).toMatchObject({ verdict: 'drop', reason: 'webhook_refused' });
    expect(failure.error.message).toContain(new URL(`https://${host}`).hostname);
    expect(failure.error.message).toContain('allowPrivate');
    expect(failure.error.message).not.toContain('top-secret');
    expect(asked).toEqual([]);
  });

  test.each([[['10.0.0.1']], [['8.8.8.8', '10.0.0.1']], [['::1', '2606:4700::1111']], [['fe80::1%eth0']]])(
    'as a name for %j',
    async (addresses) => {
      const { asked, done } = deliver('https://hook.invalid', [addresses, ['8.8.8.8']]);
      const failure = classify(await done.catch((error: unknown) => error));
      expect(failure).toMatchObject({ verdict: 'drop', reason: 'webhook_refused' });
      expect(failure.error.message).toContain('hook.invalid');
      expect(failure.error.message).not.toContain(addresses[0]);
      expect(asked).toEqual(['hook.invalid']);
    },
  );

  test('but a name without an address is tried again', async () => {
    const failure = classify(await deliver('https://hook.invalid', [[]]).done.catch((error: unknown) => error));
    expect(failure).toMatchObject({ verdict: 'retry', error: { code: 'WEBHOOK_NETWORK' } });
  });
});

test('a host is resolved once, and keeps its name in the request', async () => {
  const receiver = await startReceiver((response) => response.end());
  const { asked, done } = deliver(`http://hook.invalid:${receiver.port}`, [['127.0.0.1'], ['203.0.113.1']], true);
  await done;
  expect(asked).toEqual(['hook.invalid']);
  expect(receiver.received[0]?.headers.host).toBe(`hook.invalid:${receiver.port}`);
  await receiver.destroy();
});

test('a receiver at the second address of its host is found', async () => {
  const receiver = await startReceiver((response) => response.end());
  await deliver(`http://hook.invalid:${receiver.port}`, [['::1', '127.0.0.1']], true).done;
  expect(receiver.received).toHaveLength(1);
  await receiver.destroy();
});

test('a name that turns private after it was judged leads where it was judged', async () => {
  let accepted = 0;
  const server = createServer(() => (accepted += 1));
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  // Allocated once and given back: the address passes, and no route leads to it.
  const answers = [['3ffe::1'], ['127.0.0.1']];
  let asked = 0;
  const attempts: string[] = [];
  const watch = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    socket.on('connectionAttempt', (address: string) => attempts.push(address));
  };
  subscribe('net.client.socket', watch);
  const stop = new AbortController();
  const end = guardedPost({
    url: new URL(`http://hook.invalid:${(server.address() as AddressInfo).port}`),
    headers: {},
    body: '',
    allowPrivate: false,
    resolve: async () => answers[asked++] ?? [],
    signal: stop.signal,
  }).catch((error: unknown) => error);
  await waitUntil(() => attempts.length > 0);
  stop.abort();
  await end;
  unsubscribe('net.client.socket', watch);
  await new Promise((closed) => {
    server.close(closed);
  });
  expect({ asked, attempts, accepted }).toEqual({ asked: 1, attempts: ['3ffe::1'], accepted: 0 });
});
