import { describe, expect, test } from 'vitest';
import type { KeyClaim, Settled } from '../../../src/store/contract.ts';
import type { PruneReply, Selection } from '../../../src/store/operating.ts';
import { definition, goesOn, type Stage, settles, type TestWorker } from './stage.ts';

const DAY_MS = 86_400_000;
const by = { who: 'ada' };
const failed: Partial<Settled> = {
  status: 'dropped',
  outcome: 'failed_dropped',
  reason: 'retries_exhausted',
  record: '1{"status":"failed_dropped","error":{"name":"Error","message":"no","code":"E_1"}}',
  keepMs: 3 * DAY_MS,
};
const terms = { action: 'retryFailed', atomic: false, keyRetentionMs: 10_000 } as const;
const key: KeyClaim = {
  digest: Buffer.alloc(32, 7),
  key: 'k',
  fingerprint: Buffer.alloc(32, 1),
  retentionMs: 30 * DAY_MS,
};

/** What history keeps, for how long, and what is left of it afterwards. */
export function retentionFacts(stage: () => Stage): void {
  const settleNew = async (
    s: Stage,
    worker: TestWorker,
    end: Partial<Settled> = {},
    asked: Parameters<Stage['add']>[0] = {},
  ): Promise<string> => {
    const id = await s.add(asked);
    expect(await worker.did(settles(await worker.take(), end))).toBe(true);
    return id;
  };
  const prune = async (s: Stage): Promise<Pick<PruneReply, 'done' | 'dropped' | 'carried'>> => {
    const { done, dropped, carried, blocked, errors } = await s.store.prune(by);
    expect([blocked, errors]).toEqual([0, 0]);
    return { done, dropped, carried };
  };
  const total = async (s: Stage): Promise<number> =>
    (await s.store.pruned()).reduce((sum, { count }) => sum + count, 0);
  const selection = (s: Stage): Selection => ({
    ids: null,
    name: null,
    queue: s.queueName,
    error: null,
    since: null,
    until: null,
    limit: 1000,
  });

  describe('pruning', () => {
    test('keeps what is inside its retention, lets go of what is not, and counts it', async () => {
      const s = stage();
      const worker = await s.worker();
      const kept = await settleNew(s, worker, failed);
      const done = await settleNew(s, worker, { keepMs: DAY_MS });
      const expired = await settleNew(s, worker, { ...failed, keepMs: 0 });
      await s.advance(2 * DAY_MS);
      expect(await prune(s)).toEqual({ done: 1, dropped: 1, carried: 0 });
      expect([await s.store.find(done), await s.store.find(expired)]).toEqual([null, null]);
      expect(await s.store.find(kept)).toMatchObject({ status: 'dropped' });
      expect(await s.store.pruned()).toEqual([
        {
          name: 'order',
          queue: s.queueName,
          outcome: 'failed_dropped',
          reason: 'retries_exhausted',
          code: 'E_1',
          count: 1,
        },
        { name: 'order', queue: s.queueName, outcome: 'success', reason: null, code: null, count: 1 },
      ]);
      expect((await s.store.retry(selection(s), terms, by)).items).toMatchObject([{ id: kept, outcome: 'retried' }]);
      expect(await prune(s)).toEqual({ done: 0, dropped: 0, carried: 0 });
      expect(await total(s)).toBe(2);
    });

    test('no retention at all means until the end of the day, and a part of a day counts as one', async () => {
      const s = stage();
      const worker = await s.worker();
      await s.advance(DAY_MS - ((await s.store.now()) % DAY_MS) + 1_000);
      const gone = await settleNew(s, worker, { ...failed, keepMs: 0 });
      const later = await settleNew(s, worker, { ...failed, keepMs: 1 });
      expect(await prune(s)).toEqual({ done: 0, dropped: 0, carried: 0 });
      await s.advance(DAY_MS - 1_001);
      expect(await prune(s)).toEqual({ done: 0, dropped: 0, carried: 0 });
      await s.advance(1);
      expect(await prune(s)).toEqual({ done: 0, dropped: 1, carried: 0 });
      expect([await s.store.find(gone), (await s.store.find(later))?.id]).toEqual([null, later]);
      await s.advance(DAY_MS);
      expect(await prune(s)).toEqual({ done: 0, dropped: 1, carried: 0 });
    });

    test('a cancelled run is kept as long as any other that was dropped', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await settleNew(s, worker, { ...failed, outcome: 'cancelled', reason: 'enough' });
      await s.advance(3 * DAY_MS);
      expect(await prune(s)).toEqual({ done: 0, dropped: 0, carried: 0 });
      expect(await s.store.find(id)).not.toBeNull();
      await s.advance(DAY_MS);
      expect(await prune(s)).toEqual({ done: 0, dropped: 1, carried: 0 });
    });

    test('children of a flow that still runs are carried from day to day, once each, and go when it has settled', async () => {
      const s = stage();
      const [flow = 0, cron = 0] = await s.store.registerDefinitions([
        { ...definition('batch'), kind: 'flow' },
        { ...definition('nightly'), kind: 'cron' },
      ]);
      const worker = await s.worker({ defs: [s.def, flow, cron] });
      const parent = await s.add({ def: flow, name: 'batch' });
      await worker.commit([goesOn(await worker.take())]);
      const endless = await s.add({ def: cron, name: 'nightly' });
      await worker.commit([goesOn(await worker.take())]);
      const child = await settleNew(s, worker, { keepMs: 0, record: '1{"output":7}' }, { parent, role: 'a' });
      const dropped = await settleNew(s, worker, { ...failed, keepMs: 0 }, { parent, role: 'b' });
      const fire = await settleNew(s, worker, { keepMs: 0 }, { parent: endless, role: 'c' });
      const before = await s.store.find(child);
      await s.advance(DAY_MS);
      expect(await prune(s)).toEqual({ done: 1, dropped: 0, carried: 2 });
      expect(await s.store.find(fire)).toBeNull();
      expect(await s.store.find(child)).toEqual(before);
      expect(await total(s)).toBe(1);
      await s.advance(2 * DAY_MS);
      expect(await prune(s)).toEqual({ done: 0, dropped: 0, carried: 2 });
      expect((await s.store.list({ parentId: parent, limit: 10 })).items.map(({ id }) => id).sort()).toEqual(
        [child, dropped].sort(),
      );
      expect((await s.store.failed(selection(s), 10)).ids).toEqual([dropped]);
      await s.send(parent);
      expect(await worker.did(settles(await worker.take()))).toBe(true);
      await s.advance(2 * DAY_MS);
      expect(await prune(s)).toEqual({ done: 2, dropped: 1, carried: 0 });
      expect(await total(s)).toBe(4);
    });

    test('the journal of a long life goes with it, and one that is retried in time keeps its own', async () => {
      const s = stage();
      const worker = await s.worker();
      const segment = { fromSeq: 1, base: null, entries: 'a', keep: null };
      const long = async (): Promise<string> => {
        const id = await s.add();
        const first = goesOn(await worker.take(), { segment, wakeAt: 'now' });
        await worker.commit([first]);
        await worker.commit([settles(await worker.take(), { ...failed, keepMs: 0 })]);
        return id;
      };
      const [gone, kept] = [await long(), await long()];
      expect((await s.store.journal(kept)).length).toBe(1);
      await s.store.retry({ ...selection(s), queue: null, ids: [kept] }, terms, by);
      await s.advance(DAY_MS);
      expect(await prune(s)).toEqual({ done: 0, dropped: 1, carried: 0 });
      expect([await s.store.find(gone), await s.store.journal(gone)]).toEqual([null, []]);
      expect(await s.store.find(kept)).toMatchObject({ status: 'active', spilled: true });
      expect((await s.store.journal(kept)).length).toBe(1);
      expect(await total(s)).toBe(1);
    });

    test.each(['short', 'long'])('a %s record still answers for its key when its run is gone', async (length) => {
      const s = stage();
      const worker = await s.worker();
      const record = length === 'short' ? '1{"output":1}' : `1{"output":"${'x'.repeat(20_000)}"}`;
      const id = await settleNew(s, worker, { record, keepMs: 0 }, { key });
      await s.advance(DAY_MS);
      expect(await prune(s)).toEqual({ done: 1, dropped: 0, carried: 0 });
      const { items } = await s.store.schedule([s.actor({ key })], null);
      expect(items).toEqual([{ outcome: 'skipped_idempotent', id, record }]);
    });

    test('another namespace is pruned along, and counted by itself', async () => {
      const s = stage();
      await settleNew(s, await s.worker(), { keepMs: 0 });
      const other = await s.under.another('elsewhere');
      await s.advance(DAY_MS);
      expect((await other.prune(null)).done).toBe(1);
      expect([await total(s), await other.pruned()]).toEqual([1, []]);
    });
  });

  describe('forgetting', () => {
    test('takes keys whose time has passed, and none that is in flight or still answers', async () => {
      const s = stage();
      const worker = await s.worker();
      const keyOf = (byte: number, retentionMs: number): KeyClaim => ({
        ...key,
        digest: Buffer.alloc(32, byte),
        key: `k${byte}`,
        retentionMs,
      });
      await settleNew(s, worker, {}, { key: keyOf(1, 1_000) });
      const answering = await settleNew(s, worker, {}, { key: keyOf(2, 90_000) });
      const inFlight = await s.add({ key: keyOf(3, 1_000), when: { afterMs: 10 * DAY_MS } });
      await s.advance(60_000);
      expect(await s.store.forget()).toEqual({ processed: 1, errors: 0 });
      expect(await s.store.forget()).toEqual({ processed: 0, errors: 0 });
      const { items } = await s.store.schedule(
        [1, 2, 3].map((byte) => s.actor({ key: keyOf(byte, 1_000) })),
        null,
      );
      expect(items.map(({ outcome }) => outcome)).toEqual(['scheduled', 'skipped_idempotent', 'skipped_in_flight']);
      expect(items.map(({ id }) => id).slice(1)).toEqual([answering, inFlight]);
    });

    test('keeps the audit for ninety days', async () => {
      const s = stage();
      await s.store.setPaused(s.queueName, true, by);
      const filter = { who: null, action: null, target: null, since: null, until: null, limit: 10, cursor: null };
      await s.advance(90 * DAY_MS);
      await s.store.forget();
      expect((await s.store.auditTrail(filter)).items).toHaveLength(1);
      await s.advance(1);
      await s.store.forget();
      expect((await s.store.auditTrail(filter)).items).toEqual([]);
    });
  });
}
