import { describe, expect, test } from 'vitest';
import { createScheduler } from '../../src/index.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { definitionsFor } from './fixtures/definitions.ts';
import { putLoadOn, randomFrom } from './load.ts';
import { closeStagesAfterEach, endAfterTest, openStage, type Stage } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

async function openProxied(): Promise<{ stage: Stage; proxy: TcpProxy; through: string }> {
  const stage = await openStage();
  const proxy = await startProxy(stage.postgres);
  endAfterTest(() => proxy.destroy());
  return { stage, proxy, through: proxy.through(stage.postgres) };
}

describe('a reply that is lost though the statement was carried out', () => {
  test('of a claim: what it claimed is given back and claimed again, and nothing is charged', async () => {
    const { stage, proxy, through } = await openProxied();
    const id = await stage.schedule('work');
    // Armed before the worker begins: the reply lost must be that of the claim that takes the run, not of an empty one.
    const lost = proxy.loseReply(/^SELECT/, 'claim_plain.carillon');
    await stage.startWorker({ postgres: through });
    await lost;
    await expectAllWell(stage);
    expect(stage.starts(id)).toMatchObject([{ attempt: 1 }]);
    // Claimed, freed, claimed.
    expect((await stage.store.find(id))?.fence).toBe(3);
  });

  test('of a settle: the run has settled, once, and its worker knows it', async () => {
    const { stage, proxy, through } = await openProxied();
    await stage.startWorker({ postgres: through });
    const lost = proxy.loseReply(/^SELECT/, 'settle.carillon');
    const id = await stage.schedule('work');
    await lost;
    await stage.settledCount(1);
    await expectAllWell(stage);
    expect(stage.starts(id)).toHaveLength(1);
    expect((await stage.store.find(id))?.fence).toBe(1);
  });

  test('of a turn: the effect it begins is begun, once', async () => {
    const { stage, proxy, through } = await openProxied();
    await stage.startWorker({ postgres: through });
    const id = await stage.schedule('approval');
    await stage.scheduler.waitFor(id, { state: 'waiting' });
    const lost = proxy.loseReply(/^SELECT/, 'turn.carillon');
    await stage.scheduler.send(id, { type: 'approve' });
    await lost;
    await expectAllWell(stage);
    expect(stage.starts(id)).toHaveLength(1);
    expect((await stage.scheduler.history(id)).filter(({ event }) => event.type === 'approve')).toHaveLength(1);
  });

  test('of a commit in a transaction of several statements: everything in it happened, once', async () => {
    const { stage, proxy, through } = await openProxied();
    await stage.startWorker({ postgres: through });
    // Notes until the history outgrows the row, which makes a transaction of the turn.
    const id = await stage.schedule('approval');
    await stage.scheduler.waitFor(id, { state: 'waiting' });
    const lost = proxy.loseReply(/^COMMIT/, 'commit');
    const seen = { spilled: false };
    void lost.then(() => {
      seen.spilled = true;
    });
    let notes = 0;
    while (!seen.spilled) {
      await stage.scheduler.send(id, { type: 'note', text: 'x'.repeat(300) });
      await stage.scheduler.waitFor(id, { state: 'waiting' });
      notes++;
      expect(notes).toBeLessThan(500);
    }
    await stage.scheduler.send(id, { type: 'approve' });
    await expectAllWell(stage);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: notes });
  });

  test('of a schedule and of a send: one run, one letter, and the caller hears that it worked', async () => {
    const { stage, proxy, through } = await openProxied();
    await stage.startWorker();
    const client = await createScheduler({
      definitions: definitionsFor(() => undefined, { passed: async () => undefined }),
      postgres: through,
      worker: false,
      logger: false,
    });
    endAfterTest(() => client.stop());
    const lost = proxy.loseReply(/^SELECT/, 'schedule_one.carillon');
    const notBefore = Date.now();
    const { id, outcome } = await client.schedule('approval');
    await lost;
    expect(outcome).toBe('scheduled');
    stage.promised.push({ id, name: 'approval', notBefore });
    await stage.scheduler.waitFor(id, { state: 'waiting' });
    const lostToo = proxy.loseReply(/^SELECT/, 'send.carillon');
    await client.send(id, { type: 'note' });
    await lostToo;
    await client.send(id, { type: 'approve' });
    await expectAllWell(stage);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: 1 });
  });
});

describe('a line that went dead', () => {
  test('with connections half open: they are given up in time, and everything goes on over new ones', async () => {
    const { stage, proxy, through } = await openProxied();
    const postgres = { connectionString: through, query_timeout: 2_000 };
    await stage.startWorkers({ postgres }, { postgres });
    const load = putLoadOn(stage, 60, randomFrom(3));
    await stage.settledCount(10);
    proxy.silence();
    await stage.settledCount(30);
    proxy.silence();
    await load.done;
    await expectAllWell(stage);
  });

  test('without any way to the database: the handler is told before another worker begins its run', async () => {
    const { stage, proxy, through } = await openProxied();
    const lease = { leaseMs: 2_000 };
    const [cutOff, other] = await stage.startWorkers({ ...lease, postgres: through }, { ...lease, start: false });
    const id = await stage.schedule('stubborn');
    await cutOff.fact('started', id);
    other.order({ order: 'start' });
    await other.fact('ready');
    proxy.stall();
    const aborted = await cutOff.fact('aborted', id);
    const begun = await other.fact('started', id);
    expect(aborted).toMatchObject({ code: 'ABORTED_LOST' });
    expect(aborted.at).toBeLessThanOrEqual(begun.at);
    cutOff.order({ order: 'open', id });
    await cutOff.fact('finished', id);
    proxy.resume();
    other.order({ order: 'open', id });
    await other.fact('settled', id);
    await other.kill();
    const next = await stage.schedule('work');
    await cutOff.fact('settled', next);
    await expectAllWell(stage);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ output: 'of attempt 2' });
  });
});
