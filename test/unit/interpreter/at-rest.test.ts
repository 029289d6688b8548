/** Contexts that are stored only where they differ from what they began with. */
import { expect, test } from 'vitest';
import { jobAtRest, jobMachine } from '../../../machines/job.ts';
import {
  decodeState,
  encodeState,
  finishEffect,
  fireTimer,
  firstTimer,
  init,
  type SystemState,
  standOf,
} from '../../../src/interpreter/index.ts';
import { prepare } from '../../../src/interpreter/prepare.ts';

const T0 = 1_700_000_000_000;
const moment = { id: 'a-1', now: T0, plan: undefined };
const job = prepare(jobMachine, { name: 'job', version: 1, standard: true, atRest: jobAtRest });

function scheduled(): SystemState {
  return init(job, { ...moment, input: { dueAt: T0 } }).state;
}

function dispatching(state: SystemState): SystemState {
  return fireTimer(job, state, { ...moment, timer: firstTimer(state.timers)?.id ?? '' }).state;
}

function told(state: SystemState): unknown {
  return (JSON.parse(encodeState(state).slice(1)) as { m: { c: unknown } }).m.c;
}

test('a job that was never in trouble stores its instants and its attempt', () => {
  expect(told(scheduled())).toEqual({ dueAt: T0 });
  expect(told(dispatching(scheduled()))).toEqual({ dueAt: T0, startedAt: T0, attempt: 1 });
});

test('what is read back is what was in memory, member by member and in order', () => {
  const failed = { error: { name: 'Error', message: 'no' }, verdict: 'retry' };
  let state = dispatching(scheduled());
  for (let round = 0; round < 3; round += 1) {
    const again = decodeState(job, encodeState(state));
    expect(JSON.stringify(standOf(again).context)).toBe(JSON.stringify(standOf(state).context));
    expect(encodeState(again)).toBe(encodeState(state));
    const ref = again.effects[0]?.ref ?? '';
    state = finishEffect(job, again, { ...moment, ref, result: { ok: false, error: failed } }).state;
    expect(told(state)).toMatchObject({ retries: { '': round + 1 }, error: failed.error });
    state = dispatching(state);
    expect(told(state)).not.toHaveProperty('error');
  }
});

test('a member that went back to what it began with is left out, also as another empty object', () => {
  const state = scheduled();
  const root = state.records.get('');
  if (!root) throw new Error('no root');
  const context = { ...jobAtRest, dueAt: T0, retries: {}, error: null };
  const snapshot = { ...root.snapshot, context } as typeof root.snapshot;
  expect(told({ ...state, records: new Map([['', { ...root, snapshot }]]) })).toEqual({ dueAt: T0 });
});

test('what a job begins with stays as it is for ever: stored runs leave it out', () => {
  expect(jobAtRest).toEqual({
    dueAt: 0,
    startedAt: null,
    attempt: 0,
    retries: {},
    interruptions: 0,
    error: null,
    drop: null,
    recoveries: 0,
  });
});

test('a definition that names nothing stores its context whole', () => {
  const whole = prepare(jobMachine, { name: 'job', version: 1, standard: true });
  const { state } = init(whole, { ...moment, input: { dueAt: T0 } });
  expect(told(state)).toEqual({ ...jobAtRest, dueAt: T0 });
});
