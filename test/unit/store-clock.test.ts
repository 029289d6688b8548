import { describe, expect, test } from 'vitest';
import { StoreClock } from '../../src/store-clock.ts';
import { SimulatedEnv } from '../../src/testing/simulated-env.ts';

describe('the store clock', () => {
  test('goes on with monotonic time between two readings', async () => {
    const env = new SimulatedEnv();
    const clock = new StoreClock(env, 5_000);
    await env.advance(250);
    expect(clock.now()).toBe(5_250);
  });

  test('a reply that was long on its way does not set it back', async () => {
    const env = new SimulatedEnv();
    const clock = new StoreClock(env, 5_000);
    await env.advance(100);
    clock.observe(5_020);
    expect(clock.now()).toBe(5_100);
  });

  test('a reading that is further ahead is taken at once', () => {
    const clock = new StoreClock(new SimulatedEnv(), 5_000);
    clock.observe(9_000);
    expect(clock.now()).toBe(9_000);
  });

  test('an old best reading is forgotten, so that a clock set back is followed', async () => {
    const env = new SimulatedEnv();
    const clock = new StoreClock(env, 5_000);
    await env.advance(31_000);
    clock.observe(10_000);
    expect(clock.now()).toBe(10_000);
  });

  test('when the time until an instant is over, that instant has come, wherever within a millisecond it began', async () => {
    for (const beganAt of [0.1, 0.25, 0.7, 1 / 3]) {
      const env = new SimulatedEnv();
      await env.advance(beganAt);
      const clock = new StoreClock(env, 1_893_456_000_000);
      await env.advance(0.2);
      const ms = clock.msUntil(1_893_456_000_007);
      expect(ms).toBeCloseTo(6.8, 2);
      await env.advance(ms);
      expect(clock.now()).toBe(1_893_456_000_007);
    }
  });
});
