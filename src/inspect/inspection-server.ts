/**
 * Inspection events over a WebSocket on the loopback address, one JSON text each, as `createWebSocketReceiver` reads them. What was
 * told before is told again to whoever connects. Pages of other origins are refused: a browser would let any of them connect.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { bridgePage, bridgeScript, bridgeStyle } from './bridge-page.ts';
import type { StatelyInspectionEvent } from './stately-events.ts';

/** Events kept for those who come later. */
const MAX_KEPT = 5_000;
/** A reader that leaves this many bytes unread is let go: it would have all of them kept for it. */
const MAX_UNREAD_BYTES = 16_777_216;
const NEVER_READ_BYTES = 1024;

export interface InspectionServerOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** The inspector that the bridge page frames. */
  readonly viewer: URL;
  /** Origins of other pages that may connect. */
  readonly origins: readonly string[];
}

export class InspectionServer {
  readonly #options: InspectionServerOptions;
  /** By session, in order of their introduction: whole sessions are forgotten, the eldest first. */
  readonly #kept = new Map<string, string[]>();
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: NEVER_READ_BYTES });
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #count = 0;

  constructor(options: InspectionServerOptions) {
    this.#options = options;
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.#isWelcome(request))
        this.#sockets.handleUpgrade(request, socket, head, (client) => this.#welcome(client));
      else socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  tell(event: StatelyInspectionEvent): void {
    const text = JSON.stringify(event);
    this.#keep(event.sessionId, text);
    for (const client of this.#sockets.clients) send(client, text);
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #keep(session: string, text: string): void {
    const events = this.#kept.get(session) ?? [];
    this.#kept.set(session, events);
    events.push(text);
    this.#count += 1;
    for (const [eldest, gone] of this.#kept) {
      if (this.#count <= MAX_KEPT || eldest === session) return;
      this.#kept.delete(eldest);
      this.#count -= gone.length;
    }
  }

  #welcome(client: WebSocket): void {
    client.on('error', () => client.terminate());
    for (const events of this.#kept.values()) for (const text of events) send(client, text);
  }

  /** A name in `Host` that is not ours was made to point here; an `Origin` that is not ours is another page. */
  #isWelcome({ headers: { host, origin } }: IncomingMessage): boolean {
    const own = ['127.0.0.1', 'localhost'].map((name) => `${name}:${this.port}`);
    if (host === undefined || !own.includes(host)) return false;
    return (
      origin === undefined || own.includes(origin.replace('http://', '')) || this.#options.origins.includes(origin)
    );
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { viewer } = this.#options;
    const pages: Readonly<Record<string, readonly [type: string, text: string]>> = {
      '/': ['text/html', bridgePage(viewer)],
      '/bridge.js': ['text/javascript', bridgeScript],
      '/bridge.css': ['text/css', bridgeStyle],
    };
    const page = Object.hasOwn(pages, request.url ?? '') ? pages[request.url as string] : undefined;
    if (!this.#isWelcome(request)) response.writeHead(403).end();
    else if (!page) response.writeHead(404).end();
    else {
      const policy = `default-src 'self'; img-src data:; connect-src 'self' ws:; frame-src ${viewer.origin}; frame-ancestors 'none'`;
      response.writeHead(200, {
        'content-type': `${page[0]}; charset=utf-8`,
        'content-security-policy': policy,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
      response.end(page[1]);
    }
  }
}

function send(client: WebSocket, text: string): void {
  if (client.readyState !== WebSocket.OPEN) return;
  if (client.bufferedAmount > MAX_UNREAD_BYTES) client.terminate();
  else client.send(text);
}
