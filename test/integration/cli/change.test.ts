/** Changing what runs, from the command line: `check` before a deploy, `quarantine` after one, `fork` for what might have been. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setup } from 'xstate';
import type { ShownActor } from '../../../src/cli/show.ts';
import { createScheduler, defineActor, type Scheduler } from '../../../src/index.ts';
import { type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';

expectNothingLeftBehind();

/** The folder has no packages of its own. */
const XSTATE = import.meta.resolve('xstate');
const LONG_MS = 60_000;

let database: TestDatabase;
let folder: CliFolder;
let scheduler: Scheduler;
let id: string;

/** A configuration with one version of a door. */
function write(file: string, version: number, state: string, extra = ''): void {
  const text = `import { defineActor, defineConfig } from 'carillon';
    import { createMachine } from '${XSTATE}';
    const machine = createMachine({ id: 'door', initial: '${state}', states: {
      ${state}: { on: { knock: {}, open: 'open' }, after: { 3600000: 'open' } }, ${extra}
      open: { type: 'final' } } });
    export default defineConfig({ definitions: [defineActor({ name: 'door', version: ${version}, machine })] });`;
  writeFileSync(path.join(folder.path, file), text);
}

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
  write('carillon.config.ts', 1, 'closed');
  write('same.config.ts', 2, 'closed');
  write('renamed.config.ts', 2, 'shut', 'attic: {},');
  const machine = setup({ types: { events: {} as { type: 'knock' } | { type: 'open' } } }).createMachine({
    id: 'door',
    initial: 'closed',
    states: { closed: { on: { knock: {}, open: 'open' }, after: { 3_600_000: 'open' } }, open: { type: 'final' } },
  });
  const door = defineActor({ name: 'door', machine });
  scheduler = await createScheduler({ definitions: [door], postgres: database.connectionString, logger: false });
  await scheduler.start();
  ({ id } = await scheduler.schedule(door));
  await scheduler.send(id, { type: 'knock' });
  await scheduler.waitFor(id, { state: 'closed', timeout: '20s' });
}, LONG_MS);

afterAll(async () => {
  await scheduler.stop({ timeout: 0 });
  await folder.remove();
  await database.close();
});

interface Checked {
  readonly compatible: boolean;
  readonly definitions: readonly {
    readonly name: string;
    readonly version: number;
    readonly checked: number;
    readonly failed: number;
    readonly failing: readonly { readonly id: string; readonly reason: string }[];
    readonly warnings: readonly string[];
  }[];
}

test(
  'check passes what fits, names what breaks with exit code 3, and registers nothing',
  async () => {
    const [same, renamed, strict] = await Promise.all([
      folder.run('check', '--json', '--config', 'same.config.ts'),
      folder.run('check', '--json', '--config', 'renamed.config.ts'),
      folder.run('check', '--strict', '--config', 'renamed.config.ts'),
    ]);
    expect([same.code, same.stderr]).toEqual([0, '']);
    expect(same.json<Checked>()).toMatchObject({
      compatible: true,
      definitions: [{ name: 'door', version: 2, checked: 1, fitting: 1, replayed: 1, diverging: [], warnings: [] }],
    });
    expect(renamed.code).toBe(3);
    expect(renamed.json<Checked>().definitions).toMatchObject([
      {
        failed: 1,
        failing: [{ id, version: 1, reason: expect.stringContaining("'closed'") }],
        warnings: [expect.stringContaining("state 'attic' can never be entered")],
      },
    ]);
    expect(strict.code).toBe(3);
    expect(strict.stdout).toMatch(/door@2 +1 +0 +0 +1/);
    expect(strict.stdout).toContain(id);
    const { rows } = await database
      .pool({ max: 1 })
      .query<{ version: number }>(`select version from carillon.definitions where name = 'door'`);
    expect(rows).toEqual([{ version: 1 }]);
  },
  LONG_MS,
);

test(
  'check --strict fails on what only looks wrong',
  async () => {
    write('odd.config.ts', 2, 'closed', 'attic: {},');
    const [plain, strict] = await Promise.all([
      folder.run('check', '--config', 'odd.config.ts'),
      folder.run('check', '--strict', '--json', '--config', 'odd.config.ts'),
    ]);
    expect([plain.code, strict.code]).toEqual([0, 3]);
    expect(plain.stdout).toContain("state 'attic' can never be entered");
    expect(plain.stdout).toContain('Nothing would break.');
    expect(strict.json<Checked>()).toMatchObject({ compatible: false });
  },
  LONG_MS,
);

test(
  'fork makes a held copy, show names its origin, and quarantine lets it go',
  async () => {
    const knock = ['--event', '{"type":"knock"}'];
    const forked = await folder.run('fork', id, '--at', '1', ...knock, ...knock, '--json');
    expect([forked.code, forked.stderr]).toEqual([0, '']);
    const copy = forked.json<{ id: string }>();
    expect(copy).toMatchObject({ forkOf: { id, seq: 1 }, held: true, state: 'closed' });
    const [shown, page, listed] = await Promise.all([
      folder.run('show', copy.id, '--json'),
      folder.run('show', copy.id),
      folder.run('quarantine', 'ls', '--json'),
    ]);
    expect(shown.json<ShownActor>().actor).toMatchObject({ forkOf: { id, seq: 1 }, seq: 3, status: 'quarantined' });
    expect(page.stdout).toContain(`${id}, as of step 1`);
    expect(listed.json<{ items: { id: string }[] }>().items.map((item) => item.id)).toEqual([copy.id]);
    expect((await folder.run('quarantine', 'release', copy.id)).code).toBe(0);
    await scheduler.send(copy.id, { type: 'open' });
    expect(await scheduler.waitFor(copy.id, { timeout: '20s' })).toMatchObject({ status: 'done' });
    const refused = await folder.run('fork', id, '--at', '99');
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/atSeq/);
  },
  LONG_MS,
);
