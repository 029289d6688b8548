/** The example of an agent that keeps its word, with a worker killed at three points of a follow-up's life. */
import { expect, test } from 'vitest';
import { openThreads, promiseToCheck } from '../../../examples/build-promise.ts';
import { startProcess, type TestProcess } from '../../support/processes.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const LONG_MS = 120_000;

async function startWorker(hold: '' | 'before' | 'after'): Promise<TestProcess> {
  const env = { DATABASE_URL: schedulers.database.connectionString, REDIS_URL: undefined, HOLD: hold };
  const worker = startProcess(new URL('../../support/promise-keeper.ts', import.meta.url), { env });
  await heard(worker, 'ready');
  return worker;
}

const heard = (worker: TestProcess, what: string): Promise<{ what: string; key: string }> =>
  worker.line((line: { what: string; key: string }) => line.what === what, 60_000);

test.each([
  ['before it is due', '', null],
  ['in the middle of its delivery', 'before', 'delivering'],
  ['after its delivery, before that was written down', 'after', 'written'],
] as const)('a worker killed %s: the message is in the thread, once', { timeout: LONG_MS }, async (_, hold, until) => {
  const pool = schedulers.database.pool();
  await openThreads(pool);
  const threadId = `agent ${hold}`;
  await pool.query('insert into threads (id) values ($1)', [threadId]);
  const messages = async (): Promise<{ key: string; body: string }[]> =>
    (await pool.query<{ key: string; body: string }>('select * from thread_messages where thread_id = $1', [threadId]))
      .rows;
  const client = await schedulers.open({ definitions: [], namespace: 'default', worker: false });
  const first = await startWorker(hold);

  const earlier = await promiseToCheck(client, threadId, 17, '1h');
  const { id, replaced } = await promiseToCheck(client, threadId, 17, until === null ? '4s' : '1s');
  expect(replaced).toBe(earlier.id);
  if (until !== null) await heard(first, until);
  await first.kill();
  expect(await messages()).toHaveLength(until === 'written' ? 1 : 0);

  const second = await startWorker('');
  const { key } = await heard(second, 'written');
  const record = await client.getHandle(id).result({ timeout: '60s' });
  expect(record).toMatchObject({ status: 'success', attempts: until === null ? 1 : 2 });
  await waitUntil(async () => (await client.get(earlier.id))?.status === 'dropped');
  expect(await messages()).toMatchObject([{ key: `${id}/deliver`, body: expect.stringContaining('build 17') }]);
  expect(key).toBe(`${id}/deliver`);
  await second.kill();
});
