/** The commands of operators: retry, retry-failed, prune, key release, audit, and what the doctor says of the sweep. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ShownActor } from '../../../src/cli/show.ts';
import type { AuditRecord, RetryFailedResult } from '../../../src/index.ts';
import { workerDuties } from '../../../src/sweep/upkeep.ts';
import { CLI, type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { startProcess } from '../../support/processes.ts';

expectNothingLeftBehind();

const LONG_MS = 300_000;

let database: TestDatabase;
let folder: CliFolder;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = database.pool();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
  await writeFile(
    path.join(folder.path, 'carillon.config.ts'),
    `import { existsSync } from 'node:fs';
    import { DropError, defineConfig, defineJob } from 'carillon';
    const brittle = defineJob({
      name: 'brittle',
      run() {
        if (!existsSync('mended')) throw new DropError('the \\u001b[31mpipe\\u001b[0m is broken');
        return 'mended';
      },
    });
    const slow = defineJob({
      name: 'slow',
      retry: { maxRetries: 0 },
      recovery: { every: '1h', max: 5 },
      run() { throw new Error('busy'); },
    });
    export default defineConfig({ definitions: [brittle, slow], operator: 'ada' });`,
  );
});
afterAll(async () => {
  await folder.remove();
  await database.close();
});

test(
  'dropped runs are previewed, begin again one by one or together, and the audit tells',
  async () => {
    const worker = startProcess(CLI, { args: ['worker', '--json', '--events'], cwd: folder.path, env: folder.env });
    await worker.line(({ event }: { event: string }) => event === 'ready');
    const settled = (id: string, status: string): Promise<unknown> =>
      worker.line(
        (line: { event: string; id?: string; record?: { status: string } }) =>
          line.event === 'settled' && line.id === id && line.record?.status === status,
        60_000,
      );
    const schedule = async (...args: string[]): Promise<string> =>
      (await folder.run('schedule', ...args, '--json')).json<{ id: string }>().id;
    const [first, second, recovering] = [
      await schedule('brittle', '--key', 'k'),
      await schedule('brittle'),
      await schedule('slow'),
    ];
    for (const id of [first, second]) await settled(id, 'failed_dropped');
    const shown = (await folder.run('ls', '--name', 'slow')).stdout;
    expect(shown).toMatch(/Failed \(recovering, 1 of 5, next in 1 h\)|Failed \(recovering, 1 of 5, next in 60 m\)/);
    expect((await folder.run('show', recovering)).stdout).toMatch(/timer +Failed \(recovering, 1 of 5, next in/);

    const preview = await folder.run('retry-failed', '--name', 'brittle', '--error', 'PIPE', '--preview');
    expect([preview.code, preview.stdout]).toEqual([0, `2 would begin again:\n  ${first}\n  ${second}\n`]);
    expect((await folder.run('retry', recovering)).stderr).toContain("it is 'active'");

    await writeFile(path.join(folder.path, 'mended'), '');
    expect((await folder.run('retry', first)).stdout).toBe(`${first} begins again.\n`);
    await settled(first, 'success');
    const key = await folder.run('key', 'release', 'k', '--reason', 'by hand', '--json');
    expect([key.code, key.json()]).toEqual([0, { key: 'k', released: true }]);
    expect((await folder.run('key', 'release', 'k', '--reason', 'again')).code).toBe(1);
    const many = await folder.run('retry-failed', '--queue', 'default', '--json');
    expect(many.json<RetryFailedResult>()).toMatchObject({ ids: [second], matched: 1, retried: 1, pruned: 0 });
    await settled(second, 'success');
    const { actor } = (await folder.run('show', second, '--json')).json<ShownActor>();
    expect(actor).toMatchObject({ status: 'done', retried: 1, attempt: 2 });

    const audit = (await folder.run('audit', '--json')).json<{ items: AuditRecord[] }>();
    expect(audit.items.map(({ action, who }) => `${action} ${who}`)).toEqual([
      'retryFailed ada',
      'releaseKey ada',
      'retry ada',
    ]);
    const text = (await folder.run('audit', '--action', 'releaseKey')).stdout;
    expect(text).toMatch(/WHEN +WHO +ACTION/);
    expect(text).toContain('k (by hand)');
    await worker.kill();
  },
  LONG_MS,
);

test(
  'prune says what went and what was kept',
  async () => {
    const run = await folder.run('prune');
    expect([run.code, run.stdout]).toEqual([
      0,
      '0 successful and 0 dropped runs are gone; 0 are carried for flows that still run.\n',
    ]);
    expect((await folder.run('prune', '--json')).json()).toEqual({
      done: 0,
      dropped: 0,
      carried: 0,
      blocked: 0,
      total: [],
    });
  },
  LONG_MS,
);

test(
  'the doctor finds a duty that never completed a pass, one that stopped, and what could not be recovered',
  async () => {
    const sick = async (): Promise<Record<string, string>> => {
      const run = await folder.run('doctor', '--json');
      const { checks } = run.json<{ checks: { check: string; result: string; detail: string }[] }>();
      const found = Object.fromEntries(
        checks.filter(({ result }) => result === 'found').map(({ check, detail }) => [check, detail]),
      );
      expect(run.code).toBe(Object.keys(found).length > 0 ? 3 : 0);
      return found;
    };
    await pool.query(`delete from carillon.workers`);
    await pool.query(`insert into carillon.workers (id, namespace, host, pid, defs, queues, lease_ms, concurrency, joined_at, beat_at)
      values ('00000000-0000-7000-8000-00000000000a', 'default', 'here', 1, '{}', '{}', 3600000, 1, now(), now())`);
    expect(await sick()).not.toHaveProperty('duties');
    await pool.query(`update carillon.workers set joined_at = now() - interval '1 hour'`);
    expect((await sick())['duties']).toMatch(
      /'next-due' of worker [0-9a-f-]{36} has never completed a pass, and \d+ more/,
    );
    const report = async (lastPass: string): Promise<void> => {
      await pool.query(
        `update carillon.workers set duties = (select jsonb_agg(jsonb_build_object('name', name, 'everyMs', 1000,
          'processed', 0, 'errors', 0, 'lastPassAt', case when name = 'reap' then ${lastPass}
            else extract(epoch from now()) * 1000 end)) from unnest($1::text[]) name)`,
        [workerDuties],
      );
    };
    await report('null');
    expect((await sick())['duties']).toMatch(/^'reap' of worker [0-9a-f-]{36} has never completed a pass\. /);
    await report(`extract(epoch from now() - interval '5 minutes') * 1000`);
    expect((await sick())['duties']).toMatch(/^'reap' of worker [0-9a-f-]{36} completed its last pass 5m ago/);
    await report('extract(epoch from now()) * 1000');
    await pool.query(
      `insert into carillon.set_aside values ('reap', 'w/1', 3, 'it broke.', now(), now() + interval '1 minute')`,
    );
    const found = await sick();
    expect(found).not.toHaveProperty('duties');
    expect(found['set aside']).toMatch(/'reap' failed 3 times on w\/1: it broke/);
  },
  LONG_MS,
);
