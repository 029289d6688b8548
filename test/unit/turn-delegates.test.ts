/** Turns of machines that hand work to actors of their own: births, letters and news, without store or worker. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { defineActor, defineJob } from '../../src/definitions.ts';
import { fromJob } from '../../src/effects/delegates.ts';
import { childId } from '../../src/turn/birth.ts';
import type { Letter } from '../../src/turn/mail.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

const event = (type: string): Letter => ({ kind: 'event', event: { type } });

/** The next turn of the same actor, after a commit. */
function next({ life }: Turn): Turn {
  return new Turn(life);
}

describe('work handed to another actor', () => {
  const pay = defineJob<{ amount: number }, string>({ name: 'pay', run: () => 'paid' });
  const buyer = loaded(
    defineActor({
      name: 'buyer',
      machine: setup({ actors: { pay: fromJob(pay) } }).createMachine({
        initial: 'idle',
        states: {
          idle: { on: { buy: 'paying' } },
          paying: {
            invoke: { src: 'pay', input: { amount: 3 }, onDone: 'paid', onError: 'broke' },
            on: { leave: 'idle' },
          },
          paid: { type: 'final' },
          broke: {},
        },
      }),
    }),
  );

  function paying(): Turn {
    const turn = new Turn({ ...newborn(buyer), id: '0190a000-0000-7000-8000-000000000001' });
    turn.takeMail('1', event('buy'), T0, T0);
    return turn;
  }

  function news(turn: Turn, record: object): Letter {
    const effect = turn.life.system?.effects[0]?.ref ?? '';
    return {
      kind: 'news',
      news: {
        child: childId(turn.life.id, effect),
        role: { effect },
        record: { attempts: 1, startedAt: T0, settledAt: T0, ...record } as never,
      },
    };
  }

  test('is a birth in the same turn, and nothing the worker has to run', () => {
    const turn = paying();
    expect(turn.starts).toEqual([]);
    expect(turn.outbox.births).toMatchObject([{ name: 'pay', parent: turn.life.id, input: '1{"amount":3}' }]);
    expect(turn.life.system?.effects).toMatchObject([{ src: 'pay', status: 'delegated' }]);
    turn.resumePending(T0);
    turn.interrupt(true, null, T0);
    turn.handBack(T0);
    expect(turn).toMatchObject({ starts: [], over: false });
    expect(turn.life.system?.effects).toMatchObject([{ status: 'delegated', attempt: 1 }]);
  });

  test('is never born when the same turn leaves the state, and told to end when a later one does', () => {
    const same = paying();
    same.takeMail('2', event('leave'), T0, T0);
    expect(same.outbox).toMatchObject({ births: [], letters: [] });
    const later = next(paying());
    later.takeMail('2', event('leave'), T0, T0);
    expect(later.outbox.letters).toMatchObject([{ event: 'c1{"type":"cancel","reason":"state_left"}' }]);
    expect(later.stops).toEqual([]);
  });

  test('ends with the news of it, once, and news of an incarnation that is gone is nothing', () => {
    const left = next(paying());
    const stale = news(left, { status: 'success', output: 'paid' });
    left.takeMail('2', event('leave'), T0, T0);
    left.takeMail('3', event('buy'), T0, T0);
    expect(left.takeMail('4', stale, T0, T0)).toBe(true);
    expect(left.value).toBe('paying');
    const dropped = next(paying());
    dropped.takeMail('2', news(dropped, { status: 'failed_dropped', reason: 'poor' }), T0, T0);
    expect(dropped.value).toBe('broke');
    const paid = next(paying());
    paid.takeMail('2', news(paid, { status: 'success', output: 'paid' }), T0, T0);
    expect(paid.settlement).toMatchObject({ outcome: 'success' });
    expect(paid.outbox).toMatchObject({ births: [], letters: [] });
  });
});
