/** The proof that a webhook comes from who shares its secret: both sides of it. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { systemEnv } from '../src/env.ts';
import { InvalidOptionError } from '../src/errors.ts';
import { integer, kind, object, optional } from '../src/option-checks.ts';

const MIN_SECRET_LENGTH = 16;

/** What is given is never shown. */
export function sharedSecret(value: unknown, option: string): string {
  if (typeof value === 'string' && value.length >= MIN_SECRET_LENGTH) return value;
  throw new InvalidOptionError(
    option,
    `must be text of at least ${MIN_SECRET_LENGTH} characters that the receiver knows too. Make one with: openssl rand -hex 32`,
  );
}

/** `timestamp` is signed as the text that is sent. */
export function sign(secret: string, timestamp: string, body: string | Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
}

export interface VerifyWebhookOptions {
  /** The one given to `webhookThreads()`. */
  readonly secret: string;
  /** Those of the request: a fetch `Headers`, or an object with names in lower case, as Node has it. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As received, before any parsing: JSON written anew is other text. */
  readonly body: string | Uint8Array;
  /** How far the sender's clock and yours may be apart, in milliseconds; 0 to a day. @defaultValue 300_000 */
  readonly toleranceMs?: number;
  /** The receiver's time. @defaultValue the machine's clock */
  readonly now?: Date;
}

const verifyChecks = object({
  secret: sharedSecret,
  headers: kind<VerifyWebhookOptions['headers']>('the headers of the request', isObject),
  body: kind<string | Uint8Array>(
    'text or bytes as received',
    (value) => typeof value === 'string' || value instanceof Uint8Array,
  ),
  toleranceMs: optional(integer(0, 86_400_000), 300_000),
  now: optional(
    kind<Date>('a Date', (value) => value instanceof Date),
    undefined,
  ),
});

/**
 * For the receiver: whether a request was sent by `webhookThreads()` with this secret, not long ago and unchanged. Answer
 * 401 where it was not. Throws only where an option is wrong, so that a missing secret never passes for a match.
 */
export function verifyWebhook(options: VerifyWebhookOptions): boolean {
  const { secret, headers, body, toleranceMs, now } = verifyChecks(options, '');
  const fields = headers instanceof Headers ? Object.fromEntries(headers) : headers;
  const timestamp = fields['carillon-timestamp'];
  const given = /^v1=([0-9a-f]{64})$/.exec(String(fields['carillon-signature']))?.[1];
  if (given === undefined || typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) return false;
  const ageMs = (now?.getTime() ?? systemEnv.wallMs()) - Number(timestamp) * 1000;
  return Math.abs(ageMs) <= toleranceMs && timingSafeEqual(Buffer.from(given, 'hex'), sign(secret, timestamp, body));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
