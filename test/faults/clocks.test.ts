import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { closeStagesAfterEach, openStage } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

const HOUR_MS = 3_600_000;
/** A sweep, and what a busy machine takes. */
const LATE_MS = 5_000;

describe('workers whose clocks are an hour wrong', () => {
  test('one ahead, one behind: nothing begins early or much too late, and nobody is taken for dead', async () => {
    const stage = await openStage();
    const lease = { leaseMs: 6_000, concurrency: 3 };
    await stage.startWorkers({ ...lease, clockOffsetMs: HOUR_MS }, { ...lease, clockOffsetMs: -HOUR_MS });
    for (let run = 0; run < 15; run++) {
      await stage.schedule('work', { ms: 20 });
      await stage.schedule('work', { ms: 20 }, { delay: 500 + 100 * run });
      await stage.schedule('work', { ms: 20, fails: 1 + (run % 3) });
    }
    await expectAllWell(stage);
    for (const { id, notBefore } of stage.promised) {
      const starts = stage.starts(id);
      expect((starts[0]?.at ?? 0) - notBefore).toBeLessThan(LATE_MS);
      const { record } = (await stage.scheduler.get(id)) ?? {};
      expect(record).toMatchObject({ status: 'success', attempts: starts.length });
      expect(Math.abs((record?.settledAt.getTime() ?? 0) - Date.now())).toBeLessThan(HOUR_MS / 2);
      const events = (await stage.scheduler.history(id)).map(({ event }) => event.type);
      expect(events).not.toContain('attempt.interrupted');
    }
    for (const worker of stage.workers) expect(worker.facts().some(({ what }) => what === 'started')).toBe(true);
  });
});
