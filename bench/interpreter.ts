/** Microseconds per step of the job machine, alone on one core: `npx tsx bench/interpreter.ts`. */

import { setFlagsFromString } from 'node:v8';
import { jobMachine } from '../machines/job.ts';
import { decodeState, encodeState, finishEffect, fireTimer, init, prepare } from '../src/interpreter/index.ts';

// In a loop that throws everything away V8 guesses that results live long, and then spends more time collecting them than a
// step takes: noise that a worker, which waits between steps, does not show.
setFlagsFromString('--no-allocation-site-pretenuring');

const ROUNDS = 20_000;
const TRIALS = 7;
const ID = '01900000-0000-7000-8000-000000000000';
const NOW = 1_763_719_077_000;

const prepared = prepare(jobMachine, { name: 'bench', version: 1, standard: true });
const born = init(prepared, { id: ID, input: { dueAt: NOW }, now: NOW }).state;
const dispatched = fireTimer(prepared, born, { id: ID, timer: born.timers[0]?.id ?? '', now: NOW }).state;
const scheduledText = encodeState(born);
const dispatchedText = encodeState(dispatched);
const ref = dispatched.effects[0]?.ref ?? '';
const done = { id: ID, ref, now: NOW + 1000, result: { ok: true, output: null } } as const;
const fired = { id: ID, timer: '1', now: NOW };

/** The fastest of several trials in processor time, which neighbours on the machine disturb least. */
function measure(name: string, work: () => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round += 1) work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, user + system);
  }
  console.log(`${name.padEnd(50)} ${(best / ROUNDS).toFixed(2).padStart(7)} µs`);
}

measure('init', () => init(prepared, { id: ID, input: { dueAt: NOW }, now: NOW }));
measure('timer step', () => fireTimer(prepared, born, fired));
measure('timer step, encode', () => encodeState(fireTimer(prepared, born, fired).state));
measure('decode, timer step, encode', () =>
  encodeState(fireTimer(prepared, decodeState(prepared, scheduledText), fired).state),
);
measure('result step, encode', () => encodeState(finishEffect(prepared, dispatched, done).state));
measure('decode, result step, encode', () =>
  encodeState(finishEffect(prepared, decodeState(prepared, dispatchedText), done).state),
);
measure('whole life: init, timer, encode, result, encode', () => {
  const first = init(prepared, { id: ID, input: { dueAt: NOW }, now: NOW }).state;
  const second = fireTimer(prepared, first, fired).state;
  encodeState(second);
  return encodeState(finishEffect(prepared, second, done).state);
});
measure('encode', () => encodeState(dispatched));
measure('decode', () => decodeState(prepared, dispatchedText));
console.log(`text: ${scheduledText.length} bytes scheduled, ${dispatchedText.length} bytes dispatching`);
