/** What `show` says of a flow. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { delayedGreeting } from '../../../examples/delayed-greeting.ts';
import { longReport } from '../../../examples/long-report.ts';
import type { ShownActor } from '../../../src/cli/show.ts';
import { createScheduler } from '../../../src/index.ts';
import { type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';

expectNothingLeftBehind();

const EXAMPLES = ['--config', fileURLToPath(new URL('../../../examples/carillon.config.ts', import.meta.url))];
const LONG_MS = 120_000;

let database: TestDatabase;
let folder: CliFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
}, LONG_MS);

afterAll(async () => {
  await folder.remove();
  await database.close();
});

test(
  'a flow is shown with how its children are, by key, and with how many more there are than it lists',
  async () => {
    const scheduler = await createScheduler({
      definitions: [delayedGreeting, longReport],
      postgres: database.connectionString,
      logger: false,
    });
    await scheduler.start();
    const greetings = Array.from({ length: 25 }, (_, n) => ({
      key: `greeting-${n}`,
      job: delayedGreeting,
      input: { name: 'Ada' },
    }));
    const report = { key: 'report', job: longReport, input: { pages: 1000 }, after: ['greeting-3'] };
    const { id } = await scheduler.scheduleFlow({ name: 'mixed', children: [...greetings, report] });
    const counts = async (): Promise<unknown> => (await scheduler.get(id))?.context;
    await expect.poll(counts, { timeout: 20_000 }).toMatchObject({ children: `${'+'.repeat(25)}>` });
    const text = await folder.run('show', id, ...EXAMPLES);
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(/children +1 started, 25 done/);
    expect(text.stdout).toMatch(/child +1 of 26 under way: report/);
    const listed = [...text.stdout.matchAll(/carillon show \S+ {2}(\S+): (\S+), /g)].map(([, key]) => key);
    // What has not succeeded comes first.
    expect([listed.length, listed[0]]).toEqual([20, 'report']);
    expect(text.stdout).toContain(`carillon ls --parent ${id} --limit 1000  6 more`);
    const { children, moreChildren } = (await folder.run('show', id, '--json', ...EXAMPLES)).json<ShownActor>();
    expect([children.length, moreChildren]).toEqual([26, false]);
    await scheduler.cancel(id);
    await scheduler.stop({ timeout: 500 });
  },
  LONG_MS,
);
