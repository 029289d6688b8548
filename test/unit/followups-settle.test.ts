/** A follow-up settles in one place, however its run began and however it ended. In simulated processes, under virtual time. */
import { describe, expect, test } from 'vitest';
import { ThreadNotFoundError } from '../../src/index.ts';
import { silence, ThreadStage } from '../support/simulated-threads.ts';

const MINUTE_MS = 60_000;

const begins = {
  'when it is due': async (stage: ThreadStage) => stage.advance(10_000),
  'run now': async (stage: ThreadStage, id: string) => {
    await stage.done((await stage.client()).runNow(id));
    await stage.advance(100);
  },
  'taken over from a worker that died': async (stage: ThreadStage) => {
    const answer = stage.answer;
    stage.answer = silence;
    await stage.advance(10_000);
    stage.answer = answer;
    for (const process of stage.simulation.processes) if (process.name === 'first') process.die();
    await stage.worker('second');
    await stage.advance(10_000);
  },
};

const ends = {
  success: { answer: () => {}, record: { status: 'success' } },
  drop: {
    answer: () => {
      throw new ThreadNotFoundError('t');
    },
    record: { status: 'failed_dropped', reason: 'thread_not_found' },
  },
  cancel: { answer: silence, record: { status: 'cancelled', reason: 'cancelled' } },
};

describe.each(Object.entries(begins))('a run that began %s', (how, begin) => {
  test.each(Object.entries(ends))(
    'settles once as %s, is gone from what is live, and its record stays',
    async (end, { answer, record }) => {
      const stage = new ThreadStage();
      stage.answer = answer;
      const scheduler = await stage.client();
      await stage.worker('first');
      const options = { threadId: 't', message: 'hello', delay: '10s', key: 'k', idempotencyKey: 'once' } as const;
      const { id } = await stage.done(scheduler.scheduleFollowup(options));
      await begin(stage, id);
      if (end === 'cancel') await stage.done(scheduler.cancel(id));
      await stage.advance(1000);
      const attempts = how === 'taken over from a worker that died' ? [1, 2] : [1];
      expect(stage.attempts(id)).toEqual(attempts);

      const view = await stage.done(scheduler.get(id));
      expect(view?.record).toMatchObject({ ...record, attempts: attempts.length });
      expect(stage.settled).toEqual([{ id, name: 'carillon.followup', queue: 'followups', record: view?.record }]);
      expect(await stage.done(scheduler.listFollowups({ threadId: 't' }))).toEqual([]);
      const store = stage.simulation.store();
      expect(await store.audit(10)).toEqual([]);
      // The key says how it ended: a success answers for it, any other end makes room.
      const again = await stage.done(scheduler.scheduleFollowup(options));
      expect(again.outcome).toBe(end === 'success' ? 'skipped_idempotent' : 'scheduled');
    },
  );
});

describe('after a one-shot was dropped', () => {
  test.each([true, false])(
    'it never fires again, and deleteAfterRun: %s decides only whether it is listed',
    async (deleteAfterRun) => {
      const stage = new ThreadStage();
      stage.answer = () => {
        throw new Error('connection refused by agent');
      };
      const scheduler = await stage.client();
      await stage.worker('only');
      const options = { threadId: 't', message: 'hello', delay: '1s', deleteAfterRun } as const;
      const { id } = await stage.done(scheduler.scheduleFollowup(options));
      await stage.advance(10_000);
      expect(stage.attempts(id)).toEqual([1, 2, 3, 4]);
      await stage.advance(5 * MINUTE_MS);
      expect(stage.attempts(id)).toHaveLength(4);
      const listed = await stage.done(scheduler.listFollowups({ threadId: 't' }));
      expect(listed.map((view) => view.id)).toEqual(deleteAfterRun ? [] : [id]);
      expect((await stage.done(scheduler.get(id)))?.record).toMatchObject({ reason: 'retries_exhausted', attempts: 4 });
    },
  );
});

test('one that was delivered and is kept is listed as on success', async () => {
  const stage = new ThreadStage();
  const scheduler = await stage.client();
  await stage.worker('only');
  const options = { threadId: 't', message: 'hello', delay: '1s', deleteAfterRun: false } as const;
  const { id } = await stage.done(scheduler.scheduleFollowup(options));
  await stage.advance(2_000);
  const [view] = await stage.done(scheduler.listFollowups({ threadId: 't' }));
  expect(view).toMatchObject({ id, status: 'done', record: { status: 'success' } });
});
