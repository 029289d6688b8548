import { describe, expect, test } from 'vitest';
import type { NewActor } from '../../../src/store/contract.ts';
import type { Replaced } from '../../../src/store/replacement.ts';
import { definition, goesOn, Stage, settles } from './stage.ts';

const CALLERS = 64;

/** What `replace` promises: one actor that waits per label, and the truth for every caller. */
export function replacingFacts(stage: () => Stage): void {
  const later: Partial<NewActor> = { labels: ['key:a', 'x'], when: { afterMs: 60_000 } };
  const replace = (s: Stage, asked: Partial<NewActor> = {}, label = 'key:a'): Promise<Replaced> =>
    s.store.replace(s.actor({ ...later, ...asked }), { label, letter: 'go' });
  const key = (byte: number, fingerprint = 1): NonNullable<NewActor['key']> => ({
    digest: Buffer.alloc(32, byte),
    key: `key ${byte}`,
    fingerprint: Buffer.alloc(32, fingerprint),
    retentionMs: 10_000,
  });

  describe('replace', () => {
    test('schedules the new one, and tells what waits under the label, which is due now', async () => {
      const s = stage();
      const worker = await s.worker();
      const old = await s.add(later);
      const reply = await replace(s);
      expect(reply).toMatchObject({
        item: { outcome: 'scheduled', dueAt: reply.now + 60_000, started: false },
        replaced: [old],
        queues: [s.queue],
      });
      const { id, mail } = await worker.take();
      expect([id, mail.map(({ event }) => event)]).toEqual([old, ['go']]);
      await s.advance(60_000);
      expect(await worker.ids()).toEqual([reply.item.id]);
      expect(await s.findings()).toEqual([]);
    });

    test('what waits under no label or another one is left alone, and so is another definition', async () => {
      const s = stage();
      const [other = 0] = await s.store.registerDefinitions([definition('parcel')]);
      await s.add();
      await s.add({ ...later, labels: ['key:b'] });
      await s.add({ ...later, name: 'parcel', def: other });
      expect(await replace(s)).toMatchObject({ item: { outcome: 'scheduled' }, replaced: [], queues: [] });
    });

    test('another version of its definition is replaced, another namespace is not', async () => {
      const s = stage();
      const elsewhere = await Stage.set({ ...s.under, store: await s.under.another('elsewhere') });
      await elsewhere.add(later);
      const [second = 0] = await s.store.registerDefinitions([definition('order', 2)]);
      const old = await s.add({ ...later, def: second, version: 2 });
      expect((await replace(s)).replaced).toEqual([old]);
      await elsewhere.clear();
    });

    test('several that wait are all told, and named newest first', async () => {
      const s = stage();
      const olds: string[] = [];
      for (let count = 0; count < 3; count += 1) {
        olds.unshift(await s.add(later));
        await s.advance(1);
      }
      expect((await replace(s)).replaced).toEqual(olds);
    });

    test('one that was told is not told again', async () => {
      const s = stage();
      const old = await s.add(later);
      const first = await replace(s);
      const second = await replace(s);
      expect(second.replaced).toEqual([first.item.id]);
      expect((await s.store.find(old))?.mail).toBe(1);
    });

    test('one that is held is no longer pending', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add({ ...later, when: { afterMs: 0 } });
      await worker.take();
      expect(await replace(s)).toMatchObject({ item: { outcome: 'scheduled' }, replaced: [] });
    });

    test('one that was tried, or whose worker died with it, is no longer pending', async () => {
      const s = stage();
      const worker = await s.worker();
      const mortal = await s.mortal();
      await s.add({ ...later, when: { afterMs: 0 } });
      const at = (await s.store.now()) + 3_600_000;
      await worker.commit([goesOn(await worker.take(), { attempt: 1, wakeAt: at })]);
      await s.add({ ...later, when: { afterMs: 0 } });
      await mortal.take();
      await mortal.die();
      expect((await replace(s)).replaced).toEqual([]);
    });

    test('one that was given back when it was due may have been tried', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ ...later, when: { afterMs: 0 } });
      const { fence } = await worker.take();
      expect(await s.store.giveBack(worker.id, [{ id, fence }])).toBe(1);
      expect((await replace(s)).replaced).toEqual([]);
    });

    test('one that was held for its mail only still waits', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add(later);
      await s.send(id);
      const at = (await s.store.now()) + 50_000;
      await worker.commit([goesOn(await worker.take(), { attempt: 0, wakeAt: at })]);
      expect((await replace(s)).replaced).toEqual([id]);
    });

    test('one that is due and that nobody took yet still waits', async () => {
      const s = stage();
      const id = await s.add(later);
      await s.advance(70_000);
      expect((await replace(s)).replaced).toEqual([id]);
    });

    test('one in quarantine is left where it is', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add({ ...later, when: { afterMs: 0 } });
      await worker.commit([goesOn(await worker.take(), { attempt: 0, quarantine: 'broken' })]);
      expect((await replace(s)).replaced).toEqual([]);
    });

    test('a key that is taken is answered as ever, and nothing is replaced', async () => {
      const s = stage();
      const worker = await s.worker();
      const old = await s.add({ ...later, key: key(1) });
      expect(await replace(s, { key: key(1) })).toMatchObject({
        item: { outcome: 'skipped_in_flight', id: old },
        replaced: [],
        queues: [],
      });
      expect((await replace(s, { key: key(1, 9) })).item).toEqual({ outcome: 'conflict', id: old });
      expect((await s.store.find(old))?.mail).toBe(0);
      await s.advance(60_000);
      await worker.commit([settles(await worker.take(), { record: '7' })]);
      await s.add(later);
      expect(await replace(s, { key: key(1) })).toMatchObject({
        item: { outcome: 'skipped_idempotent', id: old, record: '7' },
        replaced: [],
      });
    });

    test('a key that is free is claimed with the new one', async () => {
      const s = stage();
      const old = await s.add(later);
      const { item, replaced } = await replace(s, { key: key(2) });
      expect([item.outcome, replaced]).toEqual(['scheduled', [old]]);
      const { items } = await s.store.schedule([s.actor({ key: key(2) })], null);
      expect(items).toEqual([{ outcome: 'skipped_in_flight', id: item.id }]);
    });

    test('an id that is taken, or a value that cannot be stored, replaces nothing', async () => {
      const s = stage();
      const old = await s.add(later);
      expect(await replace(s, { id: old })).toMatchObject({ item: { outcome: 'skipped_in_flight', id: old } });
      expect(await replace(s, { input: 'a\u0000b' })).toMatchObject({ item: { outcome: 'refused' }, replaced: [] });
      expect((await s.store.find(old))?.mail).toBe(0);
    });

    test(`${CALLERS} callers at once leave one that waits, and each is told whose place it took`, async () => {
      const s = stage();
      const stores = [s.store, await s.under.another(), await s.under.another()];
      const replies = await Promise.all(
        Array.from({ length: CALLERS }, (_, nth) =>
          (stores[nth % stores.length] ?? s.store).replace(s.actor(later), { label: 'key:a', letter: 'go' }),
        ),
      );
      const ids = replies.map(({ item }) => item.id);
      expect(replies.map(({ item }) => item.outcome)).toEqual(ids.map(() => 'scheduled'));
      const replaced = replies.flatMap((reply) => reply.replaced);
      expect([replaced.length, new Set(replaced).size]).toEqual([CALLERS - 1, CALLERS - 1]);
      const told = await Promise.all(ids.map(async (id) => (await s.store.find(id))?.mail));
      expect(ids.filter((_, index) => told[index] === 0)).toEqual(ids.filter((id) => !replaced.includes(id)));
      expect(await s.findings()).toEqual([]);
    });
  });
}
