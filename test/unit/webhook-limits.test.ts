import { pipeline, Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import type { Delivery } from '../../actors/thread-gateway.ts';
import { openWebhookThreads, webhookThreads } from '../../actors/webhook.ts';
import { classify } from '../../src/classify.ts';
import { InvalidOptionError } from '../../src/errors.ts';
import { deferred } from '../support/deferred.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { type AnswerRequest, handTimedEnv, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

expectNothingLeftBehind();

const SECRET = 'whsec-0123456789abcdef';
const deliveryWith = (signal: AbortSignal): Delivery => ({
  threadId: 't-1',
  message: 'hello',
  followupId: 'f-1',
  idempotencyKey: 'k-1',
  attempt: 1,
  signal,
});

let receiver: WebhookReceiver | undefined;

afterEach(async () => {
  await waitUntil(() => !receiver?.open(), { what: 'all connections to close' });
  await receiver?.destroy();
});

/** A delivery under way, to somebody who answers like this. */
async function begin(answer: AnswerRequest, resolve = async () => ['127.0.0.1']) {
  const started = await startReceiver(answer);
  receiver = started;
  const env = handTimedEnv();
  const stop = new AbortController();
  const threads = openWebhookThreads(
    { url: `http://hook.invalid:${started.port}`, secret: SECRET, timeout: '2s', allowPrivate: true },
    { env, resolve },
  );
  const end = threads.deliver(deliveryWith(stop.signal)).then(
    () => 'delivered',
    (error: unknown) => error,
  );
  return { env, stop, end, received: started.received, accepted: () => started.accepted() };
}

const silent: AnswerRequest = () => {};
const never = () => new Promise<string[]>(() => {});

describe('a delivery takes no longer than its timeout', () => {
  const timedOut = { verdict: 'retry', error: { code: 'WEBHOOK_TIMEOUT', message: expect.stringMatching('2s') } };

  test('when the receiver accepts and says nothing', async () => {
    const { env, end, received } = await begin(silent);
    await waitUntil(() => received.length === 1);
    expect([...env.armed.values()].map(({ ms }) => ms)).toEqual([2000]);
    env.fire();
    expect(classify(await end)).toMatchObject(timedOut);
    expect(env.armed.size).toBe(0);
  });

  test.each([200, 404])('when the body of a %i drips', async (status) => {
    let written = 0;
    const { env, end } = await begin((response) => {
      response.writeHead(status).write('first', () => (written += 1));
    });
    await waitUntil(() => written === 1);
    env.fire();
    expect(classify(await end)).toMatchObject(timedOut);
  });

  test('when the resolver says nothing', async () => {
    const { env, end, accepted } = await begin(silent, never);
    env.fire();
    expect(classify(await end)).toMatchObject(timedOut);
    expect(accepted()).toBe(0);
  });

  test('by the real clock', async () => {
    receiver = await startReceiver(silent);
    const threads = webhookThreads({ url: receiver.origin, secret: SECRET, timeout: '100ms', allowPrivate: true });
    const error = await threads.deliver(deliveryWith(new AbortController().signal)).catch((thrown: unknown) => thrown);
    expect(classify(error)).toMatchObject({ error: { code: 'WEBHOOK_TIMEOUT' } });
  });

  test('and leaves no timer when it was quicker', async () => {
    const { env, end } = await begin((response) => response.end());
    expect(await end).toBe('delivered');
    expect(env.armed.size).toBe(0);
  });
});

describe('an abort', () => {
  const reason = new Error('lease lost');

  test('ends a delivery under way with its reason', async () => {
    const { env, stop, end, received } = await begin(silent);
    await waitUntil(() => received.length === 1);
    stop.abort(reason);
    expect(await end).toBe(reason);
    expect(env.armed.size).toBe(0);
  });

  test('ends one whose answer is being read', async () => {
    let written = 0;
    const { stop, end } = await begin((response) => response.writeHead(200).write('x', () => (written += 1)));
    await waitUntil(() => written === 1);
    stop.abort(reason);
    expect(await end).toBe(reason);
  });

  test('while the host is resolved lets no request happen', async () => {
    const addresses = deferred<string[]>();
    const { stop, end, accepted } = await begin(silent, () => addresses.promise);
    stop.abort(reason);
    expect(await end).toBe(reason);
    addresses.resolve(['127.0.0.1']);
    await addresses.promise;
    await new Promise(setImmediate);
    expect(accepted()).toBe(0);
  });

  test('before it begins lets nothing happen', async () => {
    let resolved = 0;
    const resolve = async () => [`127.0.0.${(resolved += 1)}`];
    const env = handTimedEnv();
    const threads = openWebhookThreads({ url: 'https://hook.invalid', secret: SECRET }, { env, resolve });
    await expect(threads.deliver(deliveryWith(AbortSignal.abort(reason)))).rejects.toBe(reason);
    expect(resolved).toBe(0);
    expect(env.armed.size).toBe(0);
  });
});

test.each<[number, object | string]>([
  [200, 'delivered'],
  [400, { verdict: 'drop', reason: 'webhook_refused' }],
  [410, { verdict: 'drop', reason: 'thread_not_found' }],
])('an endless answer of status %i is cut off and counts', async (status, outcome) => {
  let sent = 0;
  let cut = false;
  const piece = Buffer.alloc(16_384, 'x');
  function* endless() {
    for (;;) {
      sent += piece.length;
      yield piece;
    }
  }
  const { end } = await begin((response) => {
    pipeline(Readable.from(endless()), response.writeHead(status), () => (cut = true));
  });
  const ended = await end;
  expect(ended === 'delivered' ? ended : classify(ended)).toEqual(
    typeof outcome === 'string' ? outcome : expect.objectContaining(outcome),
  );
  await waitUntil(() => cut);
  // What the two ends of a connection keep in buffers comes on top of what was read.
  expect(sent).toBeLessThan(16_777_216);
});

test.each<[string, object, RegExp]>([
  ['url', { url: undefined }, /absolute url/],
  ['url', { url: '/in' }, /absolute url/],
  ['url', { url: 'https:example.com' }, /absolute url/],
  ['url', { url: 'ftp://top-secret.example' }, /absolute url/],
  ['url', { url: 'https://top-secret:pass@example.com' }, /credentials/],
  ['url', { url: 'https://top-secret@example.com' }, /credentials/],
  ['url', { url: 'http://example.com/?key=top-secret' }, /https.*allowPrivate/],
  ['secret', { secret: undefined }, /at least 16 characters.*openssl rand/],
  ['secret', { secret: '' }, /at least 16 characters/],
  ['secret', { secret: 'top-secret-12345'.slice(0, 15) }, /at least 16 characters/],
  ['timeout', { timeout: '99ms' }, /100ms to 5m/],
  ['timeout', { timeout: 300_001 }, /100ms to 5m/],
  ['timeout', { timeout: 'soon' }, /a duration/],
  ['allowPrivate', { allowPrivate: 'yes' }, /true or false/],
  ['retries', { retries: 3 }, /unknown/],
])('option %s: %o is refused', (option, given, problem) => {
  const options = { url: 'https://example.com', secret: SECRET, ...given };
  const act = () => webhookThreads(options);
  expect(act).toThrow(InvalidOptionError);
  expect(act).toThrow(expect.objectContaining({ option, message: expect.stringMatching(problem) }));
  expect(act).not.toThrow(/top-secret/);
});
