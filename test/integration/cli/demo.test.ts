import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLI, type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { startProcess } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

let database: TestDatabase;
let folder: CliFolder;

beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
});

afterAll(async () => {
  await folder.remove();
  await database.close();
});

async function schemas(): Promise<string[]> {
  const { rows } = await database
    .pool()
    .query<{ name: string }>("select nspname as name from pg_namespace where nspname like 'carillon%'");
  return rows.map(({ name }) => name);
}

test('the demo keeps every promise, and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await folder.run('demo');
  expect(stderr).toBe('');
  expect(stdout).toContain('Worker A is dead: SIGKILL');
  expect(stdout.match(/^✓ /gm)).toHaveLength(8);
  expect(stdout).toContain('Everything happened as promised.');
  expect(code).toBe(0);
  expect(await schemas()).toEqual([]);
}, 60_000);

test('a demo that is stopped ends its workers and drops its tables', async () => {
  const demo = startProcess(CLI, { args: ['demo'], cwd: folder.path, env: folder.env });
  const pid = await waitUntil(() => /Worker A \(process (\d+)\) is up/.exec(demo.output())?.[1], {
    timeoutMs: 40_000,
    what: 'a worker',
  });
  demo.signal('SIGINT');
  expect(await demo.ended).toEqual({ code: 1, signal: null });
  expect(demo.output()).toContain('Stopped.');
  expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
  expect(await schemas()).toEqual([]);
}, 60_000);
