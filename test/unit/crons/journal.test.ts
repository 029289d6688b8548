import { expect, test } from 'vitest';
import { defineJob } from '../../../src/index.ts';
import { Simulation } from '../../support/simulation.ts';

test('a cron that fires for ever keeps the newest hundred segments of its journal, and replays from the oldest of them', {
  timeout: 60_000,
}, async () => {
  const simulation = new Simulation(1, () => [defineJob({ name: 'tick', run: () => {} })]);
  const { scheduler } = await simulation.open('worker', { concurrency: 4 });
  if (!scheduler) throw new Error('the process did not open');
  void scheduler.start();
  void scheduler.scheduleCron({ id: 'endless', every: 1000, job: 'tick' });
  await simulation.world.advance(1_500_000);

  const store = simulation.store();
  const { items } = await store.list({ name: 'carillon.cron', limit: 1 });
  const id = items[0]?.id ?? '';
  const segments = await store.journal(id);
  expect(segments).toHaveLength(100);
  expect(segments[0]?.fromSeq).toBeGreaterThan(1);

  const history = await scheduler.history(id);
  expect(history[0]?.seq).toBe(segments[0]?.fromSeq);
  const report = await scheduler.replay(id);
  expect(report).toMatchObject({ ok: true });
  expect(report.steps[0]?.seq).toBe(segments[1]?.fromSeq);
  expect(report.steps.at(-1)?.seq).toBe(history.at(-1)?.seq);
});
