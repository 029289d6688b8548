/** The sweep: every duty by itself, counted, and none in another one's way. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Alarms } from '../../src/alarms.ts';
import type { Store } from '../../src/store/contract.ts';
import type { StoreClock } from '../../src/store-clock.ts';
import { upkeep, workerDuties } from '../../src/sweep/upkeep.ts';
import { type Duty, duty, Sweep } from '../../src/sweep.ts';
import { SimulatedEnv } from '../../src/testing/simulated-env.ts';
import type { Worker } from '../../src/worker.ts';
import { deferred } from '../support/deferred.ts';

function sweeping(...duties: Duty[]): { env: SimulatedEnv; sweep: Sweep } {
  const env = new SimulatedEnv();
  const sweep = new Sweep({ env, logger: pino({ level: 'silent' }), intervalMs: 1_000, duties });
  return { env, sweep };
}

test('a duty reports what it processed and could not, and the age of its last complete pass', async () => {
  let passes = 0;
  const { env, sweep } = sweeping(
    duty('flaky', 1_000, async () => {
      passes += 1;
      if (passes === 2) throw new Error('not now');
      return { processed: 3, errors: 1 };
    }),
  );
  expect(sweep.report()).toEqual([{ name: 'flaky', everyMs: 1_000, processed: 0, errors: 0, lastPassAgeMs: null }]);
  sweep.start();
  await env.advance(500);
  expect(sweep.report()).toMatchObject([{ processed: 3, errors: 1 }]);
  await env.advance(1_000);
  const [failed] = sweep.report();
  expect(failed).toMatchObject({ processed: 3, errors: 2 });
  expect(failed?.lastPassAgeMs).toBeGreaterThan(1_000);
  await env.advance(1_000);
  expect(sweep.report()).toMatchObject([{ processed: 6, errors: 3 }]);
  await sweep.stop();
});

test('a duty that fails holds up no other one', async () => {
  let passes = 0;
  const { env, sweep } = sweeping(
    duty('broken', 1_000, () => Promise.reject(new Error('always'))),
    duty('healthy', 1_000, async () => void (passes += 1)),
  );
  sweep.start();
  await env.advance(5_000);
  expect(passes).toBeGreaterThanOrEqual(4);
  expect(sweep.report()[0]).toMatchObject({ name: 'broken', lastPassAgeMs: null });
  await sweep.stop();
});

test('one that takes long goes on beside the others, never twice at once, and is told when the sweep stops', async () => {
  const hold = deferred();
  let begun = 0;
  let passes = 0;
  let told: AbortSignal | null = null;
  const slow = duty(
    'slow',
    1_000,
    async (signal) => {
      begun += 1;
      told = signal;
      await hold.promise;
    },
    true,
  );
  const { env, sweep } = sweeping(
    slow,
    duty('quick', 1_000, async () => void (passes += 1)),
  );
  sweep.start();
  await env.advance(5_000);
  expect([begun, passes >= 4]).toEqual([1, true]);
  const stopping = sweep.stop();
  expect((told as AbortSignal | null)?.aborted).toBe(true);
  hold.resolve();
  await stopping;
});

test('starting twice sweeps once', async () => {
  let passes = 0;
  const { env, sweep } = sweeping(duty('once', 1_000, async () => void (passes += 1)));
  sweep.start();
  sweep.start();
  await env.advance(500);
  expect(passes).toBe(1);
  await sweep.stop();
});

test('the doctor asks for exactly what a worker does', () => {
  const duties = upkeep({
    store: {} as Store,
    clock: {} as StoreClock,
    alarms: {} as Alarms,
    worker: {} as Worker,
    served: new Set(),
    defs: [],
    queueName: String,
    sweepIntervalMs: 1_000,
    report: () => [],
  });
  expect(duties.map(({ name }) => name).sort()).toEqual([...workerDuties].sort());
});
