import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import { checkEvent, decodeLetter, encodeLetter, type Letter } from '../../src/turn/mail.ts';

const LIMIT = 1000;

describe('letters', () => {
  test.each<Letter>([
    { kind: 'event', event: { type: 'approve', by: 'ann', at: new Date(5), list: [undefined, 1] } },
    { kind: 'event', event: { type: 'c', control: { type: 'cancel' } } },
    { kind: 'control', control: { type: 'cancel', reason: 'enough' } },
    { kind: 'control', control: { type: 'runNow' } },
    { kind: 'control', control: { type: 'reschedule', to: 1_700_000_000_000 } },
  ])('come back as they were: %j', (letter) => {
    expect(decodeLetter(encodeLetter(letter, LIMIT))).toEqual(letter);
  });

  test('an event that cannot be stored is refused by its own path', () => {
    const letter: Letter = { kind: 'event', event: { type: 'x', deep: { n: 1n } } };
    expect(() => encodeLetter(letter, LIMIT)).toThrow(/^event\.deep\.n: /);
    const large: Letter = { kind: 'event', event: { type: 'x', text: 'x'.repeat(LIMIT) } };
    expect(() => encodeLetter(large, LIMIT)).toThrow(/^event: takes \d+ bytes/);
  });

  test('a kind this version does not know is an error, not an event', () => {
    expect(() => decodeLetter('z1{}')).toThrow(/newer version/);
  });
});

describe('events for send()', () => {
  test.each(['approve', 'a.b', 'job.cancel', 'xstate', 'attempt', 'xstate.route.home'])('%s is taken', (type) => {
    expect(() => checkEvent({ type })).not.toThrow();
  });

  test.each(['', '*', 'xstate.init', 'xstate.done.actor.x', 'xstate.after.5.s', 'attempt.handedBack'])(
    "'%s' is refused",
    (type) => {
      expect(() => checkEvent({ type })).toThrow(InvalidInputError);
    },
  );
});
