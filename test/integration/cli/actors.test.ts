/** The commands that make, move and show actors, against a worker that is a process of its own. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShownActor } from '../../../src/cli/show.ts';
import type { ActorView } from '../../../src/reading/views.ts';
import { CLI, type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { startProcess, type TestProcess } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';

expectNothingLeftBehind();

const EXAMPLES = ['--config', fileURLToPath(new URL('../../../examples/carillon.config.ts', import.meta.url))];
const ELSEWHERE = fileURLToPath(new URL('./elsewhere.config.ts', import.meta.url));
const NOBODY = '01a1fdb3-aaf9-7759-8de1-293577f88296';
const LONG_MS = 60_000;

interface Scheduled {
  readonly id: string;
  readonly outcome: string;
  readonly record?: { readonly status: string; readonly output: unknown };
  readonly dueBeforeScheduledMs?: number;
}

let database: TestDatabase;
let folder: CliFolder;
let worker: TestProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString });
  worker = startProcess(CLI, { args: ['worker', '--json', ...EXAMPLES], cwd: folder.path, env: folder.env });
  await worker.line(({ event }: { event: string }) => event === 'ready');
}, LONG_MS);

afterAll(async () => {
  await worker.kill();
  await folder.remove();
  await database.close();
});

async function show(id: string): Promise<ShownActor> {
  return (await folder.run('show', id, '--json', ...EXAMPLES)).json<ShownActor>();
}

function showing(id: string, fits: (shown: ShownActor) => boolean): Promise<ShownActor> {
  return waitUntil(
    async () => {
      const shown = await show(id);
      return fits(shown) && shown;
    },
    { timeoutMs: 20_000, what: `actor ${id}` },
  );
}

async function schedule(...args: readonly string[]): Promise<Scheduled> {
  return (await folder.run('schedule', ...args, '--json', ...EXAMPLES)).json<Scheduled>();
}

describe('schedule', () => {
  test(
    'has a worker run it, waits for the record and exits with 0',
    async () => {
      const args = ['delayed-greeting', '--input', '{"name":"Ada"}', '--label', 'a', '--label', 'b', '--wait', '20s'];
      const run = await folder.run('schedule', ...args, '--json', ...EXAMPLES);
      expect([run.code, run.stderr]).toEqual([0, '']);
      const { id, record } = run.json<Scheduled>();
      expect(record).toMatchObject({ status: 'success', output: expect.stringContaining('Hello Ada') });
      const { actor, kind, journal } = await show(id);
      expect(actor).toMatchObject({ status: 'done', state: 'done', labels: ['a', 'b'], attempt: 1 });
      expect([kind, journal.at(-1)?.state]).toEqual(['job', 'done']);
    },
    LONG_MS,
  );

  test(
    'an instant in the past runs at once, and it says how late that is',
    async () => {
      const args = ['delayed-greeting', '-i', '{"name":"Eve"}', '--at', '2026-01-01T00:00:00Z', '--wait', '20s'];
      const run = await folder.run('schedule', ...args, ...EXAMPLES);
      expect(run.stdout).toMatch(/It was due \d+d before it was scheduled: it runs at once\.\nsuccess after 1 attempt/);
    },
    LONG_MS,
  );

  test(
    'a second run with the same key is not scheduled',
    async () => {
      const args = ['delayed-greeting', '-i', '{"name":"Ada"}', '--delay', '1h', '--key', 'twice'];
      const first = await schedule(...args);
      const second = await schedule(...args);
      expect([first.outcome, second.outcome]).toEqual(['scheduled', 'skipped_in_flight']);
      expect(second.id).toBe(first.id);
    },
    LONG_MS,
  );

  test(
    'refuses what cannot run: an unknown name with 1, an input its schema refuses with 2',
    async () => {
      const unknown = await folder.run('schedule', 'nope', '--json', ...EXAMPLES);
      expect([unknown.code, unknown.stdout]).toEqual([1, '']);
      expect(unknown.stderr).toContain('(UNKNOWN_DEFINITION)');
      const refused = await folder.run('schedule', 'long-report', '-i', '{"pages":"many"}', ...EXAMPLES);
      expect([refused.code, refused.stdout]).toEqual([2, '']);
      expect(refused.stderr).toContain('input.pages');
    },
    LONG_MS,
  );

  test(
    'waiting for a run that is dropped exits with 1',
    async () => {
      const args = ['approval', '-i', '{"request":"a bell","patienceMs":1}', '--wait', '20s'];
      const run = await folder.run('schedule', ...args, ...EXAMPLES);
      expect(run.code).toBe(1);
      expect(run.stdout).toContain('failed_dropped after 1 attempt: nobody_answered');
    },
    LONG_MS,
  );
});

describe('an actor that waits', () => {
  test(
    'is explained by show, and goes on when it is sent its event',
    async () => {
      const { id } = await schedule('approval', '-i', '{"request":"a bell","patienceMs":600000}');
      await showing(id, ({ actor }) => actor.state === 'waiting');
      const shown = (await folder.run('show', id, ...EXAMPLES)).stdout;
      expect(shown).toMatch(/Waiting for\n {2}timer .*patience.*\n {2}event +accepts approve, reject/);
      const sent = await folder.run('send', id, 'approve', '--data', '{"by":"Ada"}', '--json', ...EXAMPLES);
      expect(sent.json()).toEqual({ id, event: { type: 'approve', by: 'Ada' } });
      const { actor } = await showing(id, (after) => after.actor.status === 'done');
      expect(actor.record?.output).toEqual({ request: 'a bell', by: 'Ada' });
    },
    LONG_MS,
  );

  test(
    'run-now starts what is scheduled for later, once',
    async () => {
      const { id } = await schedule('delayed-greeting', '-i', '{"name":"Ada"}', '--delay', '1h');
      expect((await folder.run('run-now', id, ...EXAMPLES)).code).toBe(0);
      await showing(id, ({ actor }) => actor.status === 'done');
      const again = await folder.run('run-now', id, ...EXAMPLES);
      expect([again.code, again.stdout]).toEqual([1, '']);
      expect(again.stderr).toContain('(ACTOR_SETTLED)');
    },
    LONG_MS,
  );

  test(
    'cancel keeps a hostile reason as it is in JSON, and shows it without its escapes',
    async () => {
      const reason = '\u001b[2Jwiped\u202e';
      const { id } = await schedule('delayed-greeting', '-i', '{"name":"Ada"}', '--delay', '1h');
      expect((await folder.run('cancel', id, '--reason', reason, ...EXAMPLES)).code).toBe(0);
      const { actor } = await showing(id, (after) => after.actor.status === 'dropped');
      expect(actor.record).toMatchObject({ status: 'cancelled', reason });
      const text = (await folder.run('show', id, ...EXAMPLES)).stdout;
      expect(text).toMatch(/reason +wiped\n/);
      expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    },
    LONG_MS,
  );
});

test(
  'an actor that does not exist is a failure',
  async () => {
    const run = await folder.run('show', NOBODY, '--json', ...EXAMPLES);
    expect([run.code, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toContain(`No actor ${NOBODY}`);
  },
  LONG_MS,
);
test(
  'ls filters, pages and names the next page',
  async () => {
    for (const name of ['a', 'b', 'c']) {
      await schedule('delayed-greeting', '-i', `{"name":"${name}"}`, '--delay', '1h', '--label', 'paged');
    }
    const ls = async (...args: readonly string[]): Promise<{ items: ActorView[]; cursor?: string }> =>
      (await folder.run('ls', '--label', 'paged', ...args, '--json', ...EXAMPLES)).json();
    const first = await ls('--limit', '2', '--status', 'active');
    const rest = await ls('--limit', '2', '--cursor', first.cursor ?? '');
    expect([first.items.length, rest.items.length, rest.cursor]).toEqual([2, 1, undefined]);
    expect((await ls('--status', 'done')).items).toEqual([]);
    const text = (await folder.run('ls', '--label', 'paged', ...EXAMPLES)).stdout;
    expect(text.split('\n')[0]).toMatch(/^ID +NAME +STATE +ATTEMPT +QUEUE +WHEN$/);
    expect(text).toContain('delayed-greeting  scheduled');
  },
  LONG_MS,
);

describe('replay', () => {
  test(
    'tells the past step by step, and that it is what was stored',
    async () => {
      const { id } = (
        await folder.run('schedule', 'delayed-greeting', '-i', '{"name":"Ada"}', '--wait', '--json', ...EXAMPLES)
      ).json<Scheduled>();
      const told = await folder.run('replay', id, ...EXAMPLES);
      expect(told.code).toBe(0);
      expect(told.stdout).toMatch(/SEQ +AT +EVENT +STATE +CHANGED/);
      expect(told.stdout).toMatch(/dispatching +startedAt=\d+ attempt=1/);
      expect(told.stdout).toMatch(/All 3 steps give what was stored/);
      const report = (await folder.run('replay', id, '--until', '2', '--json', ...EXAMPLES)).json<{
        ok: boolean;
        steps: object[];
      }>();
      expect(report).toMatchObject({ ok: true, steps: [{ state: 'scheduled' }, { state: 'dispatching' }] });
    },
    LONG_MS,
  );

  test(
    'with another configuration it fails where that one would have gone another way',
    async () => {
      const { id } = (
        await folder.run('schedule', 'delayed-greeting', '-i', '{"name":"Ada"}', '--wait', '--json', ...EXAMPLES)
      ).json<Scheduled>();
      const told = await folder.run('replay', id, '--against', ELSEWHERE, ...EXAMPLES);
      expect(told.code).toBe(1);
      expect(told.stdout).toMatch(/Step 1 differs at 'state'.\s+stored +scheduled\s+replayed +elsewhere/);
      expect((await folder.run('replay', id, '--step', ...EXAMPLES)).stderr).toMatch(/--step needs a terminal/);
    },
    LONG_MS,
  );
});
