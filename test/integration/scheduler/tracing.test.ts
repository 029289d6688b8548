import { trace } from '@opentelemetry/api';
import { Client } from 'pg';
import { afterAll, expect, test } from 'vitest';
import { createScheduler } from '../../../src/index.ts';
import { startProcess } from '../../support/processes.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { type Span, useSdk } from '../../support/spans.ts';
import { traced } from './tracing-worker.ts';

const schedulers = useSchedulers();
const sdk = useSdk();
afterAll(() => sdk.off());

test('a run belongs to the trace of who scheduled it, also in the process that takes it over from a killed one', async () => {
  const { connectionString } = schedulers.database;
  const client = await createScheduler({
    definitions: [traced],
    postgres: connectionString,
    worker: false,
    logger: false,
  });
  const start = () =>
    startProcess(new URL('./tracing-worker.ts', import.meta.url), { env: { TRACED_POSTGRES: connectionString } });
  const first = start();
  const { id } = await trace.getTracer('test').startActiveSpan('request', async (span) => {
    const handle = await client.schedule(traced, { n: 1 });
    span.end();
    return handle;
  });
  await first.line<{ started?: number }>(({ started }) => started === 1);
  await first.kill();
  const second = start();
  const { spans } = await second.line<{ spans?: Span[] }>(({ spans: told }) => told !== undefined);
  await second.kill();
  const scheduled = sdk.spans().find(({ name }) => name === 'schedule traced');
  const [run] = spans ?? [];
  expect(scheduled?.attributes).toMatchObject({ 'carillon.id': id });
  expect(run).toMatchObject({ name: 'run traced', traceId: scheduled?.traceId, parent: scheduled?.spanId });
  expect(run?.attributes).toMatchObject({ 'carillon.id': id, 'carillon.attempt': 2 });

  const other = await client.schedule(traced, { n: 2 }, { delay: '1h' });
  const database = new Client({ connectionString });
  await database.connect();
  const { rows } = await database.query('select role from carillon.actors where id = $1', [other.id]);
  expect(rows).toEqual([{ role: null }]);
  await database.end();
  await client.stop();
});
