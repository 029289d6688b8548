import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { goesOn, type Stage, settles } from './stage.ts';

/** What a turn after which the actor lives on changes: its due row, its views, its place in circulation. */
export function turnFacts(stage: () => Stage): void {
  describe('going on', () => {
    test('let go with a wake time, it is due then and not before', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const at = (await s.store.now()) + 700;
      const reply = await worker.commit([goesOn(await worker.take(), { wakeAt: at })]);
      expect(reply.queues).toEqual([]);
      expect(await s.store.find(id)).toMatchObject({ worker: null, claimedAt: null, wakeAt: at });
      await s.advance(699);
      expect(await other.ids()).toEqual([]);
      await s.advance(1);
      expect(await other.take()).toMatchObject({ id, wakeAt: at, dueRowAt: null });
    });

    for (const [what, early] of [
      ['now', 'now'],
      ['an instant that has passed', 1_000],
    ] as const) {
      test(`a wake time of ${what} is the store's now, and its queue is named`, async () => {
        const s = stage();
        const worker = await s.worker();
        const id = await s.add();
        const reply = await worker.commit([goesOn(await worker.take(), { wakeAt: early })]);
        expect(reply.queues).toEqual([s.queue]);
        expect(await worker.take()).toMatchObject({ id, wakeAt: reply.now });
      });
    }

    test('held on, it stays with its worker and waits for nothing', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const held = await worker.take();
      await worker.commit([goesOn(held, { hold: true })]);
      await s.advance(1_000_000);
      expect(await other.ids()).toEqual([]);
      expect(await worker.heldIds()).toEqual([id]);
      expect(await s.findings()).toEqual([]);
      expect(await worker.did(settles({ ...held, seq: held.seq + 1 }))).toBe(true);
    });

    test('a new wake time replaces the own due row, earlier or later', async () => {
      const s = stage();
      const worker = await s.worker();
      const now = await s.store.now();
      const id = await s.add({ when: { afterMs: 60_000 } });
      for (const afterMs of [90_000, 30_000]) {
        await s.send(id);
        await worker.commit([goesOn(await worker.take(), { wakeAt: now + afterMs })]);
        const { due } = await s.store.nextDue([s.queue], [s.def]);
        expect([...due]).toEqual([[s.queue, now + afterMs]]);
      }
      await s.send(id);
      await worker.commit([goesOn(await worker.take(), { wakeAt: null })]);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });

    test('a wake time that stays the same keeps its due row', async () => {
      const s = stage();
      const worker = await s.worker();
      const at = (await s.store.now()) + 60_000;
      const id = await s.add({ when: { at } });
      await s.send(id);
      await worker.commit([goesOn(await worker.take(), { wakeAt: at })]);
      await s.advance(60_000);
      expect(await worker.take()).toMatchObject({ id, wakeAt: at, dueRowAt: null });
    });

    test('an own due row that comes due while held is handed to the owner', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const id = await s.add({ when: { afterMs: 500 } });
      await s.send(id);
      const held = await worker.take();
      expect(held.dueRowAt).not.toBeNull();
      await s.advance(500);
      expect((await other.claim()).poked).toEqual([{ id, worker: worker.id }]);
      expect(await worker.did(goesOn(held, { wakeAt: held.wakeAt }))).toBe(false);
      const [reloaded] = (await s.store.reload(worker.id, [held])).held;
      expect(reloaded).toMatchObject({ id, dueRowAt: null });
      expect(await worker.did(goesOn({ ...held, ...reloaded }, { wakeAt: held.wakeAt }))).toBe(true);
      expect(await other.ids()).toEqual([id]);
    });

    test('progress is shown while held, survives the turn, and is refused from anyone else', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const held = await worker.take();
      expect(await s.store.progress(worker.id, id, held.fence, '{"p":1}')).toBe(true);
      expect(await s.store.progress(other.id, id, held.fence, '2')).toBe(false);
      expect(await s.store.progress(worker.id, id, held.fence - 1, '3')).toBe(false);
      await worker.commit([goesOn(held, { wakeAt: 'now' })]);
      expect(await s.store.progress(worker.id, id, held.fence, '4')).toBe(false);
      expect((await s.store.find(id))?.progress).toBe('{"p":1}');
      await worker.commit([settles(await worker.take())]);
      expect((await s.store.find(id))?.progress).toBe('{"p":1}');
    });

    test('a spilled history is kept in segments, in order, and outlives the settle', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const segments = [
        { fromSeq: 0, base: '{"after":1}', entries: '[0]' },
        { fromSeq: 1, base: null, entries: '[1]' },
      ] as const;
      expect(await s.store.journal(id)).toEqual([]);
      await worker.commit([
        goesOn(await worker.take(), { segment: { ...segments[0], keep: null }, history: '[]', wakeAt: 'now' }),
      ]);
      expect(await s.store.find(id)).toMatchObject({ spilled: true, history: '[]' });
      const held = await worker.take();
      expect(held.spilled).toBe(true);
      await worker.commit([settles(held, { segment: { ...segments[1], keep: null } })]);
      expect(await s.store.journal(id)).toEqual(segments);
      expect((await s.store.find(id))?.spilled).toBe(true);
    });

    test('of a history that is kept in part, the newest segments stay, and those of another actor', async () => {
      const s = stage();
      const worker = await s.worker();
      const segments = [1, 2, 3, 4].map((fromSeq) => ({ fromSeq, base: `{"after":${fromSeq}}`, entries: '[0]' }));
      const ids = [await s.add(), await s.add()];
      for (const segment of segments) {
        const { claimed } = await worker.claim();
        await worker.commit(
          claimed.map((held) =>
            goesOn(held, { segment: { ...segment, keep: held.id === ids[0] ? 2 : null }, wakeAt: 'now' }),
          ),
        );
      }
      expect(await s.store.journal(ids[0] ?? '')).toEqual(segments.slice(-2));
      expect(await s.store.journal(ids[1] ?? '')).toEqual(segments);
    });
  });

  describe('quarantine', () => {
    test('a quarantined actor is out of circulation with its reason until it is released', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await s.send(id, 'kept');
      const held = await worker.take();
      await worker.commit([goesOn(held, { quarantine: 'guard threw', hold: true, wakeAt: 'now' }, { mail: [] })]);
      expect(await s.store.find(id)).toMatchObject({
        status: 'quarantined',
        reason: 'guard threw',
        worker: null,
        mail: 1,
      });
      expect((await s.send(id, 'later')).items).toEqual(['stored']);
      await s.advance(1_000_000);
      expect(await worker.ids()).toEqual([]);
      expect(await worker.heldIds()).toEqual([]);
      expect(await s.findings()).toEqual([]);
      expect(await s.store.release(id)).toBe(true);
      expect(await s.store.find(id)).toMatchObject({ status: 'active', reason: null });
      expect((await worker.take()).mail.map((one) => one.event)).toEqual(['kept', 'later']);
    });

    test('a due row from before the quarantine does not bring it back', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ when: { afterMs: 500 } });
      await s.send(id);
      const held = await worker.take();
      await s.send(id);
      await worker.commit([goesOn(held, { quarantine: 'no' })]);
      await s.advance(500);
      expect(await worker.claim()).toMatchObject({ claimed: [], poked: [] });
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });

    test('nothing is released that was not quarantined', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      expect(await s.store.release(id)).toBe(false);
      expect(await s.store.release(randomUUID())).toBe(false);
      await worker.commit([settles(await worker.take())]);
      expect(await s.store.release(id)).toBe(false);
    });
  });
}
