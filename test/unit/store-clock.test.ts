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
});
