import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLI, type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { startProcess } from '../../support/processes.ts';

expectNothingLeftBehind();

let database: TestDatabase;
let folder: CliFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString, LOG_LEVEL: 'silent' });
  const config = `import { defineConfig, defineJob } from 'carillon';
    export default defineConfig({ definitions: [defineJob({ name: 'noop', run: () => {} })] });`;
  writeFileSync(path.join(folder.path, 'carillon.config.ts'), config);
});
afterAll(async () => {
  await folder.remove();
  await database.close();
});

test('a worker serves its metrics on the loopback address for as long as it runs', async () => {
  const worker = startProcess(CLI, {
    args: ['worker', '--metrics-port', '0', '--json', '--timeout', '1s'],
    cwd: folder.path,
    env: folder.env,
  });
  const { metrics } = await worker.line<{ event: string; metrics: string }>(({ event }) => event === 'ready');
  expect(metrics).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const { code } = await folder.run('schedule', 'noop', '--wait');
  expect(code).toBe(0);
  const response = await fetch(metrics);
  expect(response.headers.get('content-type')).toContain('version=0.0.4');
  const text = await response.text();
  expect(text).toContain('carillon_settled_total{name="noop",queue="default",status="success"} 1');
  expect(text).toMatch(/^carillon_store_up 1$/m);
  expect(text).toMatch(/^carillon_pool_connections\{state="total"\} [1-9]/m);
  expect(text).toMatch(/^carillon_event_loop_lag_seconds [\d.e-]+$/m);
  expect((await fetch(metrics.replace('/metrics', '/'))).status).toBe(404);
  expect((await fetch(metrics, { method: 'POST' })).status).toBe(405);
  worker.signal('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expect(fetch(metrics)).rejects.toThrow();
});

test('a port that cannot be one is refused as usage', async () => {
  expect(await folder.run('worker', '--metrics-port', '65536')).toMatchObject({ code: 2 });
});
