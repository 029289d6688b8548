import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP endpoint that is down for its first calls. */
export interface Endpoint {
  readonly url: string;
  /** The idempotency key of every call so far. */
  readonly calls: readonly string[];
  close(): Promise<void>;
}

export async function openEndpoint(failures: number): Promise<Endpoint> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    calls.push(String(request.headers['idempotency-key']));
    response.statusCode = calls.length <= failures ? 503 : 200;
    response.end(calls.length <= failures ? 'try again' : 'order received');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
