import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { StoredActor } from '../../../src/store/contract.ts';
import type { WakeListener } from '../../../src/store/wake-listener.ts';
import { waitUntil } from '../wait-until.ts';
import { definition, goesOn, type Stage, settles } from './stage.ts';

/** What views, timers, alarms, waiters and listeners are told. */
export function readingFacts(stage: () => Stage): void {
  const idsOf = (items: readonly StoredActor[]): readonly string[] => items.map((actor) => actor.id);

  describe('registry', () => {
    test('the same definition and the same queue always have the same id', async () => {
      const s = stage();
      const other = await s.under.another();
      const asked = [definition('a'), definition('b'), definition('a', 2), definition('a')];
      const first = await s.store.registerDefinitions(asked);
      expect(first[3]).toBe(first[0]);
      expect(new Set(first).size).toBe(3);
      expect(await other.registerDefinitions(asked)).toEqual(first);
      const queues = await s.store.registerQueues(['x', 'y', 'x']);
      expect([queues[2], new Set(queues).size]).toEqual([queues[0], 2]);
      expect(await other.registerQueues(['y', 'x'])).toEqual([queues[1], queues[0]]);
    });

    test('a namespace has queues of its own', async () => {
      const s = stage();
      const other = await s.under.another('elsewhere');
      const [queue = 0] = await other.registerQueues([s.queueName]);
      expect(queue).not.toBe(s.queue);
      await other.setPaused(s.queueName, true);
      const id = await s.add();
      const worker = await s.worker();
      expect(await worker.ids()).toEqual([id]);
      expect((await other.list({ limit: 10 })).items).toEqual([]);
      expect((await other.stats()).active).toBe(0);
    });
  });

  describe('what comes next', () => {
    test('nextDue is the earliest due instant per queue, past or future, of the definitions asked for', async () => {
      const s = stage();
      const [other = 0, idle = 0] = await s.store.registerQueues(['other', 'idle']);
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const now = await s.store.now();
      await s.add({ def, name: 'invoice', when: { afterMs: 1_000 } });
      await s.add({ priority: 0, when: { afterMs: 9_000 } });
      await s.add({ priority: 9, when: { afterMs: 3_000 } });
      await s.add({ queue: other });
      await s.advance(500);
      const { due, now: asked } = await s.store.nextDue([s.queue, other, idle], [s.def]);
      expect(asked).toBe(now + 500);
      expect(new Map(due)).toEqual(
        new Map([
          [s.queue, now + 3_000],
          [other, now],
        ]),
      );
      expect((await s.store.nextDue([s.queue], [s.def, def])).due.get(s.queue)).toBe(now + 1_000);
    });

    test('a paused queue has nothing next until it is resumed', async () => {
      const s = stage();
      await s.add();
      await s.store.setPaused(s.queueName, true);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
      await s.store.setPaused(s.queueName, false);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(1);
    });

    test('due buckets are distinct, within the horizon, the nearest first under a limit', async () => {
      const s = stage();
      const now = await s.store.now();
      const start = Math.ceil(now / 1_000) * 1_000;
      for (const at of [start + 1_100, start + 1_900, start + 3_000, start + 50_000]) await s.add({ when: { at } });
      const buckets = await s.store.dueBuckets(10_000, 1_000, 100);
      expect(buckets).toEqual([
        { queue: s.queue, at: start + 1_000 },
        { queue: s.queue, at: start + 3_000 },
      ]);
      expect(await s.store.dueBuckets(100_000, 1_000, 100)).toHaveLength(3);
      expect(await s.store.dueBuckets(100_000, 1_000, 1)).toEqual(buckets.slice(0, 1));
    });
  });

  describe('views', () => {
    test('an unknown id is nothing', async () => {
      const s = stage();
      expect(await s.store.find(randomUUID())).toBeNull();
      expect(await s.store.journal(randomUUID())).toEqual([]);
      expect(await s.store.progressed([randomUUID()])).toEqual([]);
    });

    test('a list can be narrowed by everything it knows', async () => {
      const s = stage();
      const worker = await s.worker();
      const parent = randomUUID();
      const key = { digest: Buffer.alloc(32, 1), key: 'k', fingerprint: Buffer.alloc(32, 2), retentionMs: 1_000 };
      const [other = 0] = await s.store.registerQueues(['other']);
      const dropped = await s.add();
      await worker.commit([
        settles(await worker.take(), { status: 'dropped', outcome: 'cancelled', reason: 'cancelled', state: '"gone"' }),
      ]);
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const done = await s.add({ def, name: 'invoice', labels: ['red', 'blue'] });
      await worker.commit([settles(await worker.take({ defs: [def] }), { state: '"done"' })]);
      const bad = await s.add();
      await worker.commit([goesOn(await worker.take(), { quarantine: 'bad', state: '"bad"' })]);
      const active = await s.add({ labels: ['blue'], parent, key, queue: other });
      const narrowed = async (filter: object): Promise<readonly string[]> =>
        [...idsOf((await s.store.list({ limit: 10, ...filter })).items)].sort();
      const sorted = (...ids: string[]): readonly string[] => ids.sort();
      expect(await narrowed({})).toEqual(sorted(dropped, done, bad, active));
      expect(await narrowed({ status: 'active' })).toEqual([active]);
      expect(await narrowed({ status: 'quarantined' })).toEqual([bad]);
      expect(await narrowed({ status: 'done' })).toEqual([done]);
      expect(await narrowed({ status: 'dropped' })).toEqual([dropped]);
      expect(await narrowed({ outcome: 'cancelled' })).toEqual([dropped]);
      expect(await narrowed({ state: '"done"' })).toEqual([done]);
      expect(await narrowed({ state: '"scheduled"' })).toEqual([active]);
      expect(await narrowed({ name: 'invoice' })).toEqual([done]);
      expect(await narrowed({ queue: 'other' })).toEqual([active]);
      expect(await narrowed({ label: 'blue' })).toEqual(sorted(done, active));
      expect(await narrowed({ key: 'k' })).toEqual([active]);
      expect(await narrowed({ parentId: parent })).toEqual([active]);
      expect(await narrowed({ label: 'blue', status: 'done' })).toEqual([done]);
      expect(await narrowed({ queue: 'nowhere' })).toEqual([]);
      // None is an empty list, alive and settled.
      const labels = { [dropped]: [], [done]: ['red', 'blue'], [bad]: [], [active]: ['blue'] };
      const listed = (await s.store.list({ limit: 10 })).items;
      expect(Object.fromEntries(listed.map((actor) => [actor.id, actor.labels]))).toEqual(labels);
      const found = await Promise.all(Object.keys(labels).map((id) => s.store.find(id)));
      expect(Object.fromEntries(found.map((actor) => [actor?.id, actor?.labels]))).toEqual(labels);
    });

    test('a list that looks at the newest only misses nothing in the end, and finds what has an index at once', async () => {
      const s = stage();
      const worker = await s.worker();
      const rare: string[] = [];
      for (let count = 0; count < 12; count += 1) {
        const [state, labels] = count === 0 || count === 5 ? ['"odd"', ['rare']] : ['"even"', []];
        const ends = count % 3 === 0;
        const id = await s.add({ state, labels, when: { afterMs: ends ? 0 : 60_000 } });
        if (labels.length > 0) rare.push(id);
        if (ends) await worker.did(settles(await worker.take(), { state }));
        await s.advance(1);
      }
      const found: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await s.store.list({ limit: 5, within: 2, state: '"odd"', ...(cursor && { cursor }) });
        found.push(...idsOf(page.items));
        cursor = page.cursor;
        pages += 1;
      } while (cursor !== undefined && pages < 30);
      expect(found).toEqual(rare.toReversed());
      expect(pages).toBeGreaterThan(2);
      expect((await s.store.list({ limit: 5, within: 2, state: '"odd"' })).items).toEqual([]);
      const all = await s.store.list({ limit: 5, within: 2, label: 'rare' });
      expect([idsOf(all.items), all.cursor]).toEqual([rare.toReversed(), undefined]);
    });

    test('a list is newest first and goes on where it stopped, over active and settled alike', async () => {
      const s = stage();
      const worker = await s.worker();
      const ids: string[] = [];
      for (let count = 0; count < 7; count += 1) {
        ids.unshift(await s.add());
        await s.advance(10);
        if (count % 2 === 0) await worker.commit([settles(await worker.take({ slots: 1 }))]);
      }
      const pages: (readonly string[])[] = [];
      let cursor: string | undefined;
      do {
        const page = await s.store.list({ limit: 3, ...(cursor && { cursor }) });
        pages.push(idsOf(page.items));
        cursor = page.cursor;
      } while (cursor !== undefined && pages.length < 10);
      expect(pages.flat()).toEqual(ids);
      expect(pages[0]).toHaveLength(3);
    });

    test('progressed answers for active and settled actors at once', async () => {
      const s = stage();
      const worker = await s.worker();
      const done = await s.add();
      await worker.commit([settles(await worker.take(), { record: '"r"', state: '"done"' })]);
      const active = await s.add();
      const answers = await s.store.progressed([done, active, randomUUID()]);
      expect([...answers].sort((a, b) => b.seq - a.seq)).toEqual([
        { id: done, seq: 1, held: false, state: '"done"', status: 'done', record: '"r"' },
        { id: active, seq: 0, held: false, state: '"scheduled"', status: 'active', record: null },
      ]);
      await worker.take();
      expect(await s.store.progressed([active])).toMatchObject([{ held: true }]);
    });

    test('stats count what is due, what is later, what is held and what is set aside', async () => {
      const s = stage();
      const worker = await s.worker();
      const now = await s.store.now();
      await s.add();
      await worker.take();
      await s.add();
      await worker.commit([goesOn(await worker.take(), { quarantine: 'bad' })]);
      await s.add();
      await s.advance(10);
      await s.add();
      await s.add({ when: { afterMs: 5_000 } });
      await s.store.setPaused('other', true);
      const stats = await s.store.stats();
      const { beatAt, joinedAt, ...entry } = stats.workers[0] ?? expect.fail('no worker listed');
      expect([beatAt >= joinedAt, joinedAt >= now]).toEqual([true, true]);
      expect(entry).toEqual({ ...worker.entry, alive: true, held: 1, duties: [] });
      expect([stats.active, stats.quarantined, stats.parked]).toEqual([4, 1, 0]);
      const queues = Object.fromEntries(stats.queues.map((queue) => [queue.queue, queue]));
      expect(queues[s.queueName]).toEqual({
        queue: s.queueName,
        paused: false,
        due: 2,
        later: 1,
        oldestDueAt: now,
      });
      expect(queues['other']).toEqual({ queue: 'other', paused: true, due: 0, later: 0, oldestDueAt: null });
    });

    test('the audit finds nothing to say of any actor in order', async () => {
      const s = stage();
      const worker = await s.worker();
      for (let count = 0; count < 6; count += 1) await s.add();
      await s.add({ when: { afterMs: 60_000 } });
      const { claimed } = await worker.claim();
      const later = (await s.store.now()) + 1_000;
      const nexts = [{ hold: true }, {}, { wakeAt: 'now' as const }, { wakeAt: later }, { quarantine: 'bad' }];
      const writes = nexts.map((next, index) => goesOn(claimed[index] ?? expect.fail('not claimed'), next));
      await worker.commit([...writes, settles(claimed[5] ?? expect.fail('not claimed'))]);
      expect(await s.findings()).toEqual([]);
    });

    test('the days ahead can be prepared again and again', async () => {
      const s = stage();
      await s.store.prepareDays();
      await s.store.prepareDays();
    });
  });

  describe('wake-ups', () => {
    const listening = (): { heard: WakeListener; dues: (readonly [number, number])[]; pokes: string[] } => {
      const [dues, pokes]: [(readonly [number, number])[], string[]] = [[], []];
      const heard: WakeListener = {
        due: (queue, at) => dues.push([queue, at]),
        poke: (actor) => pokes.push(actor),
        state: () => undefined,
      };
      return { heard, dues, pokes };
    };

    test('an announcement reaches another process', async () => {
      const s = stage();
      const other = await s.under.another();
      const { heard, dues } = listening();
      const subscription = await other.listen(null, heard);
      s.store.announce(s.queue, 1_234);
      await waitUntil(() => dues.length > 0);
      expect(dues[0]).toEqual([s.queue, 1_234]);
      await subscription.close();
    });

    test('a burst of announcements is told in a few, and the earliest instant is among them', async () => {
      const s = stage();
      const other = await s.under.another();
      const { heard, dues } = listening();
      const subscription = await other.listen(null, heard);
      for (let count = 0; count < 1_000; count += 1) s.store.announce(s.queue, 10_000 - count);
      await waitUntil(() => dues.some(([, at]) => at === 9_001));
      expect(dues.length).toBeLessThan(100);
      await subscription.close();
    });

    test('a poke reaches the worker that holds the actor, and no other', async () => {
      const s = stage();
      const other = await s.under.another();
      const [owner, bystander] = [listening(), listening()];
      const ids = [randomUUID(), randomUUID()] as const;
      const subscriptions = [await other.listen(ids[0], owner.heard), await other.listen(ids[1], bystander.heard)];
      const [mine, theirs] = [randomUUID(), randomUUID()];
      s.store.announcePokes([
        { id: mine, worker: ids[0] },
        { id: theirs, worker: ids[1] },
      ]);
      await waitUntil(() => owner.pokes.length > 0 && bystander.pokes.length > 0);
      expect([owner.pokes, bystander.pokes]).toEqual([[mine], [theirs]]);
      for (const subscription of subscriptions) await subscription.close();
    });

    test('who stopped listening hears nothing more', async () => {
      const s = stage();
      const other = await s.under.another();
      const [gone, here] = [listening(), listening()];
      await (await other.listen(null, gone.heard)).close();
      const subscription = await other.listen(null, here.heard);
      s.store.announce(s.queue, 1);
      await waitUntil(() => here.dues.length > 0);
      expect(gone.dues).toEqual([]);
      await subscription.close();
    });
  });
}
