/**
 * One POST that goes only where it may. The host is resolved once, every address is judged, and the connection is pinned to
 * what was judged: a name that resolves to something else a moment later changes nothing.
 */

import * as http from 'node:http';
import * as https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { DropError, RetryableError } from '../src/classify.ts';
import { isPublicAddress } from './public-address.ts';

/** The addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface GuardedPost {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Any address will do. */
  readonly allowPrivate: boolean;
  readonly resolve: Resolve;
  /** Ends the exchange wherever it is. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The first 64 KiB. */
  readonly body: Buffer;
  /** Why less than that came than was announced; null where nothing is missing. */
  readonly brokenBy: Error | null;
}

/** Enough for any excerpt; a receiver that sends without end is not listened to. */
const MAX_ANSWER_BYTES = 65_536;

/**
 * The answer, whatever its status; redirects are not followed. Rejects with the signal's reason as soon as it aborts, with a
 * DropError where the address is refused, and with a RetryableError where no answer came. Leaves no connection open.
 */
export async function guardedPost(post: GuardedPost): Promise<Answer> {
  const { signal } = post;
  signal.throwIfAborted();
  // Not every part of an exchange can be aborted (resolving cannot), so the reason races with all of it.
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([exchange(post), aborted]);
}

async function exchange(post: GuardedPost): Promise<Answer> {
  const { url, headers, signal } = post;
  const addresses = await addressesFor(post);
  signal.throwIfAborted();
  const request = (url.protocol === 'https:' ? https : http).request(url, {
    method: 'POST',
    headers,
    signal,
    lookup: pinnedTo(addresses),
    // A connection kept alive could be reused for an address that nobody judged.
    agent: false,
  });
  try {
    return await readAnswer(await answered(request, post.body));
  } catch (error) {
    throw unreachable(url, error);
  } finally {
    request.destroy();
  }
}

async function addressesFor({ url, allowPrivate, resolve }: GuardedPost): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses =
    isIP(host) === 0
      ? await resolve(host).catch((error: unknown) => {
          throw unreachable(url, error);
        })
      : [host];
  if (addresses.length === 0) throw unreachable(url, new Error('its name has no address'));
  // One bad address among good ones is refused too: which of them is used would be up to whoever answers for the name.
  if (!allowPrivate && !addresses.every(isPublicAddress)) {
    throw new DropError(
      `The webhook host ${url.hostname} is not on the public internet. If it is meant to be private, set 'allowPrivate: true' in webhookThreads().`,
      { reason: 'webhook_refused' },
    );
  }
  return addresses;
}

/** Stands in for the resolver of the connection, which would ask a second time. */
function pinnedTo(addresses: readonly string[]): LookupFunction {
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, { all }, answer) => {
    const [first] = pinned;
    if (all) answer(null, pinned);
    else answer(null, first?.address ?? '', first?.family);
  };
}

function answered(request: http.ClientRequest, body: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    // A change of protocol ends without an answer and without an error.
    request.on('close', () => reject(new Error('it closed the connection without an answer')));
    request.end(body);
  });
}

async function readAnswer(response: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let brokenBy: Error | null = null;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) break;
    }
  } catch (error) {
    brokenBy = error as Error;
  }
  const body = Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES);
  return { status: response.statusCode ?? 0, headers: response.headers, body, brokenBy };
}

/** No answer, or not a whole one: another attempt may fare better. */
export function unreachable(url: URL, cause: unknown): RetryableError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new RetryableError(`The webhook at ${url.host} gave no answer: ${code ?? message}.`, {
    code: 'WEBHOOK_NETWORK',
    cause,
  });
}
