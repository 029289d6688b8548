import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { closeStagesAfterEach, openStage, PATIENCE_MS, type Stage } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

/** Nobody is taken for dead, and no sweep comes to help. */
const CALM = { leaseMs: 30_000, sweepMs: 60_000 };

async function notesOf({ scheduler }: Stage, id: string): Promise<number | undefined> {
  const view = await scheduler.get(id);
  return (view?.context as { notes: number } | undefined)?.notes;
}

describe('two workers', () => {
  test('woken for the same runs: each run begins once', async () => {
    const stage = await openStage();
    await stage.startWorkers({ ...CALM, concurrency: 4 }, { ...CALM, concurrency: 4 });
    await Promise.all(Array.from({ length: 120 }, () => stage.schedule('work', { ms: 5 })));
    await expectAllWell(stage);
    for (const { id } of stage.promised) expect(stage.starts(id)).toMatchObject([{ attempt: 1 }]);
    for (const worker of stage.workers) expect(worker.facts().some(({ what }) => what === 'started')).toBe(true);
  });

  test('and mail for a run that one of them holds: every letter reaches it while its effect goes on', async () => {
    const stage = await openStage();
    const workers = await stage.startWorkers(CALM, CALM);
    const id = await stage.schedule('approval', { gated: true });
    await stage.scheduler.send(id, { type: 'approve' });
    await waitUntil(() => stage.starts(id).length > 0, { timeoutMs: PATIENCE_MS });
    const notes = Array.from({ length: 20 }, (_, index) => index);
    await Promise.all(
      notes.map((index) => stage.scheduler.send(id, { type: 'note' }, { dedupId: `note ${index % 15}` })),
    );
    await waitUntil(async () => (await notesOf(stage, id)) === 15, {
      timeoutMs: PATIENCE_MS,
      what: 'all notes to be taken',
    });
    for (const worker of workers) worker.order({ order: 'open', id });
    await expectAllWell(stage);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: 15 });
    expect(stage.starts(id)).toHaveLength(1);
  });

  test('and a cancel: it reaches the running handler within a second', async () => {
    const stage = await openStage();
    await stage.startWorkers(CALM, CALM);
    for (let run = 0; run < 4; run++) await expectPromptCancel(stage);
    await expectAllWell(stage);
  });

  test('that had to take a new identity: a cancel still reaches the running handler within a second', async () => {
    const stage = await openStage();
    const soonFenced = { ...CALM, leaseMs: 1_500 };
    const workers = await stage.startWorkers(soonFenced, soonFenced);
    for (const worker of workers) worker.freeze();
    await stage.pool.query('select pg_sleep(2)');
    for (const worker of workers) worker.thaw();
    await waitUntil(() => workers.every((worker) => worker.output().includes('The heartbeat is late')), {
      timeoutMs: PATIENCE_MS,
      what: 'both workers to notice',
    });
    for (let run = 0; run < 10; run++) await expectPromptCancel(stage);
    await expectAllWell(stage);
  });
});

/** No sweep comes to help: it has to be told to the worker that holds the run. */
async function expectPromptCancel(stage: Stage): Promise<void> {
  const id = await stage.schedule('gated');
  await waitUntil(() => stage.starts(id).length > 0, { timeoutMs: PATIENCE_MS });
  const askedAt = Date.now();
  await stage.scheduler.cancel(id, 'no longer wanted');
  const aborted = await waitUntil(() => stage.facts.find((fact) => fact.what === 'aborted' && fact.id === id), {
    timeoutMs: PATIENCE_MS,
    what: 'the handler to be told',
  });
  expect(aborted).toMatchObject({ code: 'ABORTED_LEFT' });
  expect((aborted as { at: number }).at - askedAt).toBeLessThan(1_000);
  expect(await stage.scheduler.getHandle(id).result()).toMatchObject({
    status: 'cancelled',
    reason: 'no longer wanted',
  });
}
