/** Effects run as real XState actors whose owner is elsewhere. */

import { describe, expect, test } from 'vitest';
import {
  type AnyActorLogic,
  type AnyEventObject,
  createMachine,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  sendTo,
  setup,
} from 'xstate';
import {
  prepare,
  type RunLogicHooks,
  type RunningLogic,
  runLogic,
  type StoredEffect,
} from '../../../src/interpreter/index.ts';
import { ID, Stepped } from './side-by-side.ts';

interface Ran {
  readonly said: unknown[];
  readonly running: RunningLogic;
  readonly abort: AbortController;
  /** Resolves when the effect told its result. */
  readonly over: Promise<void>;
}

function run(logic: AnyActorLogic, more: Partial<StoredEffect> = {}): Ran {
  const machine = setup({ actors: { logic } }).createMachine({ invoke: { id: 'x', src: 'logic' } } as never);
  const prepared = prepare(machine as never, { name: 'm', version: 1, standard: false });
  const effect: StoredEffect = {
    id: `${ID}/x/1`,
    ref: '~1',
    owner: '',
    name: 'x',
    src: 'logic',
    input: undefined,
    sync: false,
    status: 'running',
    attempt: 1,
    ...more,
  };
  const said: unknown[] = [];
  const abort = new AbortController();
  const { promise: over, resolve } = withResolvers();
  const hooks: RunLogicHooks = {
    actorId: ID,
    signal: abort.signal,
    send: (event, to) => said.push(['send', event, to]),
    done: (output) => {
      said.push(['done', output]);
      resolve();
    },
    failed: (error) => {
      said.push(['failed', error instanceof Error ? error.message : error]);
      resolve();
    },
    emitted: (event) => said.push(['emitted', event]),
  };
  return { said, running: runLogic(prepared, effect, hooks), abort, over };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** An observable of the smallest kind, driven by hand. */
class Subject {
  observer: { next(value: unknown): void; error(error: unknown): void; complete(): void } | undefined;
  unsubscribed = false;
  subscribe(observer: Subject['observer']): { unsubscribe(): void } {
    this.observer = observer;
    return {
      unsubscribe: () => {
        this.unsubscribed = true;
      },
    };
  }
}

describe('a promise', () => {
  test('is done once, with its output', async () => {
    const { said, over } = run(
      fromPromise(({ input }) => Promise.resolve({ got: input })),
      { input: { n: 1 } },
    );
    await over;
    expect(said).toEqual([['done', { got: { n: 1 } }]]);
  });

  test('fails when it rejects, and when it throws at once', async () => {
    const rejecting = run(fromPromise(() => Promise.reject(new Error('no'))));
    await rejecting.over;
    expect(rejecting.said).toEqual([['failed', 'no']]);
    const throwing = run(
      fromPromise(() => {
        throw new Error('at once');
      }),
    );
    await throwing.over;
    expect(throwing.said).toEqual([['failed', 'at once']]);
  });

  test('fails when its output cannot be stored', async () => {
    const { said, over } = run(fromPromise(() => Promise.resolve({ socket: new Map() })));
    await over;
    expect(said).toEqual([['failed', expect.stringContaining('output.socket')]]);
  });

  test('is aborted by the signal and by stop, and is not heard of any more', async () => {
    for (const end of ['signal', 'stop'] as const) {
      let signal: AbortSignal | undefined;
      const { promise, resolve } = withResolvers();
      const { said, running, abort } = run(
        fromPromise((given) => {
          signal = given.signal;
          return promise;
        }),
      );
      if (end === 'signal') abort.abort();
      else running.stop();
      expect(signal?.aborted).toBe(true);
      resolve();
      await promise.then(() => Promise.resolve());
      running.stop();
      expect(said).toEqual([]);
    }
  });

  test('never starts when the signal was aborted before', () => {
    let started = false;
    const abort = new AbortController();
    abort.abort();
    const machine = setup({
      actors: {
        logic: fromPromise(() => {
          started = true;
          return Promise.resolve();
        }),
      },
    }).createMachine({ invoke: { id: 'x', src: 'logic' } });
    const stepped = new Stepped(machine, undefined);
    const nothing = (): void => {};
    runLogic(stepped.prepared, stepped.step.starts[0] as StoredEffect, {
      actorId: ID,
      signal: abort.signal,
      send: nothing,
      done: nothing,
      failed: nothing,
    });
    expect(started).toBe(false);
  });

  test('emits, and reaches its system through references in its input', async () => {
    const machine = setup({
      actors: {
        logic: fromPromise<void, { owner: { send(event: AnyEventObject): void } }>(({ input, emit }) => {
          emit({ type: 'progress' });
          input.owner.send({ type: 'HELLO' });
          return Promise.resolve();
        }),
      },
    }).createMachine({ invoke: { id: 'x', src: 'logic', input: ({ self }) => ({ owner: self }) } });
    const { effects } = new Stepped(machine, undefined).state;
    const logic = machine.implementations.actors['logic'] as AnyActorLogic;
    const { said, over } = run(logic, { input: effects[0]?.input });
    await over;
    expect(said).toEqual([
      ['emitted', { type: 'progress' }],
      ['send', { type: 'HELLO' }, ''],
      ['done', undefined],
    ]);
  });
});

describe('a callback', () => {
  test('sends back, receives what is relayed, cleans up when stopped', () => {
    let cleaned = 0;
    const { said, running } = run(
      fromCallback(({ sendBack, receive }) => {
        receive((event) => sendBack({ type: 'ECHO', of: event.type }));
        sendBack({ type: 'READY' });
        return () => {
          cleaned += 1;
        };
      }),
      { owner: '~7' },
    );
    running.relay({ type: 'PING' });
    running.stop();
    running.relay({ type: 'LATE' });
    expect(said).toEqual([
      ['send', { type: 'READY' }, '~7'],
      ['send', { type: 'ECHO', of: 'PING' }, '~7'],
    ]);
    expect(cleaned).toBe(1);
  });

  test('fails when it throws as it starts', () => {
    const { said } = run(
      fromCallback(() => {
        throw new Error('no device');
      }),
    );
    expect(said).toEqual([['failed', 'no device']]);
  });
});

describe('an observable', () => {
  test('tells its owner of every snapshot where that is asked for, without what cannot be stored, and completes', () => {
    const subject = new Subject();
    const { said } = run(
      fromObservable(() => subject as never),
      { sync: true },
    );
    subject.observer?.next(1);
    subject.observer?.complete();
    const snapshots = said.flatMap((entry) => {
      const [what, event] = entry as [string, AnyEventObject | undefined];
      return what === 'send' ? [event?.['snapshot'] as Record<string, unknown>] : [];
    });
    expect(snapshots.map((snapshot) => snapshot['context'])).toEqual([undefined, 1]);
    expect(snapshots.every((snapshot) => !('_subscription' in snapshot))).toBe(true);
    expect(said.at(-1)).toEqual(['done', undefined]);
  });

  test('of events sends them to its owner, and unsubscribes when stopped', () => {
    const subject = new Subject();
    const { said, running } = run(fromEventObservable(() => subject as never));
    subject.observer?.next({ type: 'MOVED', x: 1 });
    running.stop();
    subject.observer?.next({ type: 'MOVED', x: 2 });
    expect(said).toEqual([['send', { type: 'MOVED', x: 1 }, '']]);
    expect(subject.unsubscribed).toBe(true);
  });
});

test('a step and the effects it starts work together', async () => {
  const machine = setup({
    actors: {
      double: fromPromise<number, { n: number }>(({ input }) => Promise.resolve(input.n * 2)),
      asker: createMachine({ on: { ASK: { actions: sendTo(({ self }) => self, { type: 'NOTHING' }) } } }),
    },
  }).createMachine({
    initial: 'a',
    invoke: { src: 'asker' },
    states: {
      a: { invoke: { id: 'd', src: 'double', input: { n: 21 }, onDone: 'b' } },
      b: {},
    },
  });
  const stepped = new Stepped(machine, undefined);
  const [effect] = stepped.step.starts;
  const { promise, resolve } = withResolvers();
  runLogic(stepped.prepared, effect as StoredEffect, {
    actorId: ID,
    signal: new AbortController().signal,
    send: () => {},
    failed: () => {},
    done: (output) => {
      stepped.happen({ resolve: 'd', with: output });
      resolve();
    },
  });
  await promise;
  expect(stepped.step.value).toBe('b');
});
