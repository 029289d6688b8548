/** The commands about follow-ups. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShownActor } from '../../../src/cli/show.ts';
import type { ActorView } from '../../../src/reading/views.ts';
import { type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';

expectNothingLeftBehind();

const LONG_MS = 120_000;

let database: TestDatabase;
let folder: CliFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
  writeFileSync(path.join(folder.path, 'carillon.config.ts'), 'export default { definitions: [] };\n');
}, LONG_MS);

afterAll(async () => {
  await folder.remove();
  await database.close();
});

interface Scheduled {
  readonly id: string;
  readonly outcome: string;
  readonly replaced?: string;
}

async function followup<T = Scheduled>(...args: readonly string[]): Promise<T> {
  return (await folder.run('followup', ...args, '--json')).json<T>();
}

describe('followup', () => {
  test(
    'schedules a message, JSON or text, says whose place it took, and is listed and shown',
    async () => {
      const to = ['--thread', 't-1', '--delay', '1h'];
      const first = await followup(...to, '--message', 'Is the build green?', '--key', 'build', '--label', 'ci');
      const again = await folder.run('followup', ...to, '-m', '{"build":17}', '--key', 'build', '--keep');
      expect(again.stdout).toMatch(new RegExp(`^[0-9a-f-]{36} {2}replaced\nIt took the place of ${first.id}.\n$`));
      const { items } = await followup<{ items: ActorView[] }>('ls', '--thread', 't-1');
      expect(items.map(({ id, labels }) => [id, labels])).toContainEqual([first.id, ['thread:t-1', 'key:build', 'ci']]);
      const text = (await folder.run('followup', 'ls', '--thread', 't-1')).stdout;
      expect(text).toMatch(/^ID +STATE +ATTEMPT +WHEN +LABELS\n/);
      expect(text).toMatch(/scheduled +due in (1h|60m) +key:build, kept\n/);
      const { kind, actor } = (await folder.run('show', first.id, '--json')).json<ShownActor>();
      expect([kind, actor.name]).toEqual(['followup', 'carillon.followup']);
    },
    LONG_MS,
  );

  test(
    'an idempotency key is taken once',
    async () => {
      const args = ['--thread', 't-2', '-m', '1', '--at', '2100-01-01T00:00:00Z', '--idempotency-key', 'once'];
      expect((await folder.run('followup', ...args)).stderr).toContain("Option 'at' must lie 1s to 366d ahead");
      const inTime = [...args.slice(0, 4), '--delay', '7d', ...args.slice(6)];
      const [first, second] = [await followup(...inTime), await followup(...inTime)];
      expect([first.outcome, second.outcome, second.id]).toEqual(['scheduled', 'skipped_in_flight', first.id]);
    },
    LONG_MS,
  );

  test(
    'cancel asks those of a key or of a thread to end, and says how many',
    async () => {
      for (const key of ['a', 'b']) await followup('--thread', 't-3', '-m', 'x', '--delay', '1h', '--key', key);
      expect(await followup('cancel', '--key', 'a')).toEqual({ key: 'a', cancelled: 1 });
      expect((await folder.run('followup', 'cancel', '--thread', 't-3')).stdout).toBe('Asked 2 follow-ups to end.\n');
    },
    LONG_MS,
  );
});
