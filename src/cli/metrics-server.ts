/** The metrics of a worker over HTTP, for whoever is on the same machine. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scheduler } from '../scheduler.ts';
import { UsageError } from './usage.ts';

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** `port` 0: any that is free. */
export async function serveMetrics(scheduler: Pick<Scheduler, 'metrics'>, port: number): Promise<MetricsServer> {
  const server = createServer((request, response): void => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== '/metrics') response.writeHead(404).end('Metrics are at /metrics.\n');
    else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
    else answer(response);
  });
  const answer = (response: ServerResponse): void => {
    scheduler.metrics().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      (error: unknown) => response.writeHead(503).end(`${(error as Error).message}\n`),
    );
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new UsageError(`--metrics-port ${port}: ${error.message}`)));
    server.listen(port, '127.0.0.1', resolve);
  });
  // The event loop is measured from the first look on.
  await scheduler.metrics();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
