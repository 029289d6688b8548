import { describe, expect, test } from 'vitest';
import { goesOn, type Stage } from './stage.ts';

/** What the death of workers does to the actors they held: strikes, and the lane of suspects. */
export function suspectFacts(stage: () => Stage): void {
  describe('strikes and suspects', () => {
    /** An actor that was held at `deaths` worker deaths in a row. */
    const struck = async (s: Stage, deaths: number): Promise<string> => {
      const id = await s.add({ priority: 0 });
      for (let death = 0; death < deaths; death += 1) {
        const victim = await s.mortal();
        const { claimed } = await victim.claim({ slots: 1 });
        expect(claimed.map((actor) => actor.id)).toEqual([id]);
        await victim.die();
      }
      return id;
    };

    test('after one death an actor is claimed as usual, with its strike and the time of that claim', async () => {
      const s = stage();
      const [victim, worker] = [await s.mortal(), await s.worker()];
      const id = await s.add();
      const claimedAt = await s.store.now();
      const first = await victim.take();
      await victim.die();
      const second = await worker.take({ suspect: false });
      expect(second).toMatchObject({ id, strikes: 1, claimedBefore: claimedAt, wakeAt: first.wakeAt });
      expect(second.fence).toBeGreaterThan(first.fence + 1);
    });

    test('after two deaths it is claimed only by who takes a suspect', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await struck(s, 2);
      const neighbour = await s.add();
      expect(await worker.ids({ suspect: false })).toEqual([neighbour]);
      expect(await worker.take({ suspect: true })).toMatchObject({ id, strikes: 2 });
    });

    test('one claim takes at most one suspect', async () => {
      const s = stage();
      const ids = [await s.add(), await s.add()];
      for (let death = 0; death < 2; death += 1) {
        const victim = await s.mortal();
        expect(await victim.ids({ suspect: false })).toHaveLength(2);
        await victim.die();
      }
      const neighbour = await s.add();
      const worker = await s.worker();
      const first = await worker.ids();
      expect(first).toHaveLength(2);
      expect(first).toContain(neighbour);
      expect(await worker.ids({ suspect: false })).toEqual([]);
      expect(await worker.ids()).toEqual(ids.filter((id) => !first.includes(id)));
    });

    test('mail does not smuggle a suspect into an ordinary claim', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await struck(s, 2);
      await s.send(id);
      expect(await worker.ids({ suspect: false })).toEqual([]);
      expect((await worker.take()).mail).toHaveLength(1);
    });

    test('mail that met a suspect while it was held does not smuggle it in either, and is not lost', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await struck(s, 2);
      const victim = await s.mortal();
      expect((await victim.take()).strikes).toBe(2);
      await s.send(id);
      await victim.die();
      expect(await worker.ids({ suspect: false })).toEqual([]);
      const held = await worker.take();
      expect([held.strikes, held.mail.length]).toEqual([3, 1]);
    });

    test('mail for a suspect that waits for mail only is found by a claim that takes suspects', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await struck(s, 2);
      await worker.commit([goesOn(await worker.take(), { strikes: 2 })]);
      await s.send(id);
      expect(await worker.ids({ suspect: false })).toEqual([]);
      expect(await worker.ids()).toEqual([id]);
    });

    test('a clean release makes a suspect ordinary again', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await struck(s, 2);
      await worker.commit([goesOn(await worker.take(), { strikes: 0, wakeAt: 'now' })]);
      expect(await worker.take({ suspect: false })).toMatchObject({ id, strikes: 0, claimedBefore: null });
    });

    test('a suspect let go with a wake time stays a suspect until it is due', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await struck(s, 2);
      const held = await worker.take();
      const at = (await s.store.now()) + 500;
      await worker.commit([goesOn(held, { strikes: 2, wakeAt: at })]);
      expect(await worker.ids()).toEqual([]);
      await s.advance(500);
      expect(await worker.ids({ suspect: false })).toEqual([]);
      const again = await worker.take();
      expect(again).toMatchObject({ id, strikes: 2, wakeAt: at });
      await worker.commit([goesOn(again, { strikes: 0 })]);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });

    test('a held suspect is poked', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const id = await struck(s, 2);
      await worker.take();
      await s.send(id);
      expect((await other.claim()).poked).toEqual([{ id, worker: worker.id }]);
    });
  });
}
