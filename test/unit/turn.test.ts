/** Turns with real definitions and the real interpreter: what happens to one actor, without store or worker. */
import { describe, expect, test } from 'vitest';
import { assign, fromPromise, setup } from 'xstate';
import { decode } from '../../src/codec.ts';
import { defineActor, defineJob } from '../../src/definitions.ts';
import type { Letter } from '../../src/turn/mail.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

function journal(turn: Turn): { at: number; type: string; state: unknown; via: unknown }[] {
  return turn.journal.split('\n').map((line) => {
    const [at, event, state, via] = decode(line) as [number, { type: string }, unknown, unknown];
    return { at, type: event.type, state, via };
  });
}

/** The next turn of the same actor, after a commit. */
function next({ life }: Turn): Turn {
  return new Turn(life);
}

const event = (type: string, data: object = {}): Letter => ({ kind: 'event', event: { type, ...data } });
const cancel: Letter = { kind: 'control', control: { type: 'cancel', reason: 'enough' } };
const runNow: Letter = { kind: 'control', control: { type: 'runNow' } };
const reschedule = (to: number): Letter => ({ kind: 'control', control: { type: 'reschedule', to } });

const job = loaded(
  defineJob({ name: 'job', attemptTimeout: 1000, deadline: 60_000, retry: { maxRetries: 1 }, run: () => 1 }),
);

/** A job whose attempt runs. */
function dispatched(): Turn {
  const turn = new Turn(newborn(job));
  turn.begin(T0);
  turn.fireDue(T0, T0);
  turn.markRunning();
  return turn;
}

describe('a standard job', () => {
  test('the first turn of a due job schedules and dispatches it in one go', () => {
    const turn = dispatched();
    expect(journal(turn)).toMatchObject([
      { type: 'xstate.init', state: 'scheduled', at: T0 },
      { state: 'dispatching', via: ['timer', expect.any(String)] },
    ]);
    expect(turn).toMatchObject({ value: 'dispatching', attempt: 1, notBefore: T0, over: false });
    expect(turn.starts).toMatchObject([{ id: 'a-1/run', src: 'run', input: { attempt: 1 } }]);
    expect(turn.nextDueAt).toBe(T0 + 1000);
  });

  test('one due later only waits, and says when', () => {
    const turn = new Turn(newborn(job, { dueAt: T0 + 5000 }));
    turn.begin(T0);
    turn.fireDue(T0, T0);
    expect(turn.empty).toBe(true);
    expect(turn.nextDueAt).toBe(T0 + 5000);
  });

  test('its result settles it with the record', () => {
    const turn = next(dispatched());
    const [effect] = turn.life.system?.effects ?? [];
    turn.takeResult(effect?.ref ?? '', { ok: true, output: { n: 1 } }, T0 + 40);
    expect(turn.settlement).toEqual({
      status: 'done',
      outcome: 'success',
      reason: null,
      record: { status: 'success', output: { n: 1 }, attempts: 1, startedAt: T0, settledAt: T0 + 40 },
    });
    expect(turn).toMatchObject({ survived: true, over: true });
  });

  test('a result of an incarnation that is gone is nothing', () => {
    const turn = next(dispatched());
    turn.takeResult('another', { ok: true, output: 1 }, T0);
    expect(turn.empty).toBe(true);
  });

  test('an attempt past its timeout is stopped, and waits to be retried', () => {
    const turn = next(dispatched());
    turn.fireDue(T0 + 1000, T0 + 1000);
    expect(turn.value).toBe('retrying');
    expect(turn.stops).toHaveLength(1);
    expect(turn.nextDueAt).toBeGreaterThanOrEqual(T0 + 1000 + 180);
  });

  test('a worker that died is journaled with the start its claim recorded, and the attempt starts again', () => {
    const turn = new Turn(newborn(job));
    turn.interrupt(false, T0 + 5, T0 + 9000);
    expect(journal(turn).map(({ type, at, state }) => [type.replace(/^xstate\.after.*/, 'due'), at, state])).toEqual([
      ['xstate.init', T0, 'scheduled'],
      ['due', T0 + 5, 'dispatching'],
      ['attempt.interrupted', T0 + 9000, 'dispatching'],
    ]);
    expect(turn.starts).toHaveLength(1);
    expect(turn).toMatchObject({ attempt: 2, survived: false });
  });

  test('a fourth charged death drops it as the likely cause', () => {
    let turn = dispatched();
    for (let deaths = 0; deaths < 3; deaths += 1) {
      turn = next(turn);
      turn.interrupt(true, null, T0 + deaths);
      expect(turn.settlement).toBeNull();
    }
    turn = next(turn);
    turn.interrupt(true, null, T0 + 10);
    expect(turn.settlement).toMatchObject({ outcome: 'failed_dropped', reason: 'interrupted' });
  });

  test('handing back spends neither an attempt nor a retry, and leaves the effect to be started', () => {
    const turn = next(dispatched());
    turn.handBack(T0 + 10);
    expect(turn).toMatchObject({ value: 'dispatching', attempt: 1, starts: [] });
    expect(turn.life.system?.effects).toMatchObject([{ status: 'pending' }]);
    const again = next(turn);
    again.resumePending(T0);
    expect(again.starts).toMatchObject([{ id: 'a-1/run', input: { attempt: 1 } }]);
  });

  test('cancel reaches it before its first turn, and while it runs', () => {
    const early = new Turn(newborn(job, { dueAt: T0 + 5000 }));
    expect(early.takeMail('1', cancel, T0, T0)).toBe(true);
    expect(early.settlement).toMatchObject({ outcome: 'cancelled', reason: 'enough', record: { attempts: 0 } });
    const running = next(dispatched());
    running.takeMail('1', cancel, T0 + 1, T0 + 1);
    expect(running.settlement).toMatchObject({ outcome: 'cancelled', record: { attempts: 1, startedAt: T0 } });
    expect(running.stops).toHaveLength(1);
    expect(running.consumed).toEqual(['1']);
  });

  test('reschedule moves the due time and the deadline with it', () => {
    const turn = new Turn(newborn(job, { dueAt: T0 + 5000 }));
    turn.takeMail('1', reschedule(T0 + 9000), T0, T0);
    expect(turn.nextDueAt).toBe(T0 + 9000);
    turn.fireDue(T0 + 68_999, T0 + 68_999);
    expect(turn.value).not.toBe('dropped');
    const late = new Turn(turn.life);
    late.fireDue(T0 + 69_000, T0 + 69_000);
    expect(late.settlement).toMatchObject({ outcome: 'expired', reason: 'deadline' });
  });

  test('runNow dispatches at once', () => {
    const turn = new Turn(newborn(job, { dueAt: T0 + 5000 }));
    turn.takeMail('1', runNow, T0 + 7, T0 + 7);
    expect(turn.value).toBe('dispatching');
    expect(turn.notBefore).toBeNull();
  });
});

const counter = loaded(
  defineActor({
    name: 'counter',
    machine: setup({
      types: { context: {} as { count: number }, events: {} as { type: 'up' } | { type: 'throw' } | { type: 'stop' } },
      guards: {
        throws() {
          throw new Error('guard');
        },
      },
    }).createMachine({
      context: { count: 0 },
      initial: 'on',
      states: {
        on: {
          after: { 100: { actions: assign({ count: ({ context }) => context.count + 1000 }) } },
          on: {
            up: { actions: assign({ count: ({ context }) => context.count + 1 }) },
            throw: { guard: 'throws', target: 'off' },
            stop: 'off',
          },
        },
        off: { type: 'final' },
      },
      output: ({ context }) => context.count,
    }),
  }),
);

describe('a custom machine', () => {
  test('mail waits until the first step is due', () => {
    const turn = new Turn(newborn(counter, { dueAt: T0 + 100 }));
    expect(turn.takeMail('1', event('up'), T0, T0)).toBe(false);
    expect(turn).toMatchObject({ consumed: [], empty: true, value: null, nextDueAt: T0 + 100 });
    expect(turn.takeMail('1', event('up'), T0, T0 + 100)).toBe(true);
    expect(turn.context).toEqual({ count: 1 });
  });

  test('mail sent before a timer was due is heard before it, however late the worker looks', () => {
    const turn = new Turn(newborn(counter));
    turn.begin(T0);
    turn.takeMail('1', event('up'), T0 + 50, T0 + 9000);
    turn.takeMail('2', event('up'), T0 + 150, T0 + 9000);
    const types = journal(turn).map(({ type }) => type.replace(/^xstate\.after.*/, 'timer'));
    expect(types).toEqual(['xstate.init', 'up', 'timer', 'up']);
    expect(turn).toMatchObject({ context: { count: 1002 }, notBefore: T0 + 100 });
  });

  test('a guard that throws is a fault: what came before counts, its own letter stays', () => {
    const turn = new Turn(newborn(counter));
    expect(turn.takeMail('1', event('up'), T0, T0)).toBe(true);
    expect(turn.takeMail('2', event('throw'), T0, T0)).toBe(false);
    expect(turn.takeMail('3', event('up'), T0, T0)).toBe(false);
    expect(turn.fault?.message).toContain('guard');
    expect(turn).toMatchObject({ consumed: ['1'], context: { count: 1 }, settlement: null });
  });

  test('after a thousand steps a turn is over, and nothing of the rest is consumed', () => {
    const turn = new Turn(newborn(counter));
    const taken = Array.from({ length: 1500 }, (_, index) => turn.takeMail(String(index), event('up'), T0, T0));
    expect(taken.filter(Boolean)).toHaveLength(999);
    expect(turn).toMatchObject({ exhausted: true, context: { count: 999 } });
    expect(turn.life.seq).toBe(1000);
  });

  test('a control after the end is left alone', () => {
    const turn = new Turn(newborn(counter));
    turn.takeMail('1', event('stop'), T0, T0);
    expect(turn.settlement).toMatchObject({ outcome: 'success' });
    expect(turn.takeMail('2', cancel, T0, T0)).toBe(false);
    expect(turn.consumed).toEqual(['1']);
  });

  test('cancel stops a machine that does not know it, in the state it is in', () => {
    const turn = new Turn(newborn(counter));
    turn.begin(T0);
    turn.takeMail('1', cancel, T0 + 1, T0 + 1);
    expect(journal(turn).at(-1)).toMatchObject({ type: 'job.cancel', state: 'on', via: ['stopped'] });
    expect(turn.settlement).toMatchObject({ outcome: 'cancelled', reason: 'enough' });
  });

  test('runNow and reschedule before the first step are journaled without a state', () => {
    const turn = new Turn(newborn(counter, { dueAt: T0 + 100 }));
    turn.takeMail('1', reschedule(T0 + 500), T0, T0);
    expect(turn.nextDueAt).toBe(T0 + 500);
    turn.takeMail('2', runNow, T0 + 1, T0 + 1);
    expect(journal(turn)).toMatchObject([
      { type: 'job.reschedule', state: null, via: ['moved'] },
      { type: 'job.runNow', state: null, via: ['moved'] },
    ]);
    turn.begin(T0 + 1);
    expect(turn.life.system?.startedAt).toBe(T0 + 1);
  });
});

describe('a plain invoked promise', () => {
  const worker = loaded(
    defineActor({
      name: 'worker',
      machine: setup({ actors: { work: fromPromise(() => Promise.resolve(1)) } }).createMachine({
        initial: 'working',
        states: {
          working: { invoke: { src: 'work', onDone: 'done', onError: 'failed' } },
          done: { type: 'final' },
          failed: { type: 'final', tags: 'dropped' },
        },
      }),
    }),
  );

  test('is started again after a crash three times, and then fails with code INTERRUPTED', () => {
    let turn = new Turn(newborn(worker));
    turn.begin(T0);
    expect(turn.starts).toMatchObject([{ attempt: 1 }]);
    for (let restart = 1; restart <= 3; restart += 1) {
      turn = next(turn);
      turn.interrupt(false, null, T0);
      expect(turn.starts).toMatchObject([{ attempt: restart + 1 }]);
      expect(journal(turn)).toMatchObject([{ type: 'carillon.interrupted', via: ['interrupted', expect.any(String)] }]);
    }
    turn = next(turn);
    turn.interrupt(false, null, T0);
    expect(turn).toMatchObject({ starts: [], value: 'failed', survived: false });
    expect(turn.journal).toContain('INTERRUPTED');
  });

  test('keeps its id over restarts, so that what it calls can tell', () => {
    const first = new Turn(newborn(worker));
    first.begin(T0);
    const second = next(first);
    second.interrupt(false, null, T0);
    expect(second.starts[0]?.id).toBe(first.starts[0]?.id);
  });
});
