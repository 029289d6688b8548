import { describe, expect, test } from 'vitest';
import { goesOn, type Held, mail, type Stage, settles } from './stage.ts';

/** That a turn which misses or is refused changes nothing at all. */
export function compareAndSetFacts(stage: () => Stage): void {
  describe('compare-and-set', () => {
    const wrong: readonly [string, (held: Held) => Held][] = [
      ['an older fence', (held) => ({ ...held, fence: held.fence - 1 })],
      ['a fence ahead', (held) => ({ ...held, fence: held.fence + 1 })],
      ['an older seq', (held) => ({ ...held, seq: held.seq - 1 })],
      ['a seq ahead', (held) => ({ ...held, seq: held.seq + 1 })],
      ['other pokes', (held) => ({ ...held, pokes: held.pokes + 1 })],
    ];
    const endings = [
      ['turn', goesOn],
      ['settle', settles],
    ] as const;

    for (const [ending, write] of endings) {
      for (const [what, spoil] of wrong) {
        test(`a ${ending} with ${what} writes nothing at all`, async () => {
          const s = stage();
          const worker = await s.worker();
          const receiver = await s.add({ when: { afterMs: 60_000 } });
          const id = await s.add();
          await s.send(id);
          const held = await worker.take();
          const child = s.actor();
          const spoiled = write(spoil(held), {}, { sends: [mail(receiver)], spawns: [child] });
          const before = await s.store.find(id);
          const reply = await worker.commit([spoiled]);
          expect([reply.committed.size, reply.refused.size, reply.queues]).toEqual([0, 0, []]);
          expect(await s.store.find(id)).toEqual(before);
          expect(before?.mail).toBe(1);
          expect((await s.store.find(receiver))?.mail).toBe(0);
          expect(await s.store.find(child.id)).toBeNull();
          expect(await worker.did(write(held))).toBe(true);
        });
      }

      test(`a ${ending} by another worker writes nothing`, async () => {
        const s = stage();
        const [owner, thief] = [await s.worker(), await s.worker()];
        await s.add();
        const held = await owner.take();
        expect(await thief.did(write(held))).toBe(false);
        expect(await owner.did(write(held))).toBe(true);
      });

      test(`a ${ending} is committed once`, async () => {
        const s = stage();
        const worker = await s.worker();
        await s.add();
        const turn = write(await worker.take());
        expect([await worker.did(turn), await worker.did(turn)]).toEqual([true, false]);
      });

      test(`a ${ending} before its latest timer misses and is committed from that instant on`, async () => {
        const s = stage();
        const worker = await s.worker();
        await s.add();
        const held = await worker.take();
        const turn = write(held, {}, { notBefore: (await s.store.now()) + 100 });
        expect(await worker.did(turn)).toBe(false);
        await s.advance(99);
        expect(await worker.did(turn)).toBe(false);
        await s.advance(1);
        expect(await worker.did(turn)).toBe(true);
      });
    }

    test('one that misses or is refused does not stop its neighbours', async () => {
      const s = stage();
      const worker = await s.worker();
      for (let count = 0; count < 5; count += 1) await s.add();
      const { claimed } = await worker.claim();
      const writes = claimed.map((held, index) => {
        if (index === 1) return goesOn({ ...held, pokes: 9 });
        if (index === 3) return settles(held, { record: 'a\u0000b' });
        return index === 2 ? settles(held) : goesOn(held);
      });
      const { committed, refused } = await worker.commit(writes);
      expect([...committed].sort()).toEqual([0, 2, 4].map((index) => claimed[index]?.id ?? '').sort());
      expect([...refused.keys()]).toEqual([claimed[3]?.id]);
      expect([...refused.values()][0]).toBeInstanceOf(Error);
    });

    test('a refused turn leaves the actor held as it was', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await s.send(id);
      const held = await worker.take();
      const receiver = await s.add({ when: { afterMs: 60_000 } });
      const { refused } = await worker.commit([goesOn(held, { snapshot: '\u0000' }, { sends: [mail(receiver)] })]);
      expect([...refused.keys()]).toEqual([id]);
      expect((await s.store.find(receiver))?.mail).toBe(0);
      expect(await s.store.find(id)).toMatchObject({ worker: worker.id, seq: 0, mail: 1 });
      expect(await worker.did(goesOn(held, { quarantine: 'unstorable', wakeAt: null }, { mail: [] }))).toBe(true);
    });

    test('a turn that does not ask for pokes goes through in spite of mail that came meanwhile, which stays', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const held = await worker.take();
      await s.send(id);
      expect(await worker.ids()).toEqual([]);
      expect(await worker.did(goesOn(held, { wakeAt: 'now' }))).toBe(false);
      expect(await worker.did(goesOn(held, { wakeAt: 'now' }, { pokes: null }))).toBe(true);
      const again = await worker.take();
      expect(again.mail).toHaveLength(1);
      await s.send(id);
      expect(await worker.ids()).toEqual([]);
      expect(await worker.did(settles(again, {}, { pokes: null }))).toBe(true);
    });
  });
}
