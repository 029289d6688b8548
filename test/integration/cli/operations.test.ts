/** The commands that look after a system: worker, queue, quarantine, migrate, doctor, init, dev. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShownActor } from '../../../src/cli/show.ts';
import { CLI, type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { startProcess, type TestProcess } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

const EXAMPLES = ['--config', fileURLToPath(new URL('../../../examples/carillon.config.ts', import.meta.url))];
const LONG_MS = 60_000;

interface Diagnosis {
  readonly healthy: boolean;
  readonly checks: readonly { readonly check: string; readonly result: string; readonly detail: string }[];
}

let database: TestDatabase;
let folder: CliFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
});

afterAll(async () => {
  await folder.remove();
  await database.close();
});

async function startWorker(at: CliFolder, ...args: readonly string[]): Promise<TestProcess> {
  const worker = startProcess(CLI, { args: ['worker', '--json', '--events', ...args], cwd: at.path, env: at.env });
  await worker.line(({ event }: { event: string }) => event === 'ready');
  return worker;
}

async function show(id: string): Promise<ShownActor> {
  return (await folder.run('show', id, '--json', ...EXAMPLES)).json<ShownActor>();
}

function foundBy({ checks }: Diagnosis): string[] {
  return checks.filter(({ result }) => result === 'found').map(({ check }) => check);
}

describe('worker', () => {
  test(
    'ends with 0 on SIGTERM, and hands what runs to the next one without spending an attempt',
    async () => {
      const first = await startWorker(folder, '--timeout', '0s', ...EXAMPLES);
      const input = '{"pages":30,"msPerPage":250}';
      const scheduled = await folder.run('schedule', 'long-report', '-i', input, '--json', ...EXAMPLES);
      const { id } = scheduled.json<{ id: string }>();
      await waitUntil(async () => (await show(id)).actor.progress !== undefined, { timeoutMs: 30_000 });
      first.signal('SIGTERM');
      expect(await first.ended).toEqual({ code: 0, signal: null });
      const second = await startWorker(folder, ...EXAMPLES);
      const settled = await second.line<{ event: string; id: string; record: { attempts: number; status: string } }>(
        (line) => line.event === 'settled' && line.id === id,
      );
      expect(settled.record).toMatchObject({ status: 'success', attempts: 1 });
      second.signal('SIGINT');
      expect(await second.ended).toEqual({ code: 0, signal: null });
    },
    LONG_MS,
  );
});

test(
  'a paused queue is listed and found by the doctor once it has work, and goes on when resumed',
  async () => {
    expect((await folder.run('queue', 'pause', 'default', ...EXAMPLES)).code).toBe(0);
    const queues = (await folder.run('queue', 'ls', '--json', ...EXAMPLES)).json<{
      queues: { queue: string; paused: boolean }[];
    }>();
    expect(queues.queues.filter(({ paused }) => paused)).toMatchObject([{ queue: 'default' }]);
    const { id } = (
      await folder.run('schedule', 'delayed-greeting', '-i', '{"name":"Ada"}', '--json', ...EXAMPLES)
    ).json<{ id: string }>();
    const sick = await folder.run('doctor', '--json', ...EXAMPLES);
    expect(sick.code).toBe(3);
    expect(foundBy(sick.json())).toEqual(['workers', 'paused']);
    expect((await folder.run('queue', 'resume', 'default', ...EXAMPLES)).code).toBe(0);
    const worker = await startWorker(folder, ...EXAMPLES);
    await worker.line((line: { event: string; id?: string }) => line.event === 'settled' && line.id === id);
    const healthy = await folder.run('doctor', '--json', ...EXAMPLES);
    expect([healthy.code, healthy.json<Diagnosis>().healthy]).toEqual([0, true]);
    await worker.kill();
  },
  LONG_MS,
);

test(
  'a quarantined actor is listed with its reason, found by the doctor, and goes on when released',
  async () => {
    const config = path.join(folder.path, 'mendable.config.ts');
    const text = (guard: string): string => `
      import { defineActor, defineConfig } from 'carillon';
      import { setup } from '${import.meta.resolve('xstate')}';
      const machine = setup({ types: { events: {} as { type: 'go' } } }).createMachine({
        initial: 'open',
        states: { open: { on: { go: { guard: () => { ${guard} }, target: 'closed' } } }, closed: { type: 'final' } },
      });
      export default defineConfig({ namespace: 'mendable', definitions: [defineActor({ name: 'door', machine })] });`;
    await writeFile(config, text("throw new Error('the hinge is broken');"));
    const at = ['--config', config];
    const broken = await startWorker(folder, ...at);
    const { id } = (await folder.run('schedule', 'door', '--json', ...at)).json<{ id: string }>();
    await folder.run('send', id, 'go', ...at);
    await broken.line((line: { event: string; id?: string }) => line.event === 'quarantined' && line.id === id);
    await broken.kill();
    expect((await folder.run('quarantine', 'ls', ...at)).stdout).toContain('the hinge is broken');
    expect(foundBy((await folder.run('doctor', '--json', ...at)).json())).toContain('quarantine');

    await writeFile(config, text('return true;'));
    const mended = await startWorker(folder, ...at);
    const released = await folder.run('quarantine', 'release', id, '--json', ...at);
    expect(released.json()).toEqual({ released: [id] });
    await mended.line((line: { event: string; id?: string }) => line.event === 'settled' && line.id === id);
    await mended.kill();
    expect((await folder.run('quarantine', 'ls', ...at)).stdout).toBe('No actor is quarantined.\n');
  },
  LONG_MS,
);

describe('migrate', () => {
  test(
    'plans without running anything, then runs, then has nothing to do',
    async () => {
      const empty = await createTestDatabase({ empty: true });
      const place = createCliFolder({ DATABASE_URL: empty.connectionString });
      const planned = await place.run('migrate', '--plan', '--json');
      const { current, pending } = planned.json<{ current: number; pending: { sql: string }[] }>();
      expect([current, pending[0]?.sql]).toEqual([0, expect.stringContaining('create table carillon.actors')]);
      const sick = await place.run('doctor');
      expect(sick.code).toBe(3);
      expect(sick.stdout).toContain('Run `carillon migrate`.');
      expect((await place.run('migrate')).stdout).toContain('Applied 0001');
      expect((await place.run('migrate')).stdout).toMatch(/^Nothing to do/);
      expect((await place.run('doctor')).code).toBe(0);
      await place.remove();
      await empty.close();
    },
    LONG_MS,
  );
});

test(
  'the doctor finds a database that is not there',
  async () => {
    const place = createCliFolder({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    const run = await place.run('doctor', '--json');
    expect([run.code, foundBy(run.json())]).toEqual([3, ['database']]);
    expect((await place.run('ls', ...EXAMPLES)).code).toBe(1);
    await place.remove();
  },
  LONG_MS,
);

test(
  'init writes a configuration that dev runs, and dev restarts its worker when it changes',
  async () => {
    const place = createCliFolder({ DATABASE_URL: database.connectionString });
    expect((await place.run('init')).code).toBe(0);
    expect((await place.run('init')).code).toBe(2);
    await writeFile(path.join(place.path, 'package.json'), '{}');
    const untyped = await place.run('ls');
    expect([untyped.code, untyped.stderr]).toEqual([2, expect.stringContaining('npm pkg set type=module')]);
    await writeFile(path.join(place.path, 'package.json'), '{ "type": "module" }');
    const dev = startProcess(CLI, { args: ['dev'], cwd: place.path, env: place.env });
    const workers = (): string[] => [...dev.output().matchAll(/Worker (\d+) is ready/g)].map(([, pid]) => pid ?? '');
    await waitUntil(() => workers().length === 1, { timeoutMs: 30_000, what: `the first worker: ${dev.output()}` });

    const dashboards = (): string[] =>
      [...dev.output().matchAll(/Dashboard: (http:\S+\/)/g)].map(([, url]) => url ?? '');
    await waitUntil(() => dashboards().length === 1, { timeoutMs: 30_000, what: `the dashboard: ${dev.output()}` });
    expect(await (await fetch(`${dashboards()[0]}api/definitions`)).text()).toContain('"name":"greet"');

    const file = path.join(place.path, 'carillon.config.ts');
    await writeFile(file, (await readFile(file, 'utf8')).replace('return `Hello,', 'return `Good day,'));
    await waitUntil(() => workers().length === 2, { timeoutMs: 30_000, what: 'a second worker' });
    const run = await place.run('schedule', 'greet', '-i', '{"name":"Ada"}', '--wait', '20s', '--json');
    expect(run.json<{ record: unknown }>().record).toMatchObject({ status: 'success', output: 'Good day, Ada' });
    expect(dev.output()).toContain('greet success');

    dev.signal('SIGINT');
    expect(await dev.ended).toEqual({ code: 0, signal: null });
    await expect(fetch(dashboards().at(-1) ?? '')).rejects.toThrow('fetch failed');
    for (const pid of workers()) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
    await place.remove();
  },
  LONG_MS,
);

test(
  'dashboard prints its address, answers there until SIGTERM, and refuses to be reached from elsewhere',
  async () => {
    const args = ['dashboard', '--json', '--port', '0', '--read-only', ...EXAMPLES];
    const served = startProcess(CLI, { args, cwd: folder.path, env: folder.env });
    const url = await waitUntil(() => /"url": "(http:[^"]+)"/.exec(served.output())?.[1], { timeoutMs: 30_000 });
    expect(await (await fetch(url)).text()).toContain('<title>Carillon</title>');
    const port = new URL(url).port;
    const taken = await folder.run('dashboard', '--port', port, ...EXAMPLES);
    expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining(`Port ${port} is taken`)]);
    const open = await folder.run('dashboard', '--host', '0.0.0.0', ...EXAMPLES);
    expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('authorize')]);
    served.signal('SIGTERM');
    expect(await served.ended).toEqual({ code: 0, signal: null });
  },
  LONG_MS,
);
