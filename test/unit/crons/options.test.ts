import { describe, expect, test } from 'vitest';
import { checkAhead, resolveCronOptions, resolveCronTimes } from '../../../src/crons/options.ts';
import { previewCron } from '../../../src/crons/preview.ts';
import { InvalidOptionError } from '../../../src/index.ts';
import { specOf, T0 } from './cron-life.ts';

const hourly = { id: 'x', job: 'tick', every: '1h' };

function refusal(work: () => unknown): InvalidOptionError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}

describe('a cron is refused, naming the option and why', () => {
  test.each([
    ['id', { id: '' }, 'must be text of 1 to 200 bytes'],
    ['id', { id: 'x'.repeat(201) }, 'must be text of 1 to 200 bytes'],
    ['id', { id: undefined }, 'is missing'],
    ['job', { job: undefined }, 'is missing'],
    ['cron', { every: undefined }, "give 'cron' or 'every'"],
    ['cron', { every: undefined, cron: '61 * * * *' }, 'cannot be read'],
    ['cron', { every: undefined, cron: 'soon' }, 'must have 5 or 6 fields'],
    ['cron', { every: undefined, cron: 7 }, 'must be text'],
    ['cron', { every: undefined, cron: '0 0 30 2 *' }, 'never fires'],
    ['every', { cron: '* * * * *' }, "cannot be combined with 'cron'"],
    ['every', { every: '999ms' }, 'must be a duration from 1s to 366d'],
    ['every', { every: '367d' }, 'must be a duration from 1s to 366d'],
    ['every', { every: Number.NaN }, 'must be a duration'],
    ['timezone', { timezone: 'Europe/Nowhere' }, 'must be an IANA name'],
    ['timezone', { timezone: '+02:00' }, 'must be an IANA name'],
    ['timezone', { timezone: '' }, 'must be an IANA name'],
    ['startAt', { startAt: new Date(Number.NaN) }, 'must be a valid Date'],
    ['startAt', { startAt: new Date(2), endAt: new Date(1) }, "must not be after 'endAt'"],
    ['endAt', { endAt: '2027-01-01' }, 'must be a valid Date'],
    ['limit', { limit: 0 }, 'must be a whole number from 1'],
    ['jitter', { jitter: -1 }, 'must be a duration'],
    ['missed', { missed: 'some' }, "must be 'skip' or 'last' or 'first' or 'all'"],
    ['missed', { missed: 'all', overlap: 'cancelOther' }, 'each run would end the one before'],
    ['missedWindow', { missedWindow: '0ms' }, 'must be a duration from 1ms'],
    ['overlap', { overlap: true }, "must be 'skip' or 'queue' or 'allow' or 'cancelOther'"],
    ['pauseAfterFailures', { pauseAfterFailures: 0 }, 'must be a whole number from 1 to 1000'],
    ['deleteAfterRun', { deleteAfterRun: true }, "needs 'limit: 1'"],
    ['deleteAfterRun', { deleteAfterRun: true, limit: 2 }, "needs 'limit: 1'"],
    ['enabled', { enabled: 'yes' }, 'must be true or false'],
    ['timeZone', { timeZone: 'UTC' }, 'is unknown. Known here: '],
  ])('%s: %j', (option, given, why) => {
    const error = refusal(() => resolveCronOptions({ ...hourly, ...given }));
    expect(error.option).toBe(option);
    expect(error.message).toContain(why);
    expect(error.code).toBe('INVALID_OPTION');
  });

  test('whose end has passed, but not before it begins: one that is there already may have ended', () => {
    const options = { ...hourly, endAt: new Date(T0 - 1) };
    const { spec } = resolveCronOptions(options);
    const error = refusal(() => checkAhead({ ...specOf(), ...spec }, T0));
    expect([error.option, error.message]).toEqual(['endAt', expect.stringContaining('must be after now')]);
  });

  test('whose jitter is longer than the shortest time between two fires', () => {
    const { spec } = resolveCronOptions({ id: 'x', job: 'tick', cron: '0,10 * * * *', jitter: '11m' });
    const error = refusal(() => checkAhead({ ...specOf(), ...spec }, T0));
    expect([error.option, error.message]).toEqual(['jitter', expect.stringContaining('600000 ms')]);
    checkAhead({ ...specOf(), ...spec, jitterMs: 600_000 }, T0);
  });
});

test('defaults: UTC, missed last without a window, overlap skip, enabled', () => {
  expect(resolveCronOptions(hourly).spec).toEqual({
    id: 'x',
    times: { cron: null, everyMs: 3_600_000, timezone: 'UTC', startAt: null, endAt: null },
    enabled: true,
    limit: null,
    jitterMs: 0,
    missed: 'last',
    missedWindowMs: null,
    overlap: 'skip',
    pauseAfterFailures: null,
    deleteAfterRun: false,
  });
  for (const missed of ['first', 'all'])
    expect(resolveCronOptions({ ...hourly, missed }).spec.missedWindowMs).toBe(86_400_000);
  expect(resolveCronOptions({ ...hourly, missedWindow: '1h' }).spec.missedWindowMs).toBe(3_600_000);
});

describe('a preview', () => {
  const from = new Date(T0);

  test('is the next instants after one, over a change of clocks, and fewer where there are no more', () => {
    const nights = previewCron({ cron: '30 2 * * *', timezone: 'Europe/Berlin' }, 3, new Date('2026-03-28T00:00:00Z'));
    expect(nights.map((night) => night.toISOString())).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    expect(previewCron({ every: '1h' }, 2, from)).toEqual([1, 2].map((hour) => new Date(T0 + hour * 3_600_000)));
    expect(previewCron({ every: '1h', endAt: new Date(T0 + 3_600_000) }, 5, from)).toHaveLength(1);
    expect(previewCron({ every: '1h', endAt: new Date(T0 - 1) }, 5, from)).toEqual([]);
  });

  test('takes the options of a whole cron, and refuses what no cron has', () => {
    const whole = { ...hourly, every: '1h', jitter: '1m', overlap: 'queue' } as const;
    expect(previewCron(whole, 1, from)).toHaveLength(1);
    expect(refusal(() => resolveCronTimes({ every: '1h', zone: 'UTC' })).option).toBe('zone');
    expect(refusal(() => previewCron({ every: '1h' }, 0, from)).option).toBe('count');
    expect(refusal(() => previewCron({ every: '1h' }, 1001, from)).option).toBe('count');
    expect(refusal(() => previewCron({ every: '1h' }, 1, new Date(Number.NaN))).option).toBe('from');
    expect(refusal(() => previewCron({ cron: '* * *' }, 1, from)).option).toBe('cron');
  });
});
