/** A process that uses the embedded Postgres of the folder in its first argument, as told by JSON lines on stdin. */
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { openEmbeddedPostgres } from '../../src/embedded.ts';
import { systemEnv } from '../../src/env.ts';

export type TenantOrder = { readonly query: string } | { readonly close: true } | { readonly forget: true };

const [dataDir = '', uid] = process.argv.slice(2);
if (uid !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}
const say = (line: unknown): void => console.log(JSON.stringify(line));

try {
  const server = await openEmbeddedPostgres({ dataDir, env: systemEnv });
  say({ opened: true, adopted: server.adopted, created: server.created });
  for await (const text of createInterface({ input: process.stdin })) {
    const order = JSON.parse(text) as TenantOrder;
    if ('close' in order) {
      await server.close();
      say({ closed: true });
    }
    if (!('query' in order)) break;
    const client = new Client(server.connectionString);
    client.on('error', () => undefined);
    await client.connect();
    say({ rows: (await client.query(order.query)).rows });
    await client.end();
  }
} catch (error) {
  say({ failed: (error as { code?: unknown }).code, message: (error as Error).message });
}
process.stdin.destroy();
