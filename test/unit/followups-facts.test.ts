/** What follow-ups do, and what cannot happen to them. In simulated processes that can die, under virtual time. */
import { describe, expect, test } from 'vitest';
import {
  DropError,
  type FollowupOptions,
  RetryableError,
  type RunRecord,
  ThreadNotFoundError,
  ThreadStoppedError,
} from '../../src/index.ts';
import { silence, ThreadStage } from '../support/simulated-threads.ts';

const MINUTE_MS = 60_000;

async function schedule(stage: ThreadStage, options: Partial<FollowupOptions> = {}): Promise<string> {
  const scheduler = await stage.client();
  const asked = { threadId: 't', message: 'hello', delay: '1s', ...options } as FollowupOptions;
  return (await stage.done(scheduler.scheduleFollowup(asked))).id;
}

async function record(stage: ThreadStage, id: string): Promise<RunRecord | undefined> {
  return (await stage.done((await stage.client()).get(id)))?.record;
}

/** One worker whose threads answer so, and one follow-up that had its time. */
async function delivered(answer: ThreadStage['answer']): Promise<{ stage: ThreadStage; id: string }> {
  const stage = new ThreadStage();
  stage.answer = answer;
  await stage.worker('only');
  const id = await schedule(stage);
  await stage.advance(10_000);
  return { stage, id };
}

const throws = (error: unknown) => (): never => {
  throw error;
};

describe('a delivery that fails', () => {
  test('for a thread that is gone is one attempt, with the same words in record, view, event and log', async () => {
    const { stage, id } = await delivered(throws(new ThreadNotFoundError('t')));
    expect(stage.attempts(id)).toEqual([1]);
    const error = { name: 'ThreadNotFoundError', message: 'Thread t does not exist.', code: 'THREAD_NOT_FOUND' };
    const words = { status: 'failed_dropped', reason: 'thread_not_found', attempts: 1, error };
    expect(await record(stage, id)).toMatchObject(words);
    expect(stage.settled).toMatchObject([{ id, name: 'carillon.followup', record: words }]);
    expect(stage.log).toMatchObject([{ level: 40, msg: 'dropped', id, name: 'carillon.followup', ...words }]);
    expect(JSON.parse(JSON.stringify(stage.settled))).toMatchObject([{ record: words }]);
  });

  test('once, and then works, ends as success under one key', async () => {
    const { stage, id } = await delivered(({ attempt }) => {
      if (attempt === 1) throw new Error('busy');
    });
    expect(await record(stage, id)).toMatchObject({ status: 'success', attempts: 2 });
    expect(stage.said.map(({ idempotencyKey }) => idempotencyKey)).toEqual([`${id}/deliver`, `${id}/deliver`]);
    expect(stage.log).toEqual([]);
  });

  test('always, makes four attempts and keeps the real error', async () => {
    const { stage, id } = await delivered(throws(new Error('connection refused by agent')));
    expect(stage.attempts(id)).toEqual([1, 2, 3, 4]);
    const waits = stage.said.slice(1).map(({ at }, index) => at - (stage.said[index]?.at ?? 0));
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(180 * 2 ** index);
      expect(wait).toBeLessThan(230 * 2 ** index);
    }
    const words = { reason: 'retries_exhausted', attempts: 4, error: { message: 'connection refused by agent' } };
    expect(await record(stage, id)).toMatchObject(words);
    expect(stage.log).toMatchObject([{ id, status: 'failed_dropped', ...words }]);
  });

  test.each<[string, unknown, object, number]>([
    ['a thread that was stopped', new ThreadStoppedError('t'), { reason: 'thread_stopped' }, 1],
    ['a drop with a reason of its own', new DropError('no', { reason: 'muted' }), { reason: 'muted' }, 1],
    ['a drop in disguise', new Error('x', { cause: new ThreadNotFoundError('t') }), { reason: 'thread_not_found' }, 1],
    [
      'a retry around a drop',
      new RetryableError('x', { cause: new DropError('y') }),
      { reason: 'retries_exhausted' },
      4,
    ],
    ['nothing at all', undefined, { reason: 'retries_exhausted' }, 4],
  ])('for %s is dropped after what that means', async (_, error, words, attempts) => {
    const { stage, id } = await delivered(throws(error));
    expect(await record(stage, id)).toMatchObject({ status: 'failed_dropped', attempts, ...words });
  });

  test('is judged by its class and never by its words: "thread not found" in a message is tried again', async () => {
    const { stage, id } = await delivered(throws(new Error('thread not found: dropped')));
    expect(stage.attempts(id)).toHaveLength(4);
    const renamed = await delivered(throws(Object.assign(new ThreadNotFoundError('t'), { message: 'all is well' })));
    expect(renamed.stage.attempts(renamed.id)).toEqual([1]);
  });

  test('after a time the gateway named waits that long', async () => {
    const { stage } = await delivered(({ attempt }) => {
      if (attempt === 1) throw new RetryableError('later', { retryAfter: '5s' });
    });
    const [first, second] = stage.said;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(5_000);
  });

  test('under a budget of its own is tried as often as that says, by code too', async () => {
    const stage = new ThreadStage();
    stage.answer = throws(Object.assign(new Error('slow'), { code: 'LIMITED' }));
    await stage.worker('only');
    const none = await schedule(stage, { retry: { maxRetries: 0 } });
    const coded = await schedule(stage, { retry: { maxRetries: 0, byCode: { LIMITED: { maxRetries: 2 } } } });
    await stage.advance(10_000);
    expect([stage.attempts(none).length, stage.attempts(coded).length]).toEqual([1, 3]);
  });
});

describe('a process without a gateway', () => {
  const blind = (names: readonly string[]) =>
    new ThreadStage(
      1,
      () => [],
      ({ name }) => (names.includes(name) ? { threads: undefined } : {}),
    );

  test('is not the end of a follow-up: one that has a gateway delivers it later, and no retry is spent', async () => {
    const stage = blind(['blind']);
    await stage.worker('blind');
    const id = await schedule(stage);
    await stage.advance(30_000);
    const scheduler = await stage.client();
    expect(await stage.done(scheduler.get(id))).toMatchObject({
      state: 'waitingForGateway',
      context: { retries: {}, error: { code: 'MISSING_GATEWAY' } },
    });
    for (const process of stage.simulation.processes) if (process.name === 'blind') process.die();
    await stage.worker('seeing');
    await stage.advance(20_000);
    expect(await record(stage, id)).toMatchObject({ status: 'success' });
    expect(stage.said.map(({ process }) => process)).toEqual(['seeing']);
  });

  test('drops it after ten minutes, and says that it was the gateway that was missing', async () => {
    const stage = blind(['blind']);
    await stage.worker('blind');
    const id = await schedule(stage);
    await stage.advance(9 * MINUTE_MS);
    expect(await record(stage, id)).toBeUndefined();
    await stage.advance(2 * MINUTE_MS);
    expect(await record(stage, id)).toMatchObject({ status: 'failed_dropped', reason: 'missing_gateway' });
    expect(stage.log).toMatchObject([{ id, reason: 'missing_gateway', error: { code: 'MISSING_GATEWAY' } }]);
  }, 60_000);
});

describe('what cannot happen', () => {
  test('a retry in flight is not lost with all processes', async () => {
    const stage = new ThreadStage();
    stage.answer = ({ attempt }) => {
      if (attempt <= 2) throw new Error('busy');
    };
    const first = await stage.worker('first');
    const id = await schedule(stage);
    await stage.advance(1_100);
    expect(stage.attempts(id)).toEqual([1]);
    first.die();
    await stage.worker('second');
    await stage.advance(10_000);
    expect(stage.attempts(id)).toEqual([1, 2, 3]);
    expect(await record(stage, id)).toMatchObject({ status: 'success', attempts: 3 });
  });

  test('one whose worker was killed in the middle does not stay running, and keeps its key', async () => {
    const stage = new ThreadStage();
    stage.answer = (_, process) => (process === 'first' ? silence() : undefined);
    const first = await stage.worker('first');
    const id = await schedule(stage);
    await stage.advance(2_000);
    first.die();
    await stage.worker('second');
    await stage.advance(10_000);
    expect(stage.said.map(({ process, attempt }) => [process, attempt])).toEqual([
      ['first', 1],
      ['second', 2],
    ]);
    expect(new Set(stage.said.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(await record(stage, id)).toMatchObject({ status: 'success', attempts: 2 });
  });

  test('a delivery that hangs does not hang for ever in a living process', async () => {
    const stage = new ThreadStage();
    stage.answer = ({ attempt }) => (attempt === 1 ? silence() : undefined);
    await stage.worker('only');
    const id = await schedule(stage);
    await stage.advance(14 * MINUTE_MS);
    expect(await record(stage, id)).toBeUndefined();
    await stage.advance(2 * MINUTE_MS);
    expect(stage.aborted).toEqual([id]);
    expect(await record(stage, id)).toMatchObject({ status: 'success', attempts: 2 });
  }, 60_000);

  test('a store that fails loses no end and repeats no delivery', async () => {
    const stage = new ThreadStage();
    await stage.worker('only');
    const id = await schedule(stage);
    stage.answer = () => {
      stage.simulation.chances = { death: 0, failure: 1, latencyMs: 0 };
    };
    await stage.advance(3_000);
    expect(await record(stage, id)).toBeUndefined();
    stage.simulation.chances = { death: 0, failure: 0, latencyMs: 0 };
    stage.answer = () => {};
    await stage.advance(10_000);
    expect(await record(stage, id)).toMatchObject({ status: 'success', attempts: 1 });
    expect(stage.attempts(id)).toEqual([1]);
  });

  test('scheduling that could not be stored does not resolve', async () => {
    const stage = new ThreadStage();
    await stage.client();
    stage.simulation.chances = { death: 0, failure: 1, latencyMs: 0 };
    await expect(schedule(stage)).rejects.toThrow('the connection failed');
    await expect(schedule(stage, { key: 'k' })).rejects.toThrow('the connection failed');
    stage.simulation.chances = { death: 0, failure: 0, latencyMs: 0 };
    expect(await stage.done((await stage.client()).listFollowups({ threadId: 't' }))).toEqual([]);
  });

  test('after hours without any worker it is delivered once, late, and not once for every second that passed', async () => {
    const stage = new ThreadStage();
    const id = await schedule(stage);
    await stage.advance(180 * MINUTE_MS);
    expect(stage.said).toEqual([]);
    await stage.worker('late');
    await stage.advance(MINUTE_MS);
    expect(stage.attempts(id)).toEqual([1]);
  }, 60_000);

  test('one that misbehaves does not delay another: while it waits for its retry it holds nobody', async () => {
    const stage = new ThreadStage();
    stage.answer = ({ threadId }) => {
      if (threadId !== 'healthy') throw new Error('busy');
    };
    await stage.worker('only');
    for (let count = 0; count < 50; count += 1) await schedule(stage, { threadId: `bad-${count}`, delay: '5s' });
    const id = await schedule(stage, { threadId: 'healthy', delay: '5s' });
    const dueAt = stage.simulation.now() + 5_000;
    await stage.advance(10_000);
    const [said] = stage.said.filter(({ followupId }) => followupId === id);
    expect((said?.at ?? 0) - dueAt).toBeLessThan(50);
    expect(stage.said).toHaveLength(50 * 4 + 1);
  });
});

describe('one per key', () => {
  test('a pending one is replaced, says so with its id, and is never delivered', async () => {
    const stage = new ThreadStage();
    await stage.worker('only');
    const scheduler = await stage.client();
    const first = await schedule(stage, { key: 'build', delay: '10s', message: 'old' });
    const asked = { threadId: 't', message: 'new', delay: '20s', key: 'build' } as const;
    const second = await stage.done(scheduler.scheduleFollowup(asked));
    expect(second).toMatchObject({ outcome: 'replaced', replaced: first });
    await stage.advance(30_000);
    expect(stage.said.map(({ message }) => message)).toEqual(['new']);
    expect(await record(stage, first)).toMatchObject({ status: 'cancelled', reason: 'replaced', attempts: 0 });
  });

  test.each(['running', 'retrying'])(
    'one that is %s is no longer pending: the new one comes beside it',
    async (how) => {
      const stage = new ThreadStage();
      stage.answer = ({ attempt }) => {
        if (how === 'running') return silence();
        if (attempt === 1) throw new RetryableError('later', { retryAfter: '5s' });
        return undefined;
      };
      await stage.worker('only');
      const scheduler = await stage.client();
      const first = await schedule(stage, { key: 'build' });
      await stage.advance(2_000);
      const asked = { threadId: 't', message: 'new', delay: '1s', key: 'build' } as const;
      const second = await stage.done(scheduler.scheduleFollowup(asked));
      expect(second.outcome).toBe('scheduled');
      expect('replaced' in second).toBe(false);
      stage.answer = () => {};
      await stage.advance(10_000);
      expect(await record(stage, second.id)).toMatchObject({ status: 'success' });
      expect(await record(stage, first)).toEqual(
        how === 'running' ? undefined : expect.objectContaining({ status: 'success', attempts: 2 }),
      );
    },
  );

  test('64 calls at once leave one, and every caller is told the truth', async () => {
    const stage = new ThreadStage();
    await stage.worker('only');
    const scheduler = await stage.client();
    const asked = { threadId: 't', message: 'm', delay: '10s', key: 'build' } as const;
    const handles = await stage.done(Promise.all(Array.from({ length: 64 }, () => scheduler.scheduleFollowup(asked))));
    const replaced = handles.flatMap((handle) => handle.replaced ?? []);
    expect(handles.filter(({ outcome }) => outcome === 'scheduled')).toHaveLength(1);
    expect(new Set(replaced).size).toBe(63);
    await stage.advance(30_000);
    const [left] = handles.filter(({ id }) => !replaced.includes(id));
    expect(stage.said.map(({ followupId }) => followupId)).toEqual([left?.id]);
    for (const id of replaced) expect(await record(stage, id)).toMatchObject({ reason: 'replaced', attempts: 0 });
  });

  test('a taken idempotency key replaces nothing, and with another message it is a conflict', async () => {
    const stage = new ThreadStage();
    const scheduler = await stage.client();
    const asked = { threadId: 't', message: 'm', delay: '10s', key: 'build', idempotencyKey: 'once' } as const;
    const first = await stage.done(scheduler.scheduleFollowup(asked));
    const again = await stage.done(scheduler.scheduleFollowup(asked));
    expect([again.outcome, again.id]).toEqual(['skipped_in_flight', first.id]);
    const other = stage.done(scheduler.scheduleFollowup({ ...asked, message: 'other' }));
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', key: 'once', id: first.id });
    const listed = await stage.done(scheduler.listFollowups({ threadId: 't' }));
    expect(listed.map(({ id, mail }) => [id, mail])).toEqual([[first.id, 0]]);
  });
});
