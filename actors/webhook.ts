/** Follow-ups delivered by HTTP: what is sent, and what each answer means. */

import { lookup } from 'node:dns/promises';
import { DropError, RetryableError, storableText } from '../src/classify.ts';
import { type Duration, formatDuration } from '../src/duration.ts';
import { type Env, systemEnv } from '../src/env.ts';
import { InvalidInputError, InvalidOptionError, ThreadNotFoundError, ThreadStoppedError } from '../src/errors.ts';
import { duration, object, oneOf, optional } from '../src/option-checks.ts';
import { type Answer, guardedPost, type Resolve, unreachable } from './guarded-request.ts';
import type { Delivery, ThreadGateway } from './thread-gateway.ts';
import { sharedSecret, sign } from './webhook-signature.ts';

const MAX_EXCERPT_BYTES = 500;
/** Shorter query values say nothing worth hiding, and hiding them would blank half of a text. */
const MIN_HIDDEN_LENGTH = 4;

export interface WebhookOptions {
  /** Where deliveries are posted: https, without credentials. Plain http only with `allowPrivate`. */
  readonly url: string;
  /** Signs every delivery; at least 16 characters. Change it on both sides at once: deliveries refused meanwhile are dropped. */
  readonly secret: string;
  /** For one whole delivery, from resolving the host to the last byte of the answer. 100 ms to 5 min. @defaultValue '10s' */
  readonly timeout?: Duration;
  /**
   * Lets the webhook be on a private network or this machine. Leave it off where others choose the url: they could reach
   * whatever the worker reaches. @defaultValue false
   */
  readonly allowPrivate?: boolean;
}

const webhookChecks = object({
  url: webhookUrl,
  secret: sharedSecret,
  timeout: optional(duration(100, 300_000), 10_000),
  allowPrivate: optional(oneOf(true, false), false),
});

/** What is given is never shown: a url can carry a token. */
function webhookUrl(value: unknown, option: string): URL {
  if (typeof value !== 'string' || !/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    throw new InvalidOptionError(option, "must be an absolute url, such as 'https://example.com/followups'.");
  }
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') {
    throw new InvalidOptionError(option, 'must not carry credentials: deliveries are signed with the secret.');
  }
  return url;
}

/**
 * Delivers follow-ups by HTTP: one POST each, with the JSON body `{ threadId, message, followupId, attempt, sentAt }`.
 *
 * What the receiver answers decides: 2xx delivered; 404 and 410 the thread does not exist, 409 it was stopped: dropped; 408,
 * 425, 429, 5xx, no answer in time or none at all: tried again, after `Retry-After` where 429 and 503 name one; anything
 * else, redirects too: dropped with the reason `webhook_refused`. Codes for `retry.byCode` are `WEBHOOK_<status>`,
 * `WEBHOOK_TIMEOUT` and `WEBHOOK_NETWORK`.
 *
 * The receiver must not believe a request before it has verified it; `verifyWebhook()` does so. By hand: compute the
 * HMAC-SHA256 with the secret over the header `carillon-timestamp` (seconds since 1970), a dot and the raw body; compare its
 * lower case hex, in constant time, with what follows `v1=` in `carillon-signature`; refuse timestamps more than 5 minutes
 * away. The same delivery can come twice: recognise it by `followupId`, which is signed, or by the header `idempotency-key`.
 *
 * Unless `allowPrivate`, only hosts of the open internet are called: a name any of whose addresses is private, loopback,
 * link-local or reserved is refused. Throws InvalidOptionError naming the option.
 */
export function webhookThreads(options: WebhookOptions): ThreadGateway {
  const resolve: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);
  return openWebhookThreads(options, { env: systemEnv, resolve });
}

/** {@link webhookThreads} in a world of the caller's making. */
export function openWebhookThreads(
  options: WebhookOptions,
  { env, resolve }: { readonly env: Env; readonly resolve: Resolve },
): ThreadGateway {
  const { url, secret, timeout: timeoutMs, allowPrivate } = webhookChecks(options, '');
  if (url.protocol === 'http:' && !allowPrivate) {
    throw new InvalidOptionError('url', "must be https. Plain http needs 'allowPrivate: true'.");
  }
  const hidden = hiddenParts(url, secret);

  return {
    async deliver({ signal, ...delivery }) {
      const ended = new AbortController();
      const stop = (): void => ended.abort(signal.reason);
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
      const timer = env.setTimer(timeoutMs, () => ended.abort(tooSlow(url, timeoutMs)));
      try {
        const request = signedRequest(delivery, secret, env.wallMs());
        const answer = await guardedPost({ url, ...request, allowPrivate, resolve, signal: ended.signal });
        const failure = failureOf(answer, { url, hidden, threadId: delivery.threadId, nowMs: env.wallMs() });
        if (failure) throw failure;
      } finally {
        timer.clear();
        signal.removeEventListener('abort', stop);
      }
    },
  };
}

function signedRequest(
  { threadId, message, followupId, attempt, idempotencyKey }: Omit<Delivery, 'signal'>,
  secret: string,
  nowMs: number,
): { body: string; headers: Record<string, string> } {
  const body = json({ threadId, message, followupId, attempt, sentAt: new Date(nowMs).toISOString() });
  const timestamp = String(Math.floor(nowMs / 1000));
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'carillon',
    // A header takes no other characters.
    'idempotency-key': idempotencyKey.replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent),
    'carillon-timestamp': timestamp,
    'carillon-signature': `v1=${sign(secret, timestamp, body).toString('hex')}`,
  };
  return { body, headers };
}

function json(body: object): string {
  try {
    return JSON.stringify(body);
  } catch (error) {
    throw new InvalidInputError('message', `cannot be sent as JSON: ${(error as Error).message}`);
  }
}

function tooSlow(url: URL, timeoutMs: number): RetryableError {
  return new RetryableError(`The webhook at ${url.host} took longer than ${formatDuration(timeoutMs)}.`, {
    code: 'WEBHOOK_TIMEOUT',
  });
}

interface Asked {
  readonly url: URL;
  readonly hidden: readonly string[];
  readonly threadId: string;
  readonly nowMs: number;
}

/** What an answer means. Null: delivered. */
function failureOf({ status, headers, body, brokenBy }: Answer, { url, hidden, threadId, nowMs }: Asked): Error | null {
  // Half a success may be the beginning of a failure; of a failure the status is enough.
  if (status >= 200 && status < 300) return brokenBy && unreachable(url, brokenBy);
  if (status === 404 || status === 410) return new ThreadNotFoundError(threadId);
  if (status === 409) return new ThreadStoppedError(threadId);
  const message = `The webhook at ${url.host} answered ${status}${excerpt(body, hidden)}`;
  const permanent = status >= 300 && status < 500 && status !== 408 && status !== 425 && status !== 429;
  if (permanent) return new DropError(message, { reason: 'webhook_refused' });
  const retryAfterMs = status === 429 || status === 503 ? retryAfterOf(headers['retry-after'], nowMs) : null;
  return new RetryableError(message, {
    code: `WEBHOOK_${status}`,
    ...(retryAfterMs !== null && { retryAfter: retryAfterMs }),
  });
}

/** Null: the usual backoff, which is also kept where the wait asked for is over or none. */
function retryAfterOf(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  const seconds = /^\d+$/.test(text);
  // Date.parse alone takes a stray number for a year, and a date without a zone for local time.
  const date = /^[A-Z][a-z]+, .*GMT$/.test(text);
  const waitMs = seconds ? Number(text) * 1000 : date ? Date.parse(text) - nowMs : 0;
  return waitMs > 0 ? waitMs : null;
}

/** A receiver may quote the request: what must not be in a message, longest first. */
function hiddenParts(url: URL, secret: string): string[] {
  const values = [...url.searchParams.values()].flatMap((value) => [value, encodeURIComponent(value)]);
  const worthHiding = values.filter((value) => value.length >= MIN_HIDDEN_LENGTH);
  return [secret, url.search.slice(1), ...worthHiding]
    .filter((part) => part !== '')
    .sort((a, b) => b.length - a.length);
}

/** The beginning of an answer, on one line and fit for a log. */
function excerpt(body: Buffer, hidden: readonly string[]): string {
  let text = body.toString('utf8');
  for (const part of hidden) text = text.replaceAll(part, '[hidden]');
  text = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return text === '' ? '.' : `: ${storableText(text, MAX_EXCERPT_BYTES)}`;
}
