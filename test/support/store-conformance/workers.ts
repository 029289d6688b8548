import { describe, expect, test } from 'vitest';
import { waitUntil } from '../wait-until.ts';
import { goesOn, type Stage, settles } from './stage.ts';

/** What joining, beating, dying and leaving mean for what a worker holds. */
export function workerFacts(stage: () => Stage): void {
  describe('a dead worker', () => {
    test('what it held is free, due now, and beyond its reach', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      const ids = [await s.add(), await s.add(), await s.add()];
      const { claimed } = await dead.claim();
      await dead.commit([goesOn(claimed[0] ?? expect.fail(), { hold: true, strikes: 1 })]);
      await dead.die();
      expect(await s.store.heldBy(dead.id)).toEqual([]);
      for (const held of claimed) {
        expect(await dead.did(settles(held))).toBe(false);
        expect(await s.store.progress(dead.id, held.id, held.fence, '1')).toBe(false);
      }
      expect((await s.store.reload(dead.id, claimed)).held).toEqual([]);
      expect(await s.findings()).toEqual([]);
      const again = (await other.claim()).claimed;
      expect(again.map((actor) => actor.id).sort()).toEqual(ids.sort());
      expect(again.every((actor) => actor.fence === 3 && actor.strikes === 1)).toBe(true);
    });

    test('it never claims again', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      await dead.die();
      const id = await s.add();
      const outcome = await dead.ids().catch(() => []);
      expect(outcome).toEqual([]);
      expect(await other.ids()).toEqual([id]);
    });

    test('its queues are named to be woken, once', async () => {
      const s = stage();
      const dead = await s.mortal();
      await s.add();
      await s.add();
      await dead.claim();
      await dead.heartbeat.stop();
      const queues: number[] = [];
      let processed = 0;
      for (let step = 0; step < 8; step += 1) {
        await s.advance(1_500);
        const pass = await s.store.reap();
        expect(pass.errors).toBe(0);
        queues.push(...pass.queues);
        processed += pass.processed;
      }
      expect(queues).toEqual([s.queue]);
      expect(processed).toBeGreaterThan(0);
    });

    test('an actor with a wake time ahead is due now when its worker dies, and has no second life later', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      const id = await s.add({ when: { afterMs: 60_000 } });
      await s.send(id);
      await dead.take();
      await dead.die();
      const held = await other.take();
      expect([held.id, held.mail.length]).toEqual([id, 1]);
      await other.commit([settles(held)]);
      await s.advance(60_000);
      expect(await other.claim()).toMatchObject({ claimed: [], poked: [] });
    });

    test('mail to what it held is not lost', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      const id = await s.add();
      await dead.take();
      await s.send(id, 'before');
      expect((await other.claim()).poked).toHaveLength(1);
      await dead.die();
      await s.send(id, 'after');
      expect((await other.take()).mail.map((one) => one.event)).toEqual(['before', 'after']);
    });

    test('what it had let go is not touched', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      const id = await s.add();
      await dead.commit([goesOn(await dead.take(), { wakeAt: 'now' })]);
      const held = await other.take();
      await dead.die();
      expect(await s.store.find(id)).toMatchObject({ worker: other.id, fence: held.fence });
      expect(await other.did(settles(held))).toBe(true);
    });

    test('the living keep what they hold', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      const [a, b] = [await s.add(), await s.add()];
      const held = await other.take({ slots: 1 });
      await dead.take({ slots: 1 });
      await dead.die();
      expect(await other.heldIds()).toEqual([held.id]);
      expect(await other.did(goesOn(held))).toBe(true);
      expect([a, b]).toContain((await other.take()).id);
    });

    test('a jump of the store clock kills nobody', async () => {
      const s = stage();
      const worker = await s.mortal();
      await worker.heartbeat.stop();
      const id = await s.add();
      await worker.take();
      await s.store.reap();
      await s.advance(60_000);
      expect((await s.store.reap()).processed).toBe(0);
      expect(await worker.heldIds()).toEqual([id]);
      expect(await s.findings()).toEqual([]);
    });
  });

  describe('leases', () => {
    test('a rewritten lease still frees what it names, an emptied one is gone', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      for (let count = 0; count < 3; count += 1) await s.add();
      const { claimed } = await dead.claim();
      const [long, short, last] = claimed;
      if (!long || !short || !last) throw new Error('three actors were due');
      await dead.commit([settles(short), goesOn(long, { hold: true, strikes: 1 })], {
        rewritten: [{ lease: dead.lastLease, actors: [long.id, last.id] }],
      });
      expect([...(await dead.heldIds())].sort()).toEqual([long.id, last.id].sort());
      await dead.commit([settles(last)], { rewritten: [{ lease: dead.lastLease, actors: [long.id] }] });
      const settledNext = await s.add();
      const second = await dead.take();
      expect(second.id).toBe(settledNext);
      await dead.commit([settles(second)], { emptied: [dead.lastLease] });
      expect(await s.findings()).toEqual([]);
      await dead.die();
      expect(await other.ids()).toEqual([long.id]);
    });

    test('heldBy names each actor once, with its fence and its newest lease', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await worker.commit([goesOn(await worker.take(), { wakeAt: 'now' })]);
      const held = await worker.take();
      expect(await s.store.heldBy(worker.id)).toEqual([{ id, fence: held.fence, lease: worker.lastLease }]);
    });

    test('a claim that takes nothing leaves nothing to free', async () => {
      const s = stage();
      const worker = await s.worker();
      await worker.claim();
      expect(await s.store.heldBy(worker.id)).toEqual([]);
    });
  });

  describe('leaving', () => {
    test('what is still held is given back, due now, without a strike and with the fence raised', async () => {
      const s = stage();
      const [leaver, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const held = await leaver.take();
      await leaver.heartbeat.stop();
      await s.store.leave(leaver.id);
      expect(await leaver.did(settles(held))).toBe(false);
      expect(await s.store.heldBy(leaver.id)).toEqual([]);
      expect(await s.findings()).toEqual([]);
      const again = await other.take({ suspect: false });
      expect(again).toMatchObject({ id, strikes: 0, claimedBefore: null, wakeAt: held.wakeAt });
      expect(again.fence).toBe(held.fence + 2);
    });

    test('what is given back is due now without a strike, what was lost or is meant to stay is not', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const kept = await s.add();
      await worker.take();
      const { items, now } = await s.store.schedule([s.actor(), s.actor()], null);
      const { claimed } = await worker.claim();
      const [back, lost] = claimed;
      if (!back || !lost) throw new Error(`${items.length} actors were due`);
      const asked = [back, { id: lost.id, fence: lost.fence - 1 }, { id: kept, fence: 7 }];
      expect(await s.store.giveBack(other.id, [back])).toBe(0);
      expect(await s.store.giveBack(worker.id, asked)).toBe(1);
      expect(await s.store.giveBack(worker.id, asked)).toBe(0);
      expect([...(await worker.heldIds())].sort()).toEqual([kept, lost.id].sort());
      expect(await worker.did(settles(back))).toBe(false);
      const again = await other.take({ suspect: false });
      expect(again).toMatchObject({ id: back.id, fence: back.fence + 2, strikes: 0, claimedBefore: null, wakeAt: now });
      expect(await s.findings()).toEqual([]);
    });

    test('who leaves three times in a row makes no suspect', async () => {
      const s = stage();
      const id = await s.add();
      for (let count = 0; count < 3; count += 1) {
        const leaver = await s.worker();
        expect(await leaver.ids({ suspect: false })).toEqual([id]);
        await leaver.heartbeat.stop();
        await s.store.leave(leaver.id);
      }
      const worker = await s.worker();
      expect((await worker.take({ suspect: false })).strikes).toBe(0);
    });

    test('who left claims nothing and is listed no more', async () => {
      const s = stage();
      const [leaver, other] = [await s.worker(), await s.worker()];
      await leaver.heartbeat.stop();
      await s.store.leave(leaver.id);
      const id = await s.add();
      expect(await leaver.ids().catch(() => [])).toEqual([]);
      expect((await s.store.stats()).workers.map((worker) => worker.id)).toEqual([other.id]);
      expect(await other.ids()).toEqual([id]);
    });
  });

  describe('heartbeat', () => {
    test('beats go on while the main loop ticks, and are withheld when it hangs', async () => {
      const s = stage();
      const [ticking, hanging] = [await s.worker({ leaseMs: 900 }), await s.worker({ leaseMs: 900 })];
      await waitUntil(async () => {
        ticking.heartbeat.tick();
        return ticking.heartbeat.lastBeatMs() - hanging.heartbeat.lastBeatMs() > 600;
      });
      await Promise.all([ticking.heartbeat.stop(), hanging.heartbeat.stop()]);
    });

    test('a worker whose beats are old is shown as not alive', async () => {
      const s = stage();
      const [quiet, other] = [await s.mortal(), await s.worker()];
      await quiet.heartbeat.stop();
      await s.advance(3_001);
      const { workers } = await s.store.stats();
      const alive = Object.fromEntries(workers.map((worker) => [worker.id, worker.alive]));
      expect(alive).toEqual({ [quiet.id]: false, [other.id]: true });
    });
  });
}
