import { describe, expect, test } from 'vitest';
import { definition, goesOn, mail, type Stage, settles } from './stage.ts';

/** What a claim takes, in which order, and what it leaves. */
export function claimingFacts(stage: () => Stage): void {
  describe('claim order', () => {
    test('a lower priority number is served first, then what has been due longer', async () => {
      const s = stage();
      const worker = await s.worker();
      const now = await s.store.now();
      const asked = [
        { priority: 9, when: { at: now - 5 } },
        { priority: 0, when: { at: now + 30 } },
        { priority: 5, when: { at: now + 20 } },
        { priority: 5, when: { at: now + 10 } },
        { priority: 0, when: { at: now + 40 } },
      ];
      const ids = [];
      for (const one of asked) ids.push(await s.add(one));
      await s.advance(50);
      const taken = [];
      for (const _ of ids) taken.push((await worker.claim({ slots: 1 })).claimed[0]?.id);
      expect(taken).toEqual([ids[1], ids[4], ids[3], ids[2], ids[0]]);
    });

    test('one due job is found behind two thousand future ones of higher priority', async () => {
      const s = stage();
      const worker = await s.worker();
      const future = Array.from({ length: 2_000 }, (_, i) =>
        s.actor({ priority: i % 5, when: { afterMs: 3_600_000 + i } }),
      );
      await s.store.schedule(future, null);
      const id = await s.add({ priority: 9 });
      const reply = await worker.claim({ slots: 10 });
      expect(reply.claimed.map((actor) => actor.id)).toEqual([id]);
      expect(reply.more).toBe(false);
    });

    test('with oldestFirst the level whose head waited longest goes first', async () => {
      const s = stage();
      const worker = await s.worker();
      const old = await s.add({ priority: 9 });
      await s.advance(100);
      const urgent = await s.add({ priority: 0 });
      const alsoUrgent = await s.add({ priority: 0 });
      expect(await worker.ids({ slots: 1 })).toEqual([[urgent, alsoUrgent].sort()[0]]);
      expect(await worker.ids({ slots: 1, oldestFirst: true })).toEqual([old]);
      expect(await worker.ids({ oldestFirst: true })).toHaveLength(1);
    });

    test('slots bound what is taken, and the reply says when more is due', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.store.schedule(
        Array.from({ length: 5 }, () => s.actor()),
        null,
      );
      const first = await worker.claim({ slots: 3 });
      expect([first.claimed.length, first.more]).toEqual([3, true]);
      const second = await worker.claim({ slots: 3 });
      expect([second.claimed.length, second.more]).toEqual([2, false]);
    });
  });

  describe('claim', () => {
    test('nobody claims what another has claimed', async () => {
      const s = stage();
      const workers = [await s.worker(), await s.worker(), await s.worker()];
      await s.store.schedule(
        Array.from({ length: 60 }, () => s.actor()),
        null,
      );
      const replies = await Promise.all(
        workers.flatMap((worker) => [worker.ids({ slots: 15 }), worker.ids({ slots: 15 })]),
      );
      let ids = replies.flat();
      for (const worker of workers) ids = [...ids, ...(await worker.ids())];
      expect(ids).toHaveLength(60);
      expect(new Set(ids).size).toBe(60);
    });

    test('a first claim shows the actor as it was stored, at fence 1', async () => {
      const s = stage();
      const worker = await s.worker();
      const now = await s.store.now();
      const id = await s.add({ labels: ['l'], input: '7', priority: 2 });
      const reply = await worker.claim();
      expect(reply.now).toBe(now);
      expect(reply.claimed).toEqual([
        {
          id,
          def: s.def,
          name: 'order',
          version: 1,
          queue: s.queue,
          priority: 2,
          labels: ['l'],
          parent: null,
          role: null,
          input: '7',
          state: '"scheduled"',
          attempt: 0,
          retried: 0,
          snapshot: null,
          history: expect.any(String),
          spilled: false,
          seq: 0,
          fence: 1,
          pokes: 0,
          strikes: 0,
          claimedBefore: null,
          wakeAt: now,
          dueRowAt: null,
          createdAt: now,
          limits: null,
          mail: [],
        },
      ]);
      expect(await s.store.find(id)).toMatchObject({ worker: worker.id, claimedAt: now, fence: 1, strikes: 1 });
    });

    test('every claim raises the fence and shows what the last turn stored', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add();
      const stored = { snapshot: '{"s":1}', history: '[1]', state: '"x"', attempt: 4, wakeAt: 'now' as const };
      await worker.commit([goesOn(await worker.take(), stored)]);
      const second = await worker.take();
      const asStored = { seq: 1, snapshot: '{"s":1}', history: '[1]', state: '"x"', attempt: 4 };
      expect(second).toMatchObject({ ...asStored, fence: 2, strikes: 0 });
      expect(await s.store.find(second.id)).toMatchObject(asStored);
    });

    test('other queues, other definitions and paused queues are left where they are', async () => {
      const s = stage();
      const worker = await s.worker();
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const [otherQueue = 0, paused = 0] = await s.store.registerQueues(['other', 'paused']);
      await s.store.setPaused('paused', true);
      const foreign = await s.add({ def, name: 'invoice' });
      const elsewhere = await s.add({ queue: otherQueue });
      const stopped = await s.add({ queue: paused });
      expect(await worker.ids({ queues: [s.queue, paused] })).toEqual([]);
      const invoices = await s.worker({ defs: [def] });
      expect(await invoices.ids()).toEqual([foreign]);
      expect(await worker.ids({ queues: [otherQueue] })).toEqual([elsewhere]);
      await s.store.setPaused('paused', false);
      expect(await worker.ids({ queues: [paused] })).toEqual([stopped]);
    });

    test('one slot is enough behind a hundred due rows nobody here has code for', async () => {
      const s = stage();
      const worker = await s.worker();
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const rows = Array.from({ length: 100 }, () => s.actor({ def, name: 'invoice', priority: 0 }));
      await s.store.schedule(rows, null);
      const id = await s.add();
      expect(await worker.ids({ slots: 1 })).toEqual([id]);
    });

    test('several queues are served in one claim', async () => {
      const s = stage();
      const worker = await s.worker();
      const [other = 0] = await s.store.registerQueues(['other']);
      const ids = [await s.add(), await s.add({ queue: other })];
      expect([...(await worker.ids({ queues: [s.queue, other] }))].sort()).toEqual(ids.sort());
    });

    test('an actor due several times over is claimed once, with all its mail', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await s.store.send([mail(id, '1'), mail(id, '2'), mail(id, '3')]);
      const { claimed, poked } = await worker.claim();
      expect(claimed.map((actor) => [actor.id, actor.mail.map((one) => one.event)])).toEqual([[id, ['1', '2', '3']]]);
      expect(poked).toEqual([]);
      expect((await worker.claim()).poked).toEqual([]);
      expect(await worker.did(settles(claimed[0] ?? expect.fail('nothing claimed')))).toBe(true);
    });

    test('a claim for mail leaves the own due row alone and says so', async () => {
      const s = stage();
      const worker = await s.worker();
      const { items, now } = await s.store.schedule([s.actor({ when: { afterMs: 60_000 } })], null);
      const id = items[0]?.id ?? '';
      await s.send(id);
      const held = await worker.take();
      expect(held).toMatchObject({ id, wakeAt: now + 60_000, dueRowAt: now + 60_000 });
      expect(held.mail).toHaveLength(1);
    });

    test('an actor that waits for mail only has no wake time when claimed', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await worker.commit([goesOn(await worker.take())]);
      await s.advance(1_000_000);
      expect(await worker.ids()).toEqual([]);
      await s.send(id);
      expect(await worker.take()).toMatchObject({ id, wakeAt: null, dueRowAt: null });
    });

    test('a due actor that is held is told to its owner, once, and not given away', async () => {
      const s = stage();
      const [owner, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const held = await owner.take();
      await s.store.send([mail(id), mail(id)]);
      const reply = await other.claim();
      expect(reply).toMatchObject({ claimed: [], poked: [{ id, worker: owner.id }], more: false });
      expect((await other.claim()).poked).toEqual([]);
      const { held: reloaded } = await s.store.reload(owner.id, [held]);
      expect(reloaded[0]?.pokes).toBeGreaterThan(held.pokes);
    });

    test('an own claim pokes too', async () => {
      const s = stage();
      const owner = await s.worker();
      const id = await s.add();
      await owner.take();
      await s.send(id);
      expect((await owner.claim()).poked).toEqual([{ id, worker: owner.id }]);
    });

    test('a worker that never joined claims nothing', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const stranger = '00000000-0000-4000-8000-000000000000';
      const outcome = await worker.claim({ worker: stranger }).then(
        (reply) => reply.claimed,
        () => [],
      );
      expect(outcome).toEqual([]);
      expect(await worker.ids()).toEqual([id]);
    });

    test('a due row left behind by a settled actor is cleared by the next claim', async () => {
      const s = stage();
      const [owner, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const held = await owner.take();
      await s.send(id);
      await owner.commit([settles(held)]);
      expect(await other.claim()).toMatchObject({ claimed: [], poked: [], more: false });
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });
  });
}
