/** Recurring work on the command line, as a program of its own each time. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CronView } from '../../../src/index.ts';
import { type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';

expectNothingLeftBehind();

const CONFIG = `import { defineConfig, defineJob } from 'carillon';
const report = defineJob({ name: 'report', run: () => 'done' });
export default defineConfig({ definitions: [report] });
`;

let database: TestDatabase;
let folder: CliFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
  writeFileSync(path.join(folder.path, 'carillon.config.ts'), CONFIG);
});
afterAll(async () => {
  await folder.remove();
  await database.close();
});

const set = ['cron', 'set', 'nightly', '--job', 'report', '--cron', '30 2 * * *', '--timezone', 'Europe/Berlin'];

test('a cron is set, changed, listed, run, backfilled and asked to go', async () => {
  const made = await folder.run(...set, '--json');
  expect([made.code, made.stderr]).toEqual([0, '']);
  expect(made.json()).toMatchObject({ outcome: 'scheduled', cron: { id: 'nightly', state: 'waiting', job: 'report' } });
  const same = await folder.run(...set);
  expect(same.stdout).toMatch(/^nightly {2}skipped_in_flight {2}next \d{4}-/);
  const changed = await folder.run(...set, '--missed', 'all', '--missed-window', '2h', '--jitter', '5m', '--json');
  expect(changed.json()).toMatchObject({ outcome: 'updated' });
  const { crons } = (await folder.run('cron', 'ls', '--json')).json<{ crons: CronView[] }>();
  expect(crons).toMatchObject([{ id: 'nightly', cron: '30 2 * * *', timezone: 'Europe/Berlin', fires: 0 }]);
  expect((await folder.run('cron', 'ls')).stdout).toContain('30 2 * * * Europe/Berlin');
  const run = (await folder.run('cron', 'run', 'nightly', '--json')).json<{ id: string; outcome: string }>();
  expect(run).toMatchObject({ cron: 'nightly', outcome: 'scheduled', id: expect.any(String) });
  const range = ['--from', '2026-01-01', '--to', '2026-01-08'];
  expect((await folder.run('cron', 'backfill', 'nightly', ...range, '--json')).json()).toEqual({
    cron: 'nightly',
    scheduled: 7,
  });
  expect((await folder.run('cron', 'backfill', 'nightly', ...range)).stdout).toBe('Scheduled 0 runs.\n');
  for (const [command, sentence] of [
    ['pause', 'Asked to pause'],
    ['resume', 'Asked to resume'],
    ['rm', 'Asked to remove'],
  ] as const) {
    const asked = await folder.run('cron', command, 'nightly');
    expect([asked.code, asked.stdout]).toEqual([0, `${sentence} cron 'nightly'.\n`]);
  }
}, 240_000);

test('what cannot be is refused with exit code 2, and an unknown cron with 1', async () => {
  const never = await folder.run('cron', 'set', 'x', '--job', 'report', '--cron', '0 0 30 2 *');
  expect([never.code, never.stdout]).toEqual([2, '']);
  expect(never.stderr).toContain("Option 'cron' never fires");
  expect((await folder.run('cron', 'set', 'x', '--job', 'report')).stderr).toContain('Give an expression, or --every.');
  const nobody = await folder.run('cron', 'pause', 'nobody');
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("No cron 'nobody'.")]);
}, 120_000);

test('a preview needs neither configuration nor database', async () => {
  const empty = createCliFolder({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
  try {
    const from = ['--from', '2026-03-28T12:00:00Z'];
    const shown = await empty.run('cron', 'preview', '30 2 * * *', '--timezone', 'Europe/Berlin', '-n', '2', ...from);
    expect([shown.code, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toContain('2026-03-29T01:00:00.000Z  Sunday, 29 March 2026 at 03:00:00 CEST');
    const { fires } = (await empty.run('cron', 'preview', '--every', '90m', '-n', '3', '--json', ...from)).json<{
      fires: { at: string }[];
    }>();
    expect(fires.map(({ at }) => at)).toEqual(['13:30', '15:00', '16:30'].map((time) => `2026-03-28T${time}:00.000Z`));
  } finally {
    await empty.remove();
  }
}, 120_000);
