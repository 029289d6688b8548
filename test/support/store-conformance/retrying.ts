import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../../src/idempotency-key.ts';
import type { KeyClaim, Settled } from '../../../src/store/contract.ts';
import type { Retried, RetryTerms, Selection } from '../../../src/store/operating.ts';
import { keysOf } from './hall.ts';
import { definition, goesOn, type Stage, settles, type TestWorker } from './stage.ts';

const by = { who: 'ada' };
const all: Selection = { ids: null, name: 'order', queue: null, error: null, since: null, until: null, limit: 1000 };
const terms: RetryTerms = { action: 'retryFailed', atomic: false, keyRetentionMs: 10_000 };
const only = (...ids: string[]): Selection => ({ ...all, name: null, ids });

/** As the scheduler makes them, so that a run that begins again can claim its own. */
const key = (text: string, input: string | null = null): KeyClaim => ({
  digest: Buffer.alloc(32, text),
  key: text,
  fingerprint: fingerprintOf('order', input),
  retentionMs: 10_000,
});

const dropped = (error = {}, end: Partial<Settled> = {}): Partial<Settled> => ({
  status: 'dropped',
  outcome: 'failed_dropped',
  reason: 'retries_exhausted',
  record: `1${JSON.stringify({ status: 'failed_dropped', error: { name: 'Error', message: 'no', ...error }, attempts: 4 })}`,
  state: '"dropped"',
  attempt: 4,
  freesKey: true,
  ...end,
});

/** What it means to have dropped runs begin again. */
export function retryFacts(stage: () => Stage): void {
  const settleNew = async (
    s: Stage,
    worker: TestWorker,
    end: Partial<Settled> = dropped(),
    asked: Parameters<Stage['add']>[0] = {},
  ): Promise<string> => {
    const id = await s.add(asked);
    expect(await worker.did(settles(await worker.take(), end))).toBe(true);
    return id;
  };
  const outcomes = async (s: Stage, selection: Selection, asked: Partial<RetryTerms> = {}): Promise<string[]> =>
    (await s.store.retry(selection, { ...terms, ...asked }, by)).items.map((item: Retried) => item.outcome);

  describe('beginning again', () => {
    test('is the same row: fence raised, journal and attempts kept, before its first turn and due now', async () => {
      const s = stage();
      const worker = await s.worker();
      const input = { input: '7', labels: ['l'], priority: 2 };
      const id = await settleNew(s, worker, dropped({}, { history: 'one\ntwo', seq: 2 }), input);
      const before = await s.store.find(id);
      await s.advance(50);
      const { items, now } = await s.store.retry(only(id), terms, by);
      expect(items).toMatchObject([{ id, outcome: 'retried', queue: s.queue }]);
      expect(await s.store.find(id)).toMatchObject({
        status: 'active',
        state: '"scheduled"',
        snapshot: null,
        history: 'one\ntwo',
        seq: 2,
        attempt: 4,
        retried: 1,
        fence: (before?.fence ?? 0) + 1,
        wakeAt: now,
        record: null,
        settledAt: null,
        createdAt: before?.createdAt,
        ...input,
      });
      const held = await worker.take();
      expect(held).toMatchObject({ id, retried: 1, strikes: 0, claimedBefore: null, wakeAt: now, snapshot: null });
      expect(await s.findings()).toEqual([]);
    });

    test('the fence only ever grows, over any number of lives', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await settleNew(s, worker);
      for (let life = 1; life <= 3; life += 1) {
        const before = (await s.store.find(id))?.fence ?? 0;
        await outcomes(s, only(id));
        const held = await worker.take();
        expect(held.fence).toBeGreaterThan(before + 1);
        expect(await worker.did(settles({ ...held, fence: before }, dropped()))).toBe(false);
        expect(await worker.did(settles(held, dropped()))).toBe(true);
        expect(await s.store.find(id)).toMatchObject({ retried: life, status: 'dropped' });
      }
    });

    test('is for dropped runs only, and an id that is given twice counts once', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await settleNew(s, worker);
      const done = await settleNew(s, worker, {});
      const active = await s.add({ when: { afterMs: 60_000 } });
      const asked = only(id, id, done, active, randomUUID(), 'no id at all');
      expect(await s.store.failed(asked, 10)).toEqual({ matched: 1, ids: [id] });
      expect(await outcomes(s, asked)).toEqual(['retried']);
      expect(await outcomes(s, asked)).toEqual([]);
      expect((await s.store.find(active))?.retried).toBe(0);
    });

    test('one that stood under limits stands under them again', async () => {
      const s = stage();
      const worker = await s.worker();
      const limits = keysOf({ concurrency: 'k', rate: 'r' });
      const id = await settleNew(s, worker, dropped(), { limits });
      expect(await outcomes(s, only(id))).toEqual(['retried']);
      expect(await worker.take()).toMatchObject({ id, limits });
    });

    test('by name or queue it leaves cancelled runs alone, by id it does not; crons never', async () => {
      const s = stage();
      const worker = await s.worker();
      const failed = await settleNew(s, worker);
      const expired = await settleNew(s, worker, dropped({}, { outcome: 'expired', reason: 'deadline' }));
      const cancelled = await settleNew(s, worker, dropped({}, { outcome: 'cancelled', reason: 'enough' }));
      const [cron = 0] = await s.store.registerDefinitions([{ ...definition('batch'), kind: 'cron' }]);
      const crons = await s.worker({ defs: [cron] });
      const batch = await settleNew(s, crons, dropped(), { def: cron, name: 'batch' });
      const byQueue = { ...all, name: null, queue: s.queueName };
      expect((await s.store.failed(byQueue, 10)).ids).toEqual([failed, expired].sort());
      expect((await s.store.failed({ ...all, name: 'batch' }, 10)).matched).toBe(0);
      expect(await outcomes(s, only(batch))).toEqual([]);
      expect(await outcomes(s, only(cancelled))).toEqual(['retried']);
      expect(await outcomes(s, byQueue)).toEqual(['retried', 'retried']);
    });

    test('conditions are part of the question: class, code, part of the message, time, and a limit of what fits', async () => {
      const s = stage();
      const worker = await s.worker();
      const plain = await settleNew(s, worker);
      await s.advance(1_000);
      const since = await s.store.now();
      const odd = await settleNew(
        s,
        worker,
        dropped({ name: 'RateError', message: 'Slow "down" at 100%', code: 'E_1' }),
      );
      await s.advance(1_000);
      const until = await s.store.now();
      const late = await settleNew(s, worker, dropped({ message: 'down' }));
      const ids = async (asked: Partial<Selection>): Promise<readonly string[]> =>
        (await s.store.failed({ ...all, ...asked }, 10)).ids;
      expect(await ids({ error: 'RateError' })).toEqual([odd]);
      expect(await ids({ error: 'E_1' })).toEqual([odd]);
      expect(await ids({ error: 'E_' })).toEqual([]);
      expect(await ids({ error: 'DOWN' })).toEqual([odd, late].sort());
      expect(await ids({ error: '"down" at 100%' })).toEqual([odd]);
      expect(await ids({ error: 'failed_dropped' })).toEqual([]);
      expect(await ids({ since })).toEqual([odd, late].sort());
      expect(await ids({ until })).toEqual([plain, odd].sort());
      expect(await ids({ since, until })).toEqual([odd]);
      expect(await ids({ since, limit: 1 })).toHaveLength(1);
      expect(await ids({ queue: 'elsewhere', name: null })).toEqual([]);
      expect(await outcomes(s, { ...all, error: 'E_1', limit: 1 })).toEqual(['retried']);
    });

    test('another namespace sees nothing of it', async () => {
      const s = stage();
      const id = await settleNew(s, await s.worker());
      const other = await s.under.another('elsewhere');
      expect((await other.retry(only(id), terms, by)).items).toEqual([]);
      expect((await other.failed(all, 10)).matched).toBe(0);
    });

    test('a custom machine begins again before its first step', async () => {
      const s = stage();
      const [def = 0] = await s.store.registerDefinitions([{ ...definition('door'), kind: 'actor' }]);
      const worker = await s.worker({ defs: [def] });
      const id = await settleNew(s, worker, dropped(), { def, name: 'door', state: null });
      expect(await outcomes(s, only(id))).toEqual(['retried']);
      expect(await s.store.find(id)).toMatchObject({ status: 'active', state: null, snapshot: null });
    });

    test('it is written down who asked, what it was before and what became of it', async () => {
      const s = stage();
      const id = await settleNew(s, await s.worker());
      await s.store.retry(only(id), { ...terms, action: 'retry' }, { who: 'ada', reason: 'mended' });
      const filter = { who: null, action: null, target: null, since: null, until: null, limit: 10, cursor: null };
      const { items } = await s.store.auditTrail({ ...filter, target: id });
      expect(items).toMatchObject([{ who: 'ada', action: 'retry', reason: 'mended', target: id }]);
      expect(Object.keys(items[0]?.before as object)).toEqual([id]);
      expect((await s.store.auditTrail({ ...filter, who: 'eve' })).items).toEqual([]);
    });
  });

  describe('the idempotency key of a run that begins again', () => {
    const ask = async (s: Stage, claim: KeyClaim): Promise<unknown> =>
      (await s.store.schedule([s.actor({ key: claim })], null)).items[0];

    test('is claimed again, with its own input and no other', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await settleNew(s, worker, dropped(), { key: key('k', '{"n":1}'), input: '{"n":1}' });
      expect(await outcomes(s, only(id))).toEqual(['retried']);
      expect(await ask(s, key('k', '{"n":1}'))).toEqual({ outcome: 'skipped_in_flight', id });
      expect(await ask(s, key('k', '{"n":2}'))).toEqual({ outcome: 'conflict', id });
      expect(await worker.did(settles(await worker.take(), { record: '{"ok":1}' }))).toBe(true);
      expect(await ask(s, key('k', '{"n":1}'))).toEqual({ outcome: 'skipped_idempotent', id, record: '{"ok":1}' });
    });

    test('that was kept by the drop is in flight again', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await settleNew(s, worker, dropped({}, { freesKey: false }), { key: key('k') });
      expect(await outcomes(s, only(id))).toEqual(['retried']);
      expect(await ask(s, key('k'))).toEqual({ outcome: 'skipped_in_flight', id });
      await worker.commit([goesOn(await worker.take())]);
      await s.advance(60_000);
      expect(await ask(s, key('k'))).toEqual({ outcome: 'skipped_in_flight', id });
    });

    test('that another run has by now is a conflict of that item alone; with all or none, of all', async () => {
      const s = stage();
      const worker = await s.worker();
      const keyed = await settleNew(s, worker, dropped(), { key: key('k') });
      const plain = await settleNew(s, worker);
      const holder = await s.add({ key: key('k'), when: { afterMs: 60_000 } });
      const conflict = { id: keyed, outcome: 'conflict', key: 'k', heldBy: holder };
      const together = await s.store.retry(only(keyed, plain), { ...terms, atomic: true }, by);
      expect([...together.items].sort(({ id }) => (id === keyed ? -1 : 1))).toMatchObject([
        conflict,
        { id: plain, outcome: 'withheld' },
      ]);
      expect(await s.store.find(plain)).toMatchObject({ status: 'dropped', retried: 0 });
      const { items } = await s.store.retry(only(keyed, plain), terms, by);
      expect(items.find(({ id }) => id === keyed)).toMatchObject(conflict);
      expect(items.find(({ id }) => id === plain)).toMatchObject({ outcome: 'retried' });
      expect(await s.store.find(keyed)).toMatchObject({ status: 'dropped', key: 'k' });
      expect(await ask(s, key('k'))).toEqual({ outcome: 'skipped_in_flight', id: holder });
    });

    test('that a later success holds is a conflict until its retention has passed', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await settleNew(s, worker, dropped(), { key: key('k') });
      await settleNew(s, worker, {}, { key: key('k') });
      expect(await outcomes(s, only(id))).toEqual(['conflict']);
      await s.advance(10_000);
      expect(await outcomes(s, only(id))).toEqual(['retried']);
      expect(await ask(s, key('k'))).toEqual({ outcome: 'skipped_in_flight', id });
    });

    test('of two dropped runs goes to the one that settled last', async () => {
      const s = stage();
      const worker = await s.worker();
      const first = await settleNew(s, worker, dropped(), { key: key('k') });
      await s.advance(1_000);
      const second = await settleNew(s, worker, dropped(), { key: key('k') });
      const { items } = await s.store.retry(all, terms, by);
      expect(items.find(({ id }) => id === first)).toMatchObject({ outcome: 'conflict', heldBy: second });
      expect(items.find(({ id }) => id === second)).toMatchObject({ outcome: 'retried' });
    });
  });
}
