import { describe, expect, test } from 'vitest';
import type { PopulationCount } from '../../../src/store/surveying.ts';
import { definition, goesOn, mail, type Stage, settles } from './stage.ts';

/** What dashboards are told. */
export function surveyingFacts(stage: () => Stage): void {
  const byState = (counts: readonly PopulationCount[]): Record<string, number> =>
    Object.fromEntries(counts.map(({ state, held, quarantined, count }) => [[state, held, quarantined].join(), count]));

  describe('a survey', () => {
    test('lists definitions with the chart they were registered with last, and those of its namespace only', async () => {
      const s = stage();
      const other = await s.under.another('elsewhere');
      await other.registerDefinitions([definition('foreign')]);
      await s.store.registerDefinitions([definition('order', 2), { ...definition('order'), chart: '{"id":"x"}' }]);
      const found = await s.store.definitions();
      expect(found.map(({ id, name, version, chart }) => [id === s.def, name, version, chart])).toEqual([
        [true, 'order', 1, '{"id":"x"}'],
        [false, 'order', 2, '{}'],
      ]);
      expect((await other.definitions()).map(({ name }) => name)).toEqual(['foreign']);
    });

    test('counts who is alive, by state, and by whether somebody has hold of it', async () => {
      const s = stage();
      const other = await s.under.another('elsewhere');
      await s.add({ when: { afterMs: 60_000 } });
      await s.add({ when: { afterMs: 60_000 } });
      await s.add();
      const worker = await s.worker();
      const held = await worker.take();
      await s.add();
      const broken = await worker.take();
      await worker.did(goesOn(broken, { quarantine: 'broken' }));
      expect(held.id).not.toBe(broken.id);
      const { counts, exact } = await s.store.population(100);
      expect(exact).toBe(true);
      expect(byState(counts)).toEqual({
        '"scheduled",false,false': 2,
        '"scheduled",true,false': 1,
        '"on",false,true': 1,
      });
      expect((await other.population(100)).counts).toEqual([]);
    });

    test('counts what settled lately, by definition, end and minute', async () => {
      const s = stage();
      const other = await s.under.another('elsewhere');
      const worker = await s.worker();
      await s.add();
      await worker.did(settles(await worker.take()));
      await s.advance(600_000);
      await s.add();
      await worker.did(settles(await worker.take(), { state: '"done"' }));
      await s.add();
      await worker.did(
        settles(await worker.take(), { state: '"dropped"', status: 'dropped', outcome: 'failed_dropped', reason: 'x' }),
      );
      const now = await s.store.now();
      const { counts, since } = await s.store.settledLately(300_000, 100);
      const minute = now - (now % 60_000);
      expect(counts.toSorted((a, b) => (a.status < b.status ? -1 : 1))).toEqual([
        { def: s.def, status: 'done', state: '"done"', minute, count: 1 },
        { def: s.def, status: 'dropped', state: '"dropped"', minute, count: 1 },
      ]);
      expect(since).toBe(now - 300_000);
      expect((await other.settledLately(300_000, 100)).counts).toEqual([]);
    });

    test('has a mark that moves with every write, and stands still while nothing is written', async () => {
      const s = stage();
      const marks: string[] = [];
      const look = async (): Promise<void> => void marks.push(await s.store.mark());
      await look();
      const other = await s.add({ when: { afterMs: 60_000 } });
      await s.add();
      await look();
      const worker = await s.worker();
      const held = await worker.take();
      await look();
      await worker.did(settles(held));
      await look();
      await s.store.send([mail(other)]);
      await look();
      await s.store.setPaused(s.queueName, true);
      await look();
      expect(new Set(marks).size).toBe(marks.length);
    });
  });
}
