import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { closeStagesAfterEach, openStage } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

describe('a handler', () => {
  test('that never ends gives its run back at the attempt timeout, and its place to others', async () => {
    const stage = await openStage();
    await stage.startWorker({ concurrency: 2 });
    const endless = [await stage.schedule('endless'), await stage.schedule('endless')];
    for (let run = 0; run < 10; run++) await stage.schedule('work');
    await expectAllWell(stage);
    for (const id of endless) {
      expect(stage.starts(id).map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect((await stage.scheduler.get(id))?.record).toMatchObject({
        status: 'failed_dropped',
        reason: 'retries_exhausted',
        error: { code: 'ATTEMPT_TIMEOUT' },
      });
    }
  });

  test('that does not listen to its signal returns too late, and that changes nothing', async () => {
    const stage = await openStage();
    const worker = await stage.startWorker();
    const id = await stage.schedule('deaf');
    expect(await worker.fact('aborted', id)).toMatchObject({ code: 'ABORTED_LEFT' });
    await worker.fact('settled', id);
    const settled = await stage.store.find(id);
    worker.order({ order: 'open', id });
    expect(await worker.fact('finished', id)).toMatchObject({ late: true });
    const next = await stage.schedule('work');
    await worker.fact('settled', next);
    expect(await stage.store.find(id)).toEqual(settled);
    await expectAllWell(stage);
  });
});
