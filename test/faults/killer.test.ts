import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { closeStagesAfterEach, openStage, PATIENCE_MS, type Stage } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

const GOOD = 50;

async function scheduleGood(stage: Stage): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: GOOD }, () => stage.schedule('work', { ms: 100 })));
}

async function expectAllGood(stage: Stage, good: readonly string[]): Promise<void> {
  for (const id of good) expect((await stage.scheduler.get(id))?.record).toMatchObject({ status: 'success' });
}

describe('one bad among fifty good', () => {
  test('a job that ends its process every time, killed or by exit, is dropped as interrupted; the others succeed', async () => {
    const stage = await openStage();
    stage.supervise(2, {});
    const deadly = await stage.schedule('deadly');
    const good = await scheduleGood(stage);
    await expectAllWell(stage);
    expect((await stage.scheduler.get(deadly))?.record).toMatchObject({
      status: 'failed_dropped',
      reason: 'interrupted',
    });
    await expectAllGood(stage, good);
  });

  test('rows that nothing can read are quarantined with the reason, and released they go on once repaired', async () => {
    const stage = await openStage();
    const [worker] = await stage.startWorkers({});
    const bad = {
      snapshot: await stage.schedule('approval'),
      version: await stage.schedule('approval'),
      input: await stage.schedule('work', { ms: 1 }, { delay: 2_000 }),
    };
    await stage.scheduler.waitFor(bad.snapshot, { state: 'waiting' });
    await stage.scheduler.waitFor(bad.version, { state: 'waiting' });
    const snapshot = (await stage.store.find(bad.snapshot))?.snapshot;
    const spoil = async (id: string, column: 'snapshot' | 'input', text: string | null | undefined): Promise<void> => {
      await stage.pool.query(`update carillon.actors set ${column} = $2 where id = $1`, [id, text]);
    };
    await spoil(bad.snapshot, 'snapshot', '1{"v":"waiting","c":{');
    await spoil(bad.version, 'snapshot', '1{"v":"a state that is no more","c":{}}');
    await spoil(bad.input, 'input', '�\u0001 not ours');
    const good = await scheduleGood(stage);
    await stage.scheduler.send(bad.snapshot, { type: 'approve' });
    await stage.scheduler.send(bad.version, { type: 'approve' });

    for (const id of Object.values(bad)) {
      const view = await waitUntil(
        async () => {
          const found = await stage.scheduler.get(id);
          return found?.status === 'quarantined' && found;
        },
        { timeoutMs: PATIENCE_MS, what: `${id} to be quarantined` },
      );
      expect(view.reason).toMatch(/\S{3,}/);
    }
    await expectAllGood(stage, await settled(stage, good));
    expect(await stage.store.audit(100)).toEqual([]);

    await spoil(bad.snapshot, 'snapshot', snapshot);
    await spoil(bad.version, 'snapshot', snapshot);
    await spoil(bad.input, 'input', '1{"ms":2}');
    for (const id of Object.values(bad)) await stage.scheduler.release(id);
    await expectAllWell(stage);
    expect((await stage.scheduler.get(bad.snapshot))?.state).toBe('published');
    expect((await stage.scheduler.get(bad.version))?.state).toBe('published');
    expect((await stage.scheduler.get(bad.input))?.record).toMatchObject({ status: 'success', attempts: 1 });
    expect(worker.facts().some(({ what }) => what === 'ready')).toBe(true);
  });
});

async function settled(stage: Stage, ids: readonly string[]): Promise<readonly string[]> {
  for (const id of ids) await stage.scheduler.waitFor(id, { timeout: PATIENCE_MS });
  return ids;
}
