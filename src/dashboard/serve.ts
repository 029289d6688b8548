/** The dashboard on a port of its own. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidOptionError } from '../errors.ts';
import { type Dashboard } from './dashboard.ts';
import { toNodeListener } from './node-listener.ts';
import { isLoopback } from './peer.ts';

export interface ServedDashboard {
  readonly url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** @defaultValue '127.0.0.1' */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  /** It has an `authorize` hook, and may be reached from elsewhere. */
  readonly guarded: boolean;
}

/** @throws InvalidOptionError for an address beyond this machine without `authorize` */
export async function serveDashboard(
  dashboard: Dashboard,
  { host = '127.0.0.1', port, guarded }: ServeOptions,
): Promise<ServedDashboard> {
  if (!guarded && host !== 'localhost' && !isLoopbackHost(host)) {
    throw new InvalidOptionError(
      'host',
      `must be a loopback address, got '${host}': whoever reaches another one could act on every run. Mount createDashboard() with an \`authorize\` hook in your application instead.`,
    );
  }
  const server = createServer(toNodeListener(dashboard));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound, address, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Pages that are open hold a connection for as long as they are.
        server.closeAllConnections();
      }),
  };
}

function isLoopbackHost(host: string): boolean {
  try {
    return isLoopback(host);
  } catch {
    return false;
  }
}
