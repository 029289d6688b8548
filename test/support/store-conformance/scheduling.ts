import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { goesOn, type Held, type Stage, settles } from './stage.ts';

/** What schedule() promises, but for idempotency keys. */
export function schedulingFacts(stage: () => Stage): void {
  describe('schedule', () => {
    test('a new actor is found as it was asked for', async () => {
      const { store, ...s } = stage();
      const parent = randomUUID();
      const now = await store.now();
      const id = await stage().add({
        labels: ['a', 'b'],
        input: '{"n":1}',
        priority: 3,
        parent,
        role: 'first',
        when: { afterMs: 5_000 },
      });
      expect(await store.find(id)).toEqual({
        id,
        name: 'order',
        version: 1,
        queue: s.queueName,
        priority: 3,
        labels: ['a', 'b'],
        status: 'active',
        state: '"scheduled"',
        input: '{"n":1}',
        snapshot: null,
        history: expect.any(String),
        spilled: false,
        seq: 0,
        fence: 0,
        attempt: 0,
        retried: 0,
        strikes: 0,
        worker: null,
        claimedAt: null,
        wakeAt: now + 5_000,
        parent,
        role: 'first',
        key: null,
        reason: null,
        progress: null,
        record: null,
        mail: 0,
        createdAt: now,
        settledAt: null,
      });
    });

    test('a delay counts from the store clock and ends not a millisecond early', async () => {
      const s = stage();
      const worker = await s.worker();
      const { items, now } = await s.store.schedule([s.actor({ when: { afterMs: 60_000 } })], null);
      expect(items[0]).toMatchObject({ outcome: 'scheduled', dueAt: now + 60_000, started: false });
      await s.advance(59_999);
      expect(await worker.ids()).toEqual([]);
      await s.advance(1);
      expect(await worker.ids()).toEqual([items[0]?.id]);
    });

    test('an instant in the past is due now', async () => {
      const s = stage();
      const worker = await s.worker();
      const { items, now } = await s.store.schedule([s.actor({ when: { at: 1_000 } })], null);
      expect(items[0]).toMatchObject({ outcome: 'scheduled', dueAt: now });
      expect((await worker.take()).wakeAt).toBe(now);
    });

    test('an instant ahead is kept to the millisecond', async () => {
      const s = stage();
      const at = (await s.store.now()) + 1_234;
      const id = await s.add({ when: { at } });
      expect((await s.store.find(id))?.wakeAt).toBe(at);
    });

    test('a row that cannot be stored is refused alone, and answers come in the order asked', async () => {
      const s = stage();
      const actors = [s.actor(), s.actor({ input: 'a\u0000b' }), s.actor(), s.actor({ labels: ['\u0000'] }), s.actor()];
      const { items } = await s.store.schedule(actors, null);
      expect(items.map((item) => item.outcome)).toEqual(['scheduled', 'refused', 'scheduled', 'refused', 'scheduled']);
      expect(items.map((item) => item.id)).toEqual(actors.map((actor) => actor.id));
      expect(await s.store.find(actors[1]?.id ?? '')).toBeNull();
      expect(await s.store.find(actors[2]?.id ?? '')).not.toBeNull();
    });

    test('payloads come back unchanged, whatever characters they hold', async () => {
      const s = stage();
      const input = '{"text":"\\u0000 \\ud800 ünï \' \\" \\\\ 😀\\n"}\t{},"';
      const labels = ['a b', '{x}', '"', ',', '\\', "'", 'NULL', ''];
      const id = await s.add({ input, labels });
      const worker = await s.worker();
      expect(await worker.take()).toMatchObject({ id, input, labels });
    });

    test('an id that is active is not written again', async () => {
      const s = stage();
      const id = await s.add({ input: '1' });
      const { items } = await s.store.schedule([s.actor({ id, input: '2' })], null);
      expect(items).toEqual([{ outcome: 'skipped_in_flight', id }]);
      expect((await s.store.find(id))?.input).toBe('1');
      const worker = await s.worker();
      expect(await worker.ids()).toEqual([id]);
    });

    test('an id that has settled does not run again and answers with its record', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ id: randomUUID() });
      await worker.commit([settles(await worker.take(), { record: '"r"' })]);
      const { items } = await s.store.schedule([s.actor({ id })], null);
      expect(items).toEqual([{ outcome: 'skipped_idempotent', id, record: '"r"' }]);
      expect(await worker.ids()).toEqual([]);
      expect((await s.store.find(id))?.status).toBe('done');
    });

    test('the same id twice in one call is one actor', async () => {
      const s = stage();
      const actor = s.actor();
      const { items } = await s.store.schedule([actor, s.actor(), actor], null);
      expect(items.map((item) => item.outcome)).toEqual(['scheduled', 'scheduled', 'skipped_in_flight']);
      const worker = await s.worker();
      expect(await worker.ids()).toHaveLength(2);
    });

    test('an empty call is answered', async () => {
      expect((await stage().store.schedule([], null)).items).toEqual([]);
    });
  });

  describe('start at once', () => {
    /** A started actor as its starter knows it, without asking. */
    const startedAs = (s: Stage, id: string): Held => ({
      id,
      def: s.def,
      queue: s.queue,
      priority: 5,
      fence: 1,
      seq: 0,
      pokes: 0,
      dueRowAt: null,
      mail: [],
    });

    test('what is due now is leased to the starter and claimed by nobody else', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const actors = [s.actor({ start: true }), s.actor({ start: true })];
      const lease = worker.nextLease();
      const { items } = await s.store.schedule(actors, { worker: worker.id, lease });
      expect(items.map((item) => item.outcome === 'scheduled' && item.started)).toEqual([true, true]);
      expect(await other.ids()).toEqual([]);
      const held = await s.store.heldBy(worker.id);
      expect([...held].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
        actors.map(({ id }) => ({ id, fence: 1, lease })).sort((a, b) => (a.id < b.id ? -1 : 1)),
      );
      expect(await s.findings()).toEqual([]);
    });

    test('its starter commits the first turn at fence 1 without a claim', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = (await s.store.schedule([s.actor({ start: true })], { worker: worker.id, lease: worker.nextLease() }))
        .items[0]?.id;
      expect(await worker.did(settles(startedAs(s, id ?? '')))).toBe(true);
    });

    test('mail to it pokes the starter', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const { items } = await s.store.schedule([s.actor({ start: true })], {
        worker: worker.id,
        lease: worker.nextLease(),
      });
      const id = items[0]?.id ?? '';
      await s.send(id);
      expect((await other.claim()).poked).toEqual([{ id, worker: worker.id }]);
      expect(await worker.did(goesOn(startedAs(s, id)))).toBe(false);
    });

    test('it is freed with its strike when the starter dies, and still knows when it was due', async () => {
      const s = stage();
      const [worker, other] = [await s.mortal(), await s.worker()];
      const { items, now } = await s.store.schedule([s.actor({ start: true })], {
        worker: worker.id,
        lease: worker.nextLease(),
      });
      await worker.die();
      expect(await other.take()).toMatchObject({
        id: items[0]?.id,
        fence: 3,
        strikes: 1,
        claimedBefore: now,
        wakeAt: now,
        snapshot: null,
      });
    });

    test('nothing starts that is due later, has a key, did not ask, or whose queue is paused', async () => {
      const s = stage();
      const worker = await s.worker();
      const [paused = 0] = await s.store.registerQueues(['paused']);
      await s.store.setPaused('paused', true);
      const key = { digest: Buffer.alloc(32, 1), key: 'k', fingerprint: Buffer.alloc(32, 2), retentionMs: 1_000 };
      const { items } = await s.store.schedule(
        [
          s.actor({ start: true, when: { afterMs: 1 } }),
          s.actor({ start: true, key }),
          s.actor({ start: false }),
          s.actor({ start: true, queue: paused }),
          s.actor({ start: true }),
        ],
        { worker: worker.id, lease: worker.nextLease() },
      );
      expect(items.map((item) => item.outcome === 'scheduled' && item.started)).toEqual([
        false,
        false,
        false,
        false,
        true,
      ]);
      expect(await worker.heldIds()).toEqual([items[4]?.id]);
      expect(await worker.ids()).toHaveLength(2);
    });

    test('a starter found dead is given nothing', async () => {
      const s = stage();
      const [dead, other] = [await s.mortal(), await s.worker()];
      await dead.die();
      const id = (await s.store.schedule([s.actor({ start: true })], { worker: dead.id, lease: dead.nextLease() }))
        .items[0];
      expect(id).toMatchObject({ outcome: 'scheduled', started: false });
      expect(await other.ids()).toEqual([id?.id]);
    });
  });

  describe("in the caller's transaction", () => {
    test('what is scheduled and sent is there after the commit', async () => {
      const s = stage();
      if (s.under.transaction === undefined) return;
      const worker = await s.worker();
      const receiver = await s.add({ when: { afterMs: 60_000 } });
      const actor = s.actor();
      await s.under.transaction(async (client) => {
        const { items } = await s.store.scheduleWithin(client, [actor], 1_000);
        expect(items[0]).toMatchObject({ outcome: 'scheduled', started: false });
        expect((await s.store.sendWithin(client, [{ actor: receiver, event: 'ping', dedupId: null }])).items).toEqual([
          'stored',
        ]);
        expect(await worker.ids()).toEqual([]);
      }, 'commit');
      expect([...(await worker.ids())].sort()).toEqual([actor.id, receiver].sort());
    });

    test('what is scheduled and sent is gone with the rollback', async () => {
      const s = stage();
      if (s.under.transaction === undefined) return;
      const worker = await s.worker();
      const receiver = await s.add({ when: { afterMs: 60_000 } });
      const actor = s.actor();
      await s.under.transaction(async (client) => {
        await s.store.scheduleWithin(client, [actor], 1_000);
        await s.store.sendWithin(client, [{ actor: receiver, event: 'ping', dedupId: null }]);
      }, 'rollback');
      expect(await worker.ids()).toEqual([]);
      expect(await s.store.find(actor.id)).toBeNull();
      expect((await s.store.find(receiver))?.mail).toBe(0);
    });

    test('a turn of the receiver commits while the transaction is open', async () => {
      const s = stage();
      if (s.under.transaction === undefined) return;
      const worker = await s.worker();
      const receiver = await s.add();
      const held = await worker.take();
      await s.under.transaction(async (client) => {
        await s.store.sendWithin(client, [{ actor: receiver, event: 'ping', dedupId: null }]);
        expect(await worker.did(goesOn(held))).toBe(true);
      }, 'commit');
      expect((await worker.take()).mail).toHaveLength(1);
    });
  });
}
