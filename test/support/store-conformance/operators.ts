import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { KeyClaim } from '../../../src/store/contract.ts';
import type { AuditEntry, AuditFilter } from '../../../src/store/operating.ts';
import { goesOn, type Stage, settles } from './stage.ts';

const by = { who: 'ada' };
const everything: AuditFilter = {
  who: null,
  action: null,
  target: null,
  since: null,
  until: null,
  limit: 100,
  cursor: null,
};
const key = (fingerprint = 1): KeyClaim => ({
  digest: Buffer.alloc(32, 7),
  key: 'k',
  fingerprint: Buffer.alloc(32, fingerprint),
  retentionMs: 60_000,
});

/** What operators do, and what is remembered of it. */
export function operatorFacts(stage: () => Stage): void {
  const trail = async (s: Stage, filter: Partial<AuditFilter> = {}): Promise<readonly AuditEntry[]> =>
    (await s.store.auditTrail({ ...everything, ...filter })).items;

  describe('the audit', () => {
    test('says who did what, how it was before and what was asked', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ when: { afterMs: 60_000 } });
      const at = await s.store.now();
      await s.store.setPaused(s.queueName, true, by);
      await s.store.setPaused(s.queueName, false, { who: 'eve' });
      const order = { actor: id, event: 'x', dedupId: null, after: { to: 'noon' }, by: { ...by, reason: 'late' } };
      await s.store.order([{ ...order, action: 'reschedule' }]);
      const held = await worker.take();
      expect(held.mail.map(({ event }) => event)).toEqual(['x']);
      await worker.commit([goesOn(held, { quarantine: 'broken' })]);
      expect(await s.store.release(id, by)).toBe(true);
      expect(await trail(s)).toMatchObject([
        { action: 'release', target: id, before: { quarantine: 'broken' } },
        { action: 'reschedule', target: id, reason: 'late', before: { state: '"scheduled"' }, after: { to: 'noon' } },
        { action: 'resumeQueue', who: 'eve', target: s.queueName, before: { paused: true }, after: { paused: false } },
        {
          action: 'pauseQueue',
          who: 'ada',
          target: s.queueName,
          at,
          before: { paused: false },
          after: { paused: true },
        },
      ]);
    });

    test('has nothing of what did not happen, or was nobody’s doing', async () => {
      const s = stage();
      const worker = await s.worker();
      const gone = await s.add();
      await worker.commit([settles(await worker.take())]);
      const orders = [gone, randomUUID()].map((actor) => ({
        actor,
        event: 'x',
        dedupId: null,
        action: 'cancel' as const,
        after: {},
        by,
      }));
      expect((await s.store.order(orders)).items).toEqual(['settled', 'unknown']);
      expect(await s.store.release(gone, by)).toBe(false);
      expect(await s.store.releaseKey(Buffer.alloc(32, 1), 'none', by)).toBe(false);
      await s.store.setPaused(s.queueName, true);
      expect(await trail(s)).toEqual([]);
    });

    test('is read by who, what, of what, and when, page by page', async () => {
      const s = stage();
      for (let step = 0; step < 5; step += 1) {
        await s.store.setPaused(step < 3 ? 'a' : 'b', step % 2 === 0, { who: step === 0 ? 'eve' : 'ada' });
        await s.advance(1_000);
      }
      const times = (await trail(s)).map(({ at }) => at);
      expect(times).toHaveLength(5);
      expect(await trail(s, { who: 'eve' })).toHaveLength(1);
      expect(await trail(s, { action: 'pauseQueue', target: 'a' })).toHaveLength(2);
      expect((await trail(s, { since: times[3] ?? 0, until: times[0] ?? 0 })).map(({ at }) => at)).toEqual(
        times.slice(1, 4),
      );
      const first = await s.store.auditTrail({ ...everything, limit: 2 });
      const rest = await s.store.auditTrail({ ...everything, limit: 3, cursor: first.cursor ?? null });
      expect([...first.items, ...rest.items].map(({ at }) => at)).toEqual(times);
      expect(rest.cursor).toBeUndefined();
      expect((await (await s.under.another('elsewhere')).auditTrail(everything)).items).toEqual([]);
    });
  });

  describe('a key that is released', () => {
    for (const freesKey of [false, true]) {
      const [way, other] = freesKey ? ['drop', 'success'] : ['success', 'drop'];
      test(`is free at once, and its old holder touches the new claim neither by its ${way} nor by a ${other} after it`, async () => {
        const s = stage();
        const worker = await s.worker();
        const first = await s.add({ key: key() });
        const held = await worker.take();
        expect(await s.store.releaseKey(key().digest, 'k', { who: 'ada', reason: 'stuck' })).toBe(true);
        const second = await s.add({ key: key(2), when: { afterMs: 60_000 } });
        expect(second).not.toBe(first);
        expect(await worker.did(settles(held, { record: 'old', freesKey }))).toBe(true);
        expect(await worker.did(settles(held, { record: 'older', freesKey: !freesKey }))).toBe(false);
        const { items } = await s.store.schedule([s.actor({ key: key(2) })], null);
        expect(items).toEqual([{ outcome: 'skipped_in_flight', id: second }]);
        expect(await trail(s)).toMatchObject([
          { action: 'releaseKey', target: 'k', reason: 'stuck', before: { actor: first, until: null } },
        ]);
      });
    }

    test('of a settled run answers no more', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.add({ key: key() });
      await worker.commit([settles(await worker.take())]);
      expect(await s.store.releaseKey(key().digest, 'k', by)).toBe(true);
      expect(await s.store.releaseKey(key().digest, 'k', by)).toBe(false);
      expect((await s.store.schedule([s.actor({ key: key(2) })], null)).items[0]?.outcome).toBe('scheduled');
    });
  });

  describe('recovering on demand', () => {
    const filter = { namespace: 'default', label: null, limit: 100 };

    test('frees what a dead worker holds, among those that fit, and counts the limit on these', async () => {
      const s = stage();
      const dead = await s.mortal();
      for (let index = 0; index < 6; index += 1) await s.add({ labels: index < 3 ? ['mine'] : ['theirs'] });
      await dead.claim();
      await dead.heartbeat.stop();
      // In steps, or the store would take it for a jump of its clock.
      for (let step = 0; step < 6; step += 1) {
        await s.advance(1_500);
        await s.store.recover({ ...filter, namespace: 'elsewhere' });
      }
      const mine = { ...filter, label: 'mine' };
      expect(await s.store.recover({ ...mine, limit: 2 })).toEqual({ processed: 2, errors: 0, queues: [s.queue] });
      expect(await s.store.recover(mine)).toMatchObject({ processed: 1 });
      expect(await s.store.recover(mine)).toMatchObject({ processed: 0, queues: [] });
      const worker = await s.worker();
      expect(await worker.ids()).toHaveLength(3);
      expect(await s.store.recover(filter)).toMatchObject({ processed: 3 });
      expect(await worker.ids()).toHaveLength(3);
      expect(await s.findings()).toEqual([]);
    });

    test('a healthy store has nothing to recover, nor to mend', async () => {
      const s = stage();
      const worker = await s.worker();
      for (let index = 0; index < 5; index += 1) await s.add({ when: { afterMs: index * 1_000 } });
      await worker.take();
      expect(await s.store.recover(filter)).toEqual({ processed: 0, errors: 0, queues: [] });
      expect(await s.store.mend()).toEqual({ processed: 0, errors: 0, queues: [] });
    });
  });

  test('a worker’s duties are shown with it as it last reported them', async () => {
    const s = stage();
    const worker = await s.worker();
    const duties = [{ name: 'reap', everyMs: 1_000, processed: 3, errors: 1, lastPassAt: null }];
    await s.store.reportDuties(worker.id, duties);
    await s.store.reportDuties(randomUUID(), duties);
    expect((await s.store.stats()).workers).toMatchObject([{ id: worker.id, duties }]);
  });
}
