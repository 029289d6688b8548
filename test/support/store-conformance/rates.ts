import { describe, expect, test } from 'vitest';
import { ends, Hall, letsGo } from './hall.ts';
import type { Stage } from './stage.ts';

const RATE = { rate: 'r' };

/** What a limit of starts holds in any stretch of time. */
export function rateFacts(stage: () => Stage): void {
  describe('rates', () => {
    test('in no stretch of that length do more start, and the next starts the moment it may', async () => {
      const s = stage();
      const hall = await Hall.open(s, { rate: { limit: 2, perMs: 1_000 } });
      const worker = await hall.worker();
      const at = await s.store.now();
      await hall.add(RATE);
      await hall.run(worker);
      await s.advance(600);
      for (let n = 0; n < 3; n += 1) await hall.add(RATE);
      const second = await hall.run(worker);
      expect([second.started.length, second.waiting.length]).toEqual([1, 2]);
      expect(second.later).toEqual([{ queue: s.queue, at: at + 1_000 }]);
      expect((await s.store.nextDue([s.queue], [hall.def])).due.get(s.queue)).toBe(at + 1_000);
      await s.advance(399);
      expect(await worker.ids()).toEqual([]);
      await s.advance(1);
      const third = await hall.run(worker);
      expect([third.started.length, third.later]).toEqual([1, [{ queue: s.queue, at: at + 1_600 }]]);
      await s.advance(600);
      expect((await hall.run(worker)).started).toHaveLength(1);
      expect(await s.findings()).toEqual([]);
    });

    test('those that fit at the same instant are due together', async () => {
      const s = stage();
      const hall = await Hall.open(s, { rate: { limit: 3, perMs: 1_000 } });
      const worker = await hall.worker();
      const ids = await hall.addSeveral(8, RATE);
      const seen = [];
      for (const expected of [3, 3, 2]) {
        const { started } = await hall.run(worker);
        expect(started).toHaveLength(expected);
        seen.push(...started.map(({ id }) => id).sort((a, b) => ids.indexOf(a) - ids.indexOf(b)));
        await s.advance(1_000);
      }
      expect(seen).toEqual(ids);
    });

    test('an end gives no start back; every attempt counts', async () => {
      const s = stage();
      const hall = await Hall.open(s, { rate: { limit: 1, perMs: 1_000 } });
      const worker = await hall.worker();
      const id = await hall.add(RATE);
      const [running] = (await hall.run(worker)).started;
      await worker.commit([letsGo(running ?? expect.fail(), { wakeAt: 'now' })]);
      const again = await hall.run(worker);
      expect([again.started.length, again.waiting]).toEqual([0, [id]]);
      expect(await s.store.placeWait(id)).toEqual({
        kind: 'rate',
        key: 'r',
        limit: 1,
        taken: 1,
        nextAt: (await s.store.now()) + 1_000,
        admitted: false,
      });
      await s.advance(1_000);
      const [retried] = (await hall.run(worker)).started;
      await worker.commit([ends(retried ?? expect.fail())]);
      await hall.add(RATE);
      expect((await hall.run(worker)).waiting).toHaveLength(1);
    });

    test('a start before the death of its worker still counts', async () => {
      const s = stage();
      const hall = await Hall.open(s, { rate: { limit: 1, perMs: 60_000 } });
      const [mortal, other] = [await hall.worker({ leaseMs: 3_000 }), await hall.worker()];
      const id = await hall.add(RATE);
      await hall.run(mortal);
      await mortal.die();
      await s.store.admit();
      expect((await hall.run(other)).waiting).toEqual([id]);
      await s.advance(60_000);
      expect((await hall.run(other)).started.map((each) => each.id)).toEqual([id]);
    });

    test('a more urgent one takes the next start, whoever was told of it before', async () => {
      const s = stage();
      const hall = await Hall.open(s, { rate: { limit: 1, perMs: 1_000 } });
      const worker = await hall.worker();
      await hall.addSeveral(2, RATE);
      await hall.run(worker);
      const urgent = await hall.add(RATE, { priority: 0 });
      await hall.run(worker);
      await s.advance(1_000);
      expect((await hall.run(worker)).started.map(({ id }) => id)).toEqual([urgent]);
    });

    test('a raised rate lets in at once whom a later instant was promised', async () => {
      const s = stage();
      const hall = await Hall.open(s, { rate: { limit: 1, perMs: 60_000 } });
      const worker = await hall.worker();
      await hall.addSeveral(4, RATE);
      await hall.run(worker);
      await hall.allow({ rate: { limit: 3, perMs: 60_000 } });
      await s.store.admit();
      expect((await hall.run(worker)).started).toHaveLength(2);
    });

    test('under both limits one needs a place and a start, and takes neither when it lacks one', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1, rate: { limit: 3, perMs: 1_000 } });
      const worker = await hall.worker();
      const both = { concurrency: 'c', rate: 'r' };
      const ids = await hall.addSeveral(4, both);
      const seen = [];
      for (const expected of ids.slice(0, 3)) {
        const [running] = (await hall.run(worker)).started;
        expect(running?.id).toBe(expected);
        seen.push(running?.id);
        await worker.commit([ends(running ?? expect.fail())]);
      }
      expect(await hall.run(worker)).toMatchObject({ started: [], waiting: [ids[3]] });
      expect(await s.store.placeWait(ids[3] ?? '')).toMatchObject({ kind: 'rate', taken: 3 });
      await s.advance(1_000);
      expect((await hall.run(worker)).started.map(({ id }) => id)).toEqual([ids[3]]);
      expect(await s.findings()).toEqual([]);
    });
  });
}
