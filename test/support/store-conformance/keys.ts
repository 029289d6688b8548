import { describe, expect, test } from 'vitest';
import type { KeyClaim } from '../../../src/store/contract.ts';
import { goesOn, type Stage, settles } from './stage.ts';

const RETENTION_MS = 10_000;

function key(byte: number, fingerprint = 1): KeyClaim {
  return {
    digest: Buffer.alloc(32, byte),
    key: `key ${byte}`,
    fingerprint: Buffer.alloc(32, fingerprint),
    retentionMs: RETENTION_MS,
  };
}

/** What an idempotency key promises, from the claim to its end. */
export function keyFacts(stage: () => Stage): void {
  const ask = async (s: Stage, claim: KeyClaim): Promise<unknown> =>
    (await s.store.schedule([s.actor({ key: claim })], null)).items[0];

  describe('idempotency key', () => {
    test('a key in flight answers with the actor that holds it, however long that lives', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ key: key(1) });
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_in_flight', id });
      await worker.commit([goesOn(await worker.take())]);
      await s.advance(RETENTION_MS * 3);
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_in_flight', id });
      expect((await s.store.find(id))?.key).toBe('key 1');
    });

    test('a key of a settled run answers with its record until the retention has passed', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ key: key(1) });
      await worker.commit([settles(await worker.take(), { record: '{"ok":true}' })]);
      await s.advance(RETENTION_MS - 1);
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_idempotent', id, record: '{"ok":true}' });
      await s.advance(1);
      const again = await ask(s, key(1));
      expect(again).toMatchObject({ outcome: 'scheduled' });
      expect(again).not.toMatchObject({ id });
      expect(await ask(s, key(1, 1))).toMatchObject({ outcome: 'skipped_in_flight' });
    });

    test('another input under a key that is taken is a conflict, in flight and settled', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ key: key(1) });
      const conflict = { outcome: 'conflict', id };
      expect(await ask(s, key(1, 9))).toEqual(conflict);
      await worker.commit([settles(await worker.take())]);
      expect(await ask(s, key(1, 9))).toEqual(conflict);
      expect(await worker.ids()).toEqual([]);
    });

    test('another input is welcome once the retention has passed', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add({ key: key(1) });
      await worker.commit([settles(await worker.take())]);
      await s.advance(RETENTION_MS);
      expect(await ask(s, key(1, 9))).toMatchObject({ outcome: 'scheduled' });
      expect(await ask(s, key(1, 1))).toMatchObject({ outcome: 'conflict' });
    });

    test('a settle that frees the key makes room at once', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ key: key(1) });
      await worker.commit([
        settles(await worker.take(), { status: 'dropped', outcome: 'failed_dropped', reason: 'no', freesKey: true }),
      ]);
      expect(await ask(s, key(1, 9))).toMatchObject({ outcome: 'scheduled' });
      expect((await s.store.find(id))?.key).toBe('key 1');
    });

    test('a key that was freed belongs to the next run alone', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add({ key: key(1) });
      await worker.commit([settles(await worker.take(), { freesKey: true })]);
      const second = await s.add({ key: key(1) });
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_in_flight', id: second });
      await worker.commit([settles(await worker.take(), { record: '2' })]);
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_idempotent', id: second, record: '2' });
    });

    test('the same key twice in one call is one actor, and neighbours are not held up', async () => {
      const s = stage();
      const worker = await s.worker();
      const actors = [key(1), key(2), key(1), key(1, 9), null].map((claim) => s.actor({ key: claim }));
      const { items } = await s.store.schedule(actors, null);
      expect(items.map((item) => item.outcome)).toEqual([
        'scheduled',
        'scheduled',
        'skipped_in_flight',
        'conflict',
        'scheduled',
      ]);
      expect(items[2]?.id).toBe(actors[0]?.id);
      expect(await worker.ids()).toHaveLength(3);
    });

    test('many callers at once with one key make one actor', async () => {
      const s = stage();
      const worker = await s.worker();
      const other = await s.under.another();
      const replies = await Promise.all(
        [s.store, other, s.store, other, s.store].map((store) => store.schedule([s.actor({ key: key(1) })], null)),
      );
      const outcomes = replies.map((reply) => reply.items[0]);
      const winner = outcomes.find((item) => item?.outcome === 'scheduled');
      expect(outcomes.filter((item) => item?.outcome === 'scheduled')).toHaveLength(1);
      expect(new Set(outcomes.map((item) => item?.id))).toEqual(new Set([winner?.id]));
      expect(await worker.ids()).toEqual([winner?.id]);
    });

    test('a missed settle leaves the key in flight', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ key: key(1) });
      const held = await worker.take();
      expect(await worker.did(settles({ ...held, fence: held.fence - 1 }))).toBe(false);
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_in_flight', id });
    });

    test('a birth whose key is taken is skipped, one whose key is free claims it', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add();
      const taken = await s.add({ key: key(1), when: { afterMs: 60_000 } });
      const held = await worker.take();
      const [skipped, born] = [s.actor({ key: key(1) }), s.actor({ key: key(2) })];
      expect(await worker.did(settles(held, {}, { spawns: [skipped, born] }))).toBe(true);
      expect(await s.store.find(skipped.id)).toBeNull();
      expect(await worker.ids()).toEqual([born.id]);
      expect(await ask(s, key(1))).toEqual({ outcome: 'skipped_in_flight', id: taken });
      expect(await ask(s, key(2))).toEqual({ outcome: 'skipped_in_flight', id: born.id });
    });

    test('together: one key in conflict takes everything back, and the other keys stay free', async () => {
      const s = stage();
      const holder = await s.add({ key: key(1) });
      const plain = s.actor();
      const asked = [plain, s.actor({ key: key(2) }), s.actor({ key: key(1, 9) })];
      const { items } = await s.store.scheduleTogether(asked, null);
      expect(items[2]).toEqual({ outcome: 'conflict', id: holder });
      expect(await s.store.find(plain.id)).toBeNull();
      expect(await ask(s, key(2))).toMatchObject({ outcome: 'scheduled' });
    });

    test('together: one key with two inputs in the same call is a conflict', async () => {
      const s = stage();
      const asked = [s.actor({ key: key(1) }), s.actor({ key: key(1, 9) })];
      const { items } = await s.store.scheduleTogether(asked, null);
      expect(items.some(({ outcome }) => outcome === 'conflict')).toBe(true);
      expect(await s.store.find(asked[0]?.id ?? '')).toBeNull();
    });

    test('together: without a conflict all are scheduled, in order, and taken keys are skipped', async () => {
      const s = stage();
      const holder = await s.add({ key: key(1) });
      const asked = [s.actor({ key: key(1) }), s.actor(), s.actor({ key: key(2) })];
      const { items } = await s.store.scheduleTogether(asked, null);
      expect(items).toMatchObject([
        { outcome: 'skipped_in_flight', id: holder },
        { outcome: 'scheduled', id: asked[1]?.id },
        { outcome: 'scheduled', id: asked[2]?.id },
      ]);
    });
  });
}
