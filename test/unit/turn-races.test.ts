/** Attempt timeout, deadline, the death of the worker and the result of the handler, in every order in which a worker can hear of them. */
import { describe, expect, test } from 'vitest';
import { defineJob } from '../../src/definitions.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

const job = loaded(
  defineJob({
    name: 'job',
    attemptTimeout: 1_000,
    deadline: 2_000,
    retry: { maxRetries: 5, backoff: { jitter: 0 } },
    run: () => 1,
  }),
);
const TIMED_OUT = T0 + 1_100;
const TOO_LATE = T0 + 2_100;

type Happening = 'timeout' | 'deadline' | 'death' | 'result';

function ordersOf(happenings: readonly Happening[]): (readonly Happening[])[] {
  if (happenings.length === 0) return [[]];
  return happenings.flatMap((first) =>
    ordersOf(happenings.filter((other) => other !== first)).map((rest) => [first, ...rest]),
  );
}

function firstAttempt(): { turn: Turn; ref: string } {
  const turn = new Turn(newborn(job));
  turn.begin(T0);
  turn.fireDue(T0, T0);
  turn.markRunning();
  return { turn, ref: turn.life.system?.effects[0]?.ref ?? '' };
}

/** Each in a turn of its own, as after a commit; until one of them settles the run. */
function live(order: readonly Happening[]): Turn {
  const first = firstAttempt();
  let { turn } = first;
  for (const happening of order) {
    turn = new Turn(turn.life);
    if (happening === 'timeout') turn.fireDue(TIMED_OUT, TIMED_OUT);
    if (happening === 'deadline') turn.fireDue(TOO_LATE, TOO_LATE);
    if (happening === 'death') turn.interrupt(true, null, TIMED_OUT);
    if (happening === 'result') turn.takeResult(first.ref, { ok: true, output: 1 }, TIMED_OUT);
    if (turn.settlement) return turn;
    turn.markRunning();
  }
  return turn;
}

describe.each(ordersOf(['timeout', 'deadline', 'death', 'result']))('%s, %s, %s, %s', (...order) => {
  const [first] = order;
  const outcome = first === 'result' ? 'success' : 'expired';
  test(`ends as ${outcome}, once`, () => {
    expect(live(order).settlement).toMatchObject(
      outcome === 'success' ? { outcome, reason: null } : { outcome, reason: 'deadline' },
    );
  });
});

test('a timeout spends a retry and no interruption, a death an interruption and no retry, and what comes second finds nothing to spend', () => {
  const spent = (order: readonly Happening[]): object => {
    const { retries, interruptions } = live(order).context as {
      retries: Record<string, number>;
      interruptions: number;
    };
    return { retries: Object.values(retries).reduce((sum, count) => sum + count, 0), interruptions };
  };
  expect(spent(['timeout'])).toEqual({ retries: 1, interruptions: 0 });
  expect(spent(['death'])).toEqual({ retries: 0, interruptions: 1 });
  expect(spent(['timeout', 'death'])).toEqual({ retries: 1, interruptions: 0 });
  expect(spent(['death', 'timeout'])).toEqual({ retries: 0, interruptions: 1 });
});
