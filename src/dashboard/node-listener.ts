/** A Fetch handler as a listener of node:http, which Express, Fastify and others take as well. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setPeer } from './peer.ts';

export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Makes a listener for node:http of a Fetch handler, such as `createDashboard` gives. In Express:
 * `app.use('/carillon', toNodeListener(createDashboard(scheduler, { basePath: '/carillon', authorize })))`.
 */
export function toNodeListener(handler: (request: Request) => Promise<Response>): NodeListener {
  return (incoming, outgoing) => {
    answer(handler, incoming, outgoing).catch(() => {
      // Gone away in the middle, or a request that is none.
      if (!outgoing.headersSent) outgoing.writeHead(400);
      outgoing.end();
    });
  };
}

async function answer(
  handler: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const response = await handler(requestOf(incoming, gone.signal));
  outgoing.writeHead(response.status, [...response.headers].flat());
  if (!response.body) return void outgoing.end();
  // What waits for its first event would otherwise not be answered at all.
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(response.body), outgoing, { signal: gone.signal });
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  // Where it is mounted below a path, Express keeps the whole one here.
  const { originalUrl = incoming.url ?? '/' } = incoming as { readonly originalUrl?: string };
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headersDistinct))
    for (const one of value ?? []) headers.append(name, one);
  const { method = 'GET' } = incoming;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const url = new URL(originalUrl, `http://${incoming.headers.host ?? 'localhost'}`);
  // A parser that ran before this one has taken the body, and left what it made of it.
  const { body: parsed } = incoming as { readonly body?: unknown };
  const stream = (): ReadableStream<Uint8Array> => Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  const text = parsed !== undefined && incoming.readableEnded ? JSON.stringify(parsed) : null;
  const body = hasBody ? { body: text ?? stream(), duplex: 'half' as const } : {};
  const request = new Request(url, { method, headers, signal, ...body });
  setPeer(request, incoming.socket.remoteAddress ?? '');
  return request;
}
