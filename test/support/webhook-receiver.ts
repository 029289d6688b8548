/** A real HTTP server that takes deliveries and answers as the test says. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemEnv } from '../../src/env.ts';
import { registerOpened } from './left-behind.ts';

export interface ReceivedRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebhookReceiver {
  readonly port: number;
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** What came, whole. */
  readonly received: readonly ReceivedRequest[];
  /** Connections ever accepted. */
  accepted(): number;
  /** Connections open now. */
  open(): number;
  destroy(): Promise<void>;
}

export type AnswerRequest = (response: ServerResponse, request: ReceivedRequest) => void;

export async function startReceiver(answer: AnswerRequest): Promise<WebhookReceiver> {
  const received: ReceivedRequest[] = [];
  let accepted = 0;
  let open = 0;
  const take = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, url, headers } = incoming;
    const request = { method, url, headers, body: await text(incoming) };
    received.push(request);
    answer(response, request);
  };
  const server = createServer((incoming, response) => void take(incoming, response));
  server.on('connection', (socket) => {
    accepted += 1;
    open += 1;
    socket.on('error', () => {}).on('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const destroy = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  registerOpened({ what: `a webhook receiver on port ${port}`, isOpen: () => server.listening, destroy });
  return { port, origin: `http://127.0.0.1:${port}`, received, accepted: () => accepted, open: () => open, destroy };
}

/** The real world, except that timers wait for `fire()`. */
export function handTimedEnv() {
  const armed = new Map<object, { readonly ms: number; fire(): void }>();
  return {
    ...systemEnv,
    armed,
    setTimer(ms: number, fire: () => void) {
      const timer = { clear: () => void armed.delete(timer) };
      armed.set(timer, { ms, fire });
      return timer;
    },
    fire: () => {
      for (const timer of armed.values()) timer.fire();
    },
  };
}
