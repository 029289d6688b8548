import { describe, expect, test } from 'vitest';
import { openWebhookThreads } from '../../actors/webhook.ts';
import { systemEnv } from '../../src/env.ts';
import { InvalidOptionError } from '../../src/errors.ts';
import { type VerifyWebhookOptions, verifyWebhook } from '../../src/index.ts';
import { startReceiver } from '../support/webhook-receiver.ts';

// Computed by another program: printf '1700000000.{"threadId":"t-1"}' | openssl dgst -sha256 -hmac whsec-0123456789abcdef
const SIGNATURE = 'v1=fa73c732c5a668b0476bbd919f9a641f42b41061fd756d871983a93a8ea6c54a';
const SECRET = 'whsec-0123456789abcdef';
const headers = { 'carillon-timestamp': '1700000000', 'carillon-signature': SIGNATURE };
const at = (seconds: number): Date => new Date((1_700_000_000 + seconds) * 1000);
const genuine: VerifyWebhookOptions = { secret: SECRET, headers, body: '{"threadId":"t-1"}', now: at(0) };
const signed = (signature: unknown): object => ({ headers: { ...headers, 'carillon-signature': signature } });

describe('a webhook', () => {
  test.each<[string, object]>([
    ['as it was sent', {}],
    ['as bytes', { body: new TextEncoder().encode(genuine.body as string) }],
    [
      'with fetch headers',
      { headers: new Headers({ 'Carillon-Timestamp': '1700000000', 'Carillon-Signature': SIGNATURE }) },
    ],
    ['with headers without a prototype', { headers: Object.assign(Object.create(null), headers) }],
    ['5 minutes old', { now: at(300) }],
    ['from a clock that is 5 minutes ahead', { now: at(-300) }],
    ['older, where that is allowed', { now: at(3600), toleranceMs: 3_600_000 }],
  ])('%s is genuine', (_, change) => {
    expect(verifyWebhook({ ...genuine, ...change })).toBe(true);
  });

  test.each<[string, object]>([
    ['with another secret', { secret: 'whsec-0123456789abcdeF' }],
    ['with another body', { body: '{"threadId":"t-2"}' }],
    ['with another timestamp', { headers: { ...headers, 'carillon-timestamp': '1700000001' } }],
    ['that is too old', { now: at(301) }],
    ['from the future', { now: at(-301) }],
    ['beyond a narrower tolerance', { now: at(1), toleranceMs: 999 }],
    ['at no time', { now: new Date(Number.NaN) }],
    ['without headers', { headers: {} }],
    ['without a signature', { headers: { 'carillon-timestamp': '1700000000' } }],
    ['without a timestamp', { headers: { 'carillon-signature': SIGNATURE } }],
    ['with a timestamp twice', { headers: { ...headers, 'carillon-timestamp': ['1700000000', '1700000000'] } }],
    ['with a timestamp that is no number', { headers: { ...headers, 'carillon-timestamp': '17e8' } }],
    ['with a signature cut short', signed(SIGNATURE.slice(0, -2))],
    ['with a longer signature', signed(`${SIGNATURE}00`)],
    ['with a signature in capitals', signed(SIGNATURE.toUpperCase())],
    ['with a signature of another version', signed(SIGNATURE.replace('v1', 'v2'))],
    ['with an empty signature', signed('v1=')],
  ])('%s is not genuine', (_, change) => {
    expect(verifyWebhook({ ...genuine, ...change })).toBe(false);
  });

  test.each<[string, object]>([
    ['secret', { secret: undefined }],
    ['secret', { secret: '' }],
    ['body', { body: { threadId: 't-1' } }],
    ['headers', { headers: undefined }],
    ['toleranceMs', { toleranceMs: -1 }],
    ['now', { now: 1_700_000_000_000 }],
    ['tolerance', { tolerance: '5m' }],
  ])('cannot be verified with a wrong option %s: %o', (option, change) => {
    const act = () => verifyWebhook({ ...genuine, ...change });
    expect(act).toThrow(InvalidOptionError);
    expect(act).toThrow(expect.objectContaining({ option }));
  });

  test('as a gateway sends it is genuine', async () => {
    const receiver = await startReceiver((response) => response.end());
    const { signal } = new AbortController();
    await openWebhookThreads(
      { url: receiver.origin, secret: SECRET, allowPrivate: true },
      { env: systemEnv, resolve: async () => [] },
    ).deliver({ threadId: 't', message: 'm', followupId: 'f', idempotencyKey: 'k', attempt: 1, signal });
    const [request] = receiver.received;
    await receiver.destroy();
    expect(verifyWebhook({ secret: SECRET, headers: request?.headers ?? {}, body: request?.body ?? '' })).toBe(true);
  });
});
