/** Keys of limits, and a limited run in the hands of a worker. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { limitKeys } from '../../src/definitions/limits.ts';
import { defineJob, internalsOf } from '../../src/definitions.ts';
import { InvalidInputError } from '../../src/errors.ts';
import type { LimitKeys } from '../../src/store/limits.ts';
import { composeWrite } from '../../src/turn/turn-write.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

const run = (): void => {};

function keys(options: object, input: unknown, namespace = 'default', name = 'mail'): LimitKeys | null {
  return limitKeys(internalsOf(defineJob({ name, run, ...options })), namespace, input);
}

const byTenant = { concurrency: { key: (input: { tenant: string }) => input.tenant, limit: 2 } };

describe('the key of a limit', () => {
  test('is one for the whole definition unless a function says otherwise', () => {
    const both = { concurrency: { limit: 1 }, rateLimit: { limit: 1, per: '1s' } };
    const all = keys(both, 1);
    expect(all).toMatchObject({ concurrency: { key: '*' }, rate: { key: '*' } });
    expect(keys(both, 2)).toEqual(all);
    expect(all?.concurrency?.id).not.toBe(all?.rate?.id);
    expect(keys(byTenant, { tenant: 'x' })).toMatchObject({ concurrency: { key: 'x' }, rate: null });
    expect(keys({}, 1)).toBeNull();
  });

  test('is shared within one namespace and definition name, over its versions', () => {
    const id = (...args: Parameters<typeof keys>): string | undefined => keys(...args)?.concurrency?.id;
    const known = id(byTenant, { tenant: 'x' });
    expect(id({ ...byTenant, version: 2 }, { tenant: 'x' })).toBe(known);
    expect(id(byTenant, { tenant: 'y' })).not.toBe(known);
    expect(id(byTenant, { tenant: 'x' }, 'other')).not.toBe(known);
    expect(id(byTenant, { tenant: 'x' }, 'default', 'other')).not.toBe(known);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['nothing', () => undefined, /concurrency\.key.*text of 1 to 256 bytes/],
    ['a number', () => 7, /text of 1 to 256 bytes, got 7/],
    ['empty text', () => '', /text of 1 to 256 bytes/],
    ['long text', () => 'ä'.repeat(129), /256 bytes/],
    ['NUL', () => 'a\0b', /without NUL/],
    ['a promise', () => Promise.resolve('x'), /text of 1 to 256 bytes/],
    [
      'an exception',
      () => {
        throw new Error('no tenant');
      },
      /'concurrency\.key' threw: no tenant/,
    ],
  ])('%s is refused, naming the definition', (_, key, message) => {
    const refused = (): unknown => keys({ concurrency: { key, limit: 1 } }, {});
    expect(refused).toThrow(InvalidInputError);
    expect(refused).toThrow(message);
    expect(refused).toThrow(/'mail'/);
  });

  test('is computed from the parsed input', () => {
    const job = defineJob({
      name: 'parsed',
      input: z.object({ tenant: z.string().toLowerCase() }),
      concurrency: { key: (input) => (input as { tenant: string }).tenant, limit: 1 },
      run,
    });
    expect(loaded(job).limitKeys({ tenant: 'x' })).toMatchObject({ concurrency: { key: 'x' } });
  });
});

describe('a turn under a limit', () => {
  const place = { queue: 1, priority: 5, fence: 1, dueAgain: false, crowded: false };
  const row = {
    def: 1,
    seq: 0,
    pokes: 0,
    strikes: 0,
    dueRowAt: T0,
    snapshot: null,
    history: '',
    state: null,
    attempt: 0,
  };
  const failed = {
    ok: false,
    error: { error: { name: 'E', message: 'm' }, verdict: 'retry', retryAfterMs: 0 },
  } as const;

  function started(options: object = {}): Turn {
    const turn = new Turn(newborn(loaded(defineJob({ name: 'job', ...byTenant, ...options, run }))));
    turn.begin(T0);
    turn.fireDue(T0, T0);
    return turn;
  }

  test('asks for a place with the write that starts an attempt, and names when it has to be looked at anyway', () => {
    const limits = keys(byTenant, { tenant: 'x' });
    const write = composeWrite(started({ deadline: '1h' }), row, { ...place, limits, stays: true });
    expect(write).toMatchObject({ place: { keys: limits, start: true, until: T0 + 3_600_000 } });
    expect(composeWrite(started(), row, { ...place, limits, stays: true })).toMatchObject({ place: { until: null } });
    expect(composeWrite(started(), row, { ...place, limits: null, stays: true })).toMatchObject({ place: null });
  });

  test('never holds the end of one attempt and the start of the next', () => {
    const first = started();
    const turn = new Turn(first.life);
    turn.closed = true;
    turn.takeResult(first.starts[0]?.ref ?? '', failed, T0);
    turn.fireDue(T0, T0);
    expect([turn.value, turn.starts, turn.exhausted]).toEqual(['retrying', [], true]);
    expect(turn.takeMail('1', { kind: 'control', control: { type: 'runNow' } }, T0, T0)).toBe(false);
    const next = new Turn(turn.life);
    next.fireDue(T0, T0);
    expect([next.value, next.attempt, next.starts.length]).toEqual(['dispatching', 2, 1]);
  });

  test('that comes after the deadline of one that waited counts no attempt', () => {
    const turn = new Turn(newborn(loaded(defineJob({ name: 'job', ...byTenant, deadline: '1s', run }))));
    turn.begin(T0 + 5_000);
    turn.fireDue(T0 + 5_000, T0 + 5_000);
    expect(turn.settlement).toMatchObject({ outcome: 'expired', record: { attempts: 0, startedAt: null } });
  });

  test('can still be handed back', () => {
    const turn = new Turn(started().life);
    turn.closed = true;
    turn.handBack(T0);
    expect([turn.value, turn.attempt, turn.starts]).toEqual(['dispatching', 1, []]);
  });

  test('that resumes what was handed back gives the attempt its whole time', () => {
    const handed = new Turn(started({ attemptTimeout: '30s' }).life);
    handed.handBack(T0);
    const turn = new Turn(handed.life);
    const later = T0 + 600_000;
    turn.resumeAfresh(later);
    turn.fireDue(later, later);
    expect([turn.value, turn.attempt, turn.starts.length]).toEqual(['dispatching', 1, 1]);
    expect(turn.nextDueAt).toBe(later + 30_000);
  });
});
