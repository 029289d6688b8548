import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';
import { closeStagesAfterEach, openStage, PATIENCE_MS } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

const LEASE_MS = 1_000;

describe('a worker stopped for longer than its lease', () => {
  test('finds its run settled by another one, hears of it through the signal, writes nothing, and works again', async () => {
    const stage = await openStage();
    const [zombie, other] = await stage.startWorkers({ leaseMs: LEASE_MS }, { leaseMs: LEASE_MS, start: false });
    const id = await stage.schedule('stubborn');
    await zombie.fact('started', id);
    zombie.freeze();
    other.order({ order: 'start' });
    other.order({ order: 'open', id });
    await other.fact('settled', id);
    const settled = await stage.store.find(id);
    zombie.thaw();
    expect(await zombie.fact('aborted', id)).toMatchObject({ code: 'ABORTED_LOST' });
    zombie.order({ order: 'open', id });
    expect(await zombie.fact('finished', id)).toMatchObject({ late: true });
    await other.kill();
    const next = await stage.schedule('work');
    await zombie.fact('settled', next);
    expect(await stage.store.find(id)).toEqual(settled);
    await expectAllWell(stage);
  });

  test('wakes while another one runs what it held: the other one goes on undisturbed', async () => {
    const stage = await openStage();
    const [zombie, other] = await stage.startWorkers({ leaseMs: LEASE_MS }, { leaseMs: LEASE_MS, start: false });
    const id = await stage.schedule('stubborn');
    await zombie.fact('started', id);
    zombie.freeze();
    other.order({ order: 'start' });
    await other.fact('started', id);
    zombie.thaw();
    await zombie.fact('aborted', id);
    zombie.order({ order: 'open', id });
    await zombie.fact('finished', id);
    other.order({ order: 'open', id });
    await other.fact('settled', id);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: 'of attempt 2', attempts: 2 });
    await expectAllWell(stage);
    expect(other.facts().filter(({ what }) => what === 'aborted')).toEqual([]);
  });

  test('with a clock that stood still too, so that it trusts its lease: its write is refused by the fence', async () => {
    const stage = await openStage();
    const lease = { leaseMs: 2_000 };
    const [suspended, other] = await stage.startWorkers({ ...lease, suspends: true }, { ...lease, start: false });
    const id = await stage.schedule('stubborn');
    await suspended.fact('started', id);
    suspended.freeze();
    other.order({ order: 'start' });
    await other.fact('started', id);
    // Waits in its pipe: the handler returns as soon as the process goes on, long before the lease would be looked at.
    suspended.order({ order: 'open', id });
    suspended.thaw();
    expect(await suspended.fact('finished', id)).toMatchObject({ late: false });
    await waitUntil(() => suspended.output().includes('lost to another worker'), { timeoutMs: PATIENCE_MS });
    expect((await stage.store.find(id))?.status).toBe('active');
    other.order({ order: 'open', id });
    await other.fact('settled', id);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: 'of attempt 2', attempts: 2 });
    await expectAllWell(stage);
  });

  test('keeps what it held when it wakes in time', async () => {
    const stage = await openStage();
    const [owner, other] = await stage.startWorkers({ leaseMs: 20_000 }, { leaseMs: 20_000, start: false });
    const id = await stage.schedule('gated');
    await owner.fact('started', id);
    owner.freeze();
    other.order({ order: 'start' });
    await other.fact('ready');
    await stage.schedule('work');
    await stage.settledCount(1);
    owner.thaw();
    owner.order({ order: 'open', id });
    await expectAllWell(stage);
    expect(stage.starts(id)).toHaveLength(1);
  });
});

describe('an event loop blocked for longer than the lease', () => {
  test('loses its run to another worker; the late result is not taken', async () => {
    const stage = await openStage();
    const [blocked, other] = await stage.startWorkers({ leaseMs: LEASE_MS }, { leaseMs: LEASE_MS, start: false });
    const id = await stage.schedule('busy', { ms: 4 * LEASE_MS, attempts: 1 });
    await blocked.fact('started', id);
    other.order({ order: 'start' });
    await other.fact('settled', id);
    await blocked.fact('finished', id);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: 2, attempts: 2 });
    const next = await stage.schedule('work');
    await expectAllWell(stage);
    expect(stage.starts(next)).toHaveLength(1);
  });

  test('counts against the run, also where no other worker is there to take over', async () => {
    const stage = await openStage();
    await stage.startWorker({ leaseMs: 500 });
    const id = await stage.schedule('busy', { ms: 900, attempts: 2 });
    await expectAllWell(stage);
    expect(stage.starts(id).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  test('every time: the run is dropped as interrupted', async () => {
    const stage = await openStage();
    await stage.startWorker({ leaseMs: 500 });
    const id = await stage.schedule('busy', { ms: 900, attempts: 100 });
    await expectAllWell(stage);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ status: 'failed_dropped', reason: 'interrupted' });
  });
});
