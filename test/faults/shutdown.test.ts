import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { closeStagesAfterEach, openStage, PATIENCE_MS } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

describe('SIGTERM', () => {
  test('hands back what does not end in time; another worker begins the same attempts again', async () => {
    const stage = await openStage();
    const [first, second] = await stage.startWorkers({ graceMs: 300, leaseMs: 20_000 }, { start: false });
    const ids = [
      await stage.schedule('gated'),
      await stage.schedule('gated'),
      await stage.schedule('approval', { gated: true }),
    ];
    const [, , machine = ''] = ids;
    await stage.scheduler.send(machine, { type: 'approve' });
    for (const id of ids) await first.fact('started', id);
    first.mortal = true;
    first.signal('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    const told = first.facts();
    for (const id of ids) expect(told).toContainEqual(expect.objectContaining({ what: 'aborted', id }));
    second.order({ order: 'start' });
    for (const id of ids) second.order({ order: 'open', id });
    await expectAllWell(stage);
    for (const id of ids.slice(0, 2)) {
      expect(stage.starts(id)).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
      expect((await stage.scheduler.get(id))?.record).toMatchObject({ status: 'success', attempts: 1 });
      expect((await stage.store.find(id))?.strikes).toBeLessThanOrEqual(1);
    }
    expect(stage.starts(machine)).toHaveLength(2);
  });

  test('lets what runs end in time, and claims nothing more', async () => {
    const stage = await openStage();
    const [first, second] = await stage.startWorkers({ graceMs: 20_000 }, { start: false });
    const running = await stage.schedule('gated');
    await first.fact('started', running);
    first.mortal = true;
    first.signal('SIGTERM');
    await waitUntil(async () => (await stage.listening()).length === 0, { timeoutMs: PATIENCE_MS });
    const late = await stage.schedule('work');
    second.order({ order: 'start' });
    await second.fact('settled', late);
    first.order({ order: 'open', id: running });
    await first.fact('settled', running);
    expect(await first.ended).toEqual({ code: 0, signal: null });
    await expectAllWell(stage);
    expect(stage.starts(running)).toHaveLength(1);
    expect(first.facts().filter(({ what }) => what === 'aborted')).toEqual([]);
  });
});
