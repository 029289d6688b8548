import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { goesOn, mail, type Stage, settles } from './stage.ts';

/** What the end of an actor writes, and what a turn gives birth to. */
export function settlingFacts(stage: () => Stage): void {
  describe('settling', () => {
    test('the settled actor shows its record and how it ended', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ input: '1', labels: ['l'] });
      const createdAt = await s.store.now();
      const held = await worker.take();
      await s.advance(50);
      const end = {
        status: 'dropped',
        outcome: 'expired',
        reason: 'deadline',
        record: '{"r":1}',
        state: '"dropped"',
      } as const;
      const { now } = await worker.commit([settles(held, end)]);
      expect(await s.store.find(id)).toMatchObject({
        status: 'dropped',
        reason: 'deadline',
        record: '{"r":1}',
        state: '"dropped"',
        seq: 1,
        fence: 1,
        input: '1',
        labels: ['l'],
        worker: null,
        wakeAt: null,
        createdAt,
        settledAt: now,
      });
      expect(await worker.heldIds()).toEqual([]);
      expect(await s.findings()).toEqual([]);
    });

    test('a long retention and none at all are stored alike', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add();
      await s.add();
      const { claimed } = await worker.claim();
      const { committed } = await worker.commit(
        claimed.map((held, index) => settles(held, { keepMs: index * 400 * 86_400_000 })),
      );
      expect(committed.size).toBe(2);
    });

    test('the parent is told in the same transaction', async () => {
      const s = stage();
      const worker = await s.worker();
      const parent = await s.add();
      await worker.commit([goesOn(await worker.take())]);
      const child = await s.add({ parent, role: 'first' });
      const held = await worker.take();
      const reply = await worker.commit([settles(held, {}, { sends: [mail(parent, 'child done')] })]);
      expect(reply.queues).toEqual([s.queue]);
      const told = await worker.take();
      expect([told.id, told.mail.map((one) => one.event)]).toEqual([parent, ['child done']]);
      expect(await s.store.find(child)).toMatchObject({ status: 'done', parent, role: 'first' });
    });

    test('a receiver that is settled or missing is skipped and the turn stands', async () => {
      const s = stage();
      const worker = await s.worker();
      const gone = await s.add();
      await worker.commit([settles(await worker.take())]);
      await s.add();
      const sends = [mail(gone), mail(randomUUID())];
      const reply = await worker.commit([settles(await worker.take(), {}, { sends })]);
      expect([reply.committed.size, reply.queues]).toEqual([1, []]);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });

    test('a settle takes its own pending due row with it', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ when: { afterMs: 60_000 } });
      await s.send(id);
      await worker.commit([settles(await worker.take())]);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });
  });

  describe('births', () => {
    test('an actor is born with the turn, due at once or later', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const [soon, later] = [s.actor({ parent: id }), s.actor({ when: { afterMs: 1_000 } })];
      const reply = await worker.commit([goesOn(await worker.take(), {}, { spawns: [soon, later] })]);
      expect(reply.queues).toEqual([s.queue]);
      expect(await worker.take()).toMatchObject({ id: soon.id, parent: id });
      await s.advance(1_000);
      expect(await worker.ids()).toEqual([later.id]);
    });

    test('one whose id is taken, by an active or a settled actor, is skipped', async () => {
      const s = stage();
      const worker = await s.worker();
      const settled = await s.add({ id: randomUUID() });
      await worker.commit([settles(await worker.take())]);
      const active = await s.add({ when: { afterMs: 60_000 }, input: '1' });
      await s.add();
      const spawns = [s.actor({ id: settled }), s.actor({ id: active, input: '2' }), s.actor()];
      expect(await worker.did(settles(await worker.take(), {}, { spawns }))).toBe(true);
      expect((await s.store.find(active))?.input).toBe('1');
      expect(await worker.ids()).toEqual([spawns[2]?.id]);
    });

    test('two turns in one commit that bear the same id bear one actor', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add();
      await s.add();
      const child = s.actor();
      const { claimed } = await worker.claim();
      const reply = await worker.commit(claimed.map((held) => settles(held, {}, { spawns: [child] })));
      expect(reply.committed.size).toBe(2);
      expect(await worker.ids()).toEqual([child.id]);
    });
  });
}
