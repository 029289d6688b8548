import { describe, expect, test } from 'vitest';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import type { CrashPoint } from './fixtures/crash-points.ts';
import { closeStagesAfterEach, openStage, type Stage, type WorkerProcess } from './stage.ts';
import { expectAllWell } from './verdict.ts';

expectNothingLeftBehind();
closeStagesAfterEach();

/** A worker that dies at that point, and one that begins to work once it is dead and keeps its own lease on a slow machine. */
async function dieAndGoOn(
  stage: Stage,
  crash: { readonly at: CrashPoint; readonly nth?: number } | undefined,
  until: (first: WorkerProcess) => Promise<unknown>,
): Promise<void> {
  const [first, second] = await stage.startWorkers({ ...(crash && { crash }) }, { start: false, leaseMs: 20_000 });
  await until(first);
  expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' });
  second.order({ order: 'start' });
}

describe('a worker killed in the life of a job', () => {
  test('after its claim: the run is taken over, and the death in between is in its journal', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'claimed' }, () => stage.schedule('work'));
    await expectAllWell(stage);
    const [id = ''] = stage.promised.map((run) => run.id);
    expect(stage.starts(id)).toMatchObject([{ attempt: 2 }]);
    const events = (await stage.scheduler.history(id)).map(({ event }) => event.type);
    expect(events.filter((type) => type === 'attempt.interrupted')).toHaveLength(1);
  });

  test('after schedule() started it at once: the run is taken over', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'scheduled' }, async (first) =>
      first.order({ order: 'scheduleUntilDeath', name: 'work' }),
    );
    const { items } = await stage.scheduler.list();
    stage.promised.push(...items.map(({ id, name }) => ({ id, name, notBefore: 0 })));
    await expectAllWell(stage);
    // The newest is the one that it died on.
    expect(stage.starts(stage.promised[0]?.id ?? '')).toMatchObject([{ attempt: 2 }]);
  });

  test('in its handler: the handler begins again elsewhere under the same idempotency key', async () => {
    const stage = await openStage();
    const id = await stage.schedule('stubborn');
    await dieAndGoOn(stage, undefined, async (first) => {
      await first.fact('started', id);
      await first.kill();
    });
    stage.workers[1]?.order({ order: 'open', id });
    await expectAllWell(stage);
    expect(stage.starts(id)).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ status: 'success', output: 'of attempt 2' });
    const interruption = (await stage.scheduler.history(id)).find(({ event }) => event.type === 'attempt.interrupted');
    expect(interruption).toMatchObject({ event: { ambiguous: true }, state: 'dispatching' });
  });

  test('in a handler that must not run twice: the attempt is ambiguous, and the run is dropped as interrupted', async () => {
    const stage = await openStage();
    const id = await stage.schedule('once');
    await dieAndGoOn(stage, undefined, async (first) => {
      await first.fact('started', id);
      await first.kill();
    });
    await expectAllWell(stage);
    expect(stage.starts(id)).toMatchObject([{ attempt: 1 }]);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({
      status: 'failed_dropped',
      reason: 'interrupted',
      error: { code: 'INTERRUPTED' },
      attempts: 1,
    });
    expect((await stage.scheduler.history(id)).at(-1)).toMatchObject({
      event: { type: 'attempt.interrupted', ambiguous: true },
      state: 'dropped',
    });
  });

  test('before a dropped run that began again was written anew: it begins again elsewhere, and keeps its history', async () => {
    const stage = await openStage();
    const id = await stage.schedule('work', { fails: 5 });
    const first = await stage.startWorker();
    await stage.scheduler.waitFor(id);
    await first.kill();
    await stage.scheduler.retry(id);
    await dieAndGoOn(stage, { at: 'claimed' }, async () => undefined);
    const { record, retried } = await stage.scheduler.waitFor(id);
    expect([record?.status, record?.attempts, retried]).toEqual(['success', 6, 1]);
    expect(await stage.store.audit(100)).toEqual([]);
    const events = (await stage.scheduler.history(id)).map(({ event }) => event.type);
    expect(events.filter((type) => type === 'carillon.retried')).toHaveLength(1);
    expect(events.filter((type) => type === 'attempt.interrupted')).toHaveLength(1);
  });

  test('after its handler and before the commit: the handler runs a second time', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'committing' }, () => stage.schedule('work'));
    await expectAllWell(stage);
    const [id = ''] = stage.promised.map((run) => run.id);
    expect(stage.starts(id)).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ status: 'success', output: 2 });
  });

  test('after the commit and before anything else: the run has settled and nothing runs again', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'committed' }, () => stage.schedule('work'));
    await stage.workers[1]?.fact('ready');
    await stage.schedule('work');
    await expectAllWell(stage);
    const [id = ''] = stage.promised.map((run) => run.id);
    expect(stage.starts(id)).toMatchObject([{ attempt: 1 }]);
    expect((await stage.scheduler.get(id))?.record).toMatchObject({ status: 'success', output: 1 });
  });

  test('between two attempts: the retry keeps its time and its budget', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'committed' }, () => stage.schedule('work', { fails: 2 }));
    await expectAllWell(stage);
    const [id = ''] = stage.promised.map((run) => run.id);
    expect(stage.starts(id).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});

describe('a worker killed in the life of a machine', () => {
  const approved = async (stage: Stage): Promise<string> => {
    const id = await stage.schedule('approval');
    await stage.scheduler.waitFor(id, { state: 'waiting' });
    await stage.scheduler.send(id, { type: 'approve' });
    return id;
  };

  test('after the commit that begins its effect: the effect begins once, elsewhere', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'committed', nth: 2 }, () => approved(stage));
    await expectAllWell(stage);
    expect(stage.starts(stage.promised[0]?.id ?? '')).toHaveLength(1);
    expect((await stage.scheduler.get(stage.promised[0]?.id ?? ''))?.state).toBe('published');
  });

  test('before the commit that takes its mail: the mail is taken by the next one, once', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'committing', nth: 2 }, () => approved(stage));
    await expectAllWell(stage);
    const [id = ''] = stage.promised.map((run) => run.id);
    const events = (await stage.scheduler.history(id)).map(({ event }) => event.type);
    expect(events.filter((type) => type === 'approve')).toHaveLength(1);
  });

  test('before the commit of its effect: the effect runs again', async () => {
    const stage = await openStage();
    await dieAndGoOn(stage, { at: 'committing', nth: 3 }, () => approved(stage));
    await expectAllWell(stage);
    expect(stage.starts(stage.promised[0]?.id ?? '')).toHaveLength(2);
    expect((await stage.scheduler.get(stage.promised[0]?.id ?? ''))?.state).toBe('published');
  });
});
