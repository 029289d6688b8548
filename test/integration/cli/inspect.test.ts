import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createWebSocketReceiver, type StatelyInspectionEvent as TheirEvent } from '@statelyai/inspect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createScheduler, type Scheduler, type StatelyInspectionEvent } from '../../../src/index.ts';
import { CLI, type CliFolder, createCliFolder } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { expectNothingLeftBehind } from '../../support/left-behind.ts';
import { startProcess } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { definitions, order } from './inspected.ts';

expectNothingLeftBehind();

let database: TestDatabase;
let folder: CliFolder;
let worker: Scheduler;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createCliFolder({ DATABASE_URL: database.connectionString, LOG_LEVEL: 'silent' });
  const inspected = JSON.stringify(path.join(import.meta.dirname, 'inspected.ts'));
  const config = `import { defineConfig } from 'carillon';
    import { definitions } from ${inspected};
    export default defineConfig({ definitions, redact: ['card'] });`;
  writeFileSync(path.join(folder.path, 'carillon.config.ts'), config);
  worker = await createScheduler({ definitions, postgres: database.connectionString, logger: false, redact: ['card'] });
  await worker.start();
});
afterAll(async () => {
  await worker.stop();
  await folder.remove();
  await database.close();
});

async function finished(): Promise<string> {
  const handle = await worker.schedule(order, { card: '4111' });
  await handle.send({ type: 'pay' });
  await handle.result();
  return handle.id;
}

test('inspect prints the past of an actor as inspection events, with what is redacted hidden', async () => {
  const id = await finished();
  const run = await folder.run('inspect', id, '--json');
  const events = run.json<StatelyInspectionEvent[]>();
  expect(events).toEqual(JSON.parse(JSON.stringify(await worker.inspectionEvents(id))));
  expect(events[0]).toMatchObject({
    type: '@xstate.actor',
    sessionId: id,
    snapshot: { context: { card: '[Redacted]' } },
  });
  expect(run.stdout).not.toContain('4111');
  const table = await folder.run('inspect', id);
  expect(table.stdout).toMatch(/@xstate\.event +pay/);
});

test('inspect wants an actor, or --live', async () => {
  expect(await folder.run('inspect')).toMatchObject({ code: 2 });
});

describe('inspect --live', () => {
  test('tells a receiver of what all processes did and do, each thing once, in order, and the children after their parents', async () => {
    const before = await finished();
    const live = startProcess(CLI, {
      args: ['inspect', '--live', '--port', '0', '--json'],
      cwd: folder.path,
      env: folder.env,
    });
    const { webSocket, page } = await live.line<{ event: string; webSocket: string; page: string }>(
      ({ event }) => event === 'ready',
    );
    const heard: TheirEvent[] = [];
    createWebSocketReceiver({ server: webSocket }).subscribe((event) => heard.push(event));
    const of = (id: string): TheirEvent[] => heard.filter(({ sessionId }) => sessionId === id);
    const handle = await worker.schedule(order, { card: '4111' });
    await worker.waitFor(handle.id, { state: 'placed' });
    await waitUntil(() => of(handle.id).length > 2, { what: 'its beginning' });
    await handle.send({ type: 'pay' });
    await handle.result();
    for (const id of [before, handle.id]) {
      const events = JSON.parse(JSON.stringify(await worker.inspectionEvents(id))) as TheirEvent[];
      await waitUntil(() => of(id).length >= events.length, { what: `all events of ${id}` });
      // It may have been introduced before its first turn.
      expect(
        of(id)
          .slice(0, 2)
          .map(({ type }) => type),
      ).toEqual(['@xstate.actor', '@xstate.snapshot']);
      expect(of(id).slice(2)).toEqual(events.slice(2));
    }
    const child = await waitUntil(
      () => heard.find((event) => event.type === '@xstate.actor' && event.parentId === handle.id),
      {
        what: 'its child',
      },
    );
    expect(heard.findIndex(({ sessionId }) => sessionId === handle.id)).toBeLessThan(heard.indexOf(child));
    expect(JSON.stringify(heard)).not.toContain('4111');
    expect((await fetch(page)).status).toBe(200);
    live.signal('SIGTERM');
    expect(await live.ended).toMatchObject({ code: 0 });
  });
});
