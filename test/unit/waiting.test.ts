import { describe, expect, test } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import { ActorSettledError, SchedulerStoppedError } from '../../src/errors.ts';
import { inState, type Since, Waiting } from '../../src/scheduler/waiting.ts';
import type { Progressed, Store } from '../../src/store/contract.ts';
import { StoreClock } from '../../src/store-clock.ts';

const id = '00000000-0000-7000-8000-000000000001';
const T0 = 1_700_000_000_000;

/** Waits on a store that answers with these, one after the other, and then with the last one. */
function waitingOn(answers: readonly Partial<Progressed>[], passed: (since: Since) => readonly string[] = () => []) {
  const asked: Since[] = [];
  let next = 0;
  const progressed = async (): Promise<readonly Progressed[]> => {
    const answer = answers[Math.min(next++, answers.length - 1)];
    return [{ id, seq: 1, held: false, state: '"on"', status: 'active', record: null, ...answer }];
  };
  const waiting = new Waiting(
    { progressed } as unknown as Store,
    systemEnv,
    new StoreClock(systemEnv, T0),
    async (_, since) => {
      asked.push(since);
      return passed(since);
    },
  );
  return { waiting, asked };
}

describe('waiting for a state', () => {
  test('one entered and left between the call and the first answer counts', async () => {
    const { waiting, asked } = waitingOn([{ seq: 5, state: '"after"' }], () => ['"passed"', '"after"']);
    await waiting.until(id, 'passed', 1000);
    expect(asked).toEqual([{ at: expect.any(Number) }]);
    expect((asked[0] as { at: number }).at).toBeGreaterThanOrEqual(T0);
  });

  test('one entered and left between two answers counts, and nothing before is looked at again', async () => {
    const answers = [{ seq: 5 }, { seq: 5 }, { seq: 8, state: '"after"' }];
    const { waiting, asked } = waitingOn(answers, (since) => ('seq' in since ? ['"passed"'] : []));
    await waiting.until(id, 'passed', 5000);
    expect(asked).toEqual([{ at: expect.any(Number) }, { seq: 5 }]);
  });

  test('one that only the claim tells of is looked up when a worker takes the actor', async () => {
    const answers = [{ seq: 5 }, { seq: 5, held: true }];
    const { waiting, asked } = waitingOn(answers, (since) => ('seq' in since ? ['"passed"'] : []));
    await waiting.until(id, 'passed', 5000);
    expect(asked).toHaveLength(2);
  });

  test('an end without it is an error, and so is a stopped scheduler', async () => {
    const settled = waitingOn([{ status: 'done', state: '"done"' }]).waiting.until(id, 'passed', 1000);
    await expect(settled).rejects.toThrow(ActorSettledError);
    const { waiting } = waitingOn([{}]);
    const stopped = expect(waiting.until(id, 'passed', null)).rejects.toThrow(SchedulerStoppedError);
    waiting.close(new SchedulerStoppedError());
    await stopped;
  });

  test('a store that is away is asked again', async () => {
    let calls = 0;
    const progressed = async (): Promise<readonly Progressed[]> => {
      calls += 1;
      if (calls < 3) throw new Error('away');
      return [{ id, seq: 1, held: false, state: '"on"', status: 'active', record: null }];
    };
    const store = { progressed } as unknown as Store;
    const waiting = new Waiting(store, systemEnv, new StoreClock(systemEnv, T0), async () => []);
    expect(await waiting.until(id, 'on', 5000)).toMatchObject({ seq: 1 });
  });
});

describe('a state path', () => {
  test.each([
    ['"done"', 'done', true],
    ['"done"', 'do', false],
    ['"done"', 'done.more', false],
    ['{"math":"added"}', 'math', true],
    ['{"math":"added"}', 'math.added', true],
    ['{"math":"added"}', 'math.other', false],
    ['{"math":"added"}', 'added', false],
    ['{"a":{"b":"c"},"x":"y"}', 'a.b.c', true],
    ['{"a":{"b":"c"},"x":"y"}', 'x.y', true],
    ['{"a":{"b":"c"},"x":"y"}', 'a.y', false],
    ['{"a":"b"}', 'constructor', false],
  ])('in %s, %s is %s', (state, path, expected) => {
    expect(inState(state, path)).toBe(expected);
  });
});
