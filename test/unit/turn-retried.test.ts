/** Lives that begin again: what goes on and what is new, without store or worker. */
import { describe, expect, test } from 'vitest';
import type { AnyEventObject } from 'xstate';
import { fromPromise, setup } from 'xstate';
import { decode } from '../../src/codec.ts';
import type { LoadedDefinition } from '../../src/definitions/loaded-definition.ts';
import { defineActor, defineJob } from '../../src/definitions.ts';
import { fromJob } from '../../src/effects/delegates.ts';
import { deliver, encodeState, finishEffect, fireTimer, init, type SystemState } from '../../src/interpreter/index.ts';
import type { Via } from '../../src/journal.ts';
import { childId } from '../../src/turn/birth.ts';
import type { Life } from '../../src/turn/life.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

const ID = '0190a000-0000-7000-8000-000000000001';

/** As the store gives it back: before its first turn, with its past behind it. */
function again(turn: Turn, at: number): Life {
  const { life, attempt } = turn;
  return { ...life, system: null, firstDueAt: at, retried: life.retried + 1, attempts: attempt };
}

function next({ life }: Turn): Turn {
  return new Turn(life);
}

function finish(turn: Turn, error: unknown, now: number): Turn {
  const [effect] = turn.life.system?.effects ?? [];
  turn.takeResult(effect?.ref ?? '', error ? { ok: false, error } : { ok: true, output: 'ok' }, now);
  return turn;
}

/** What a replay does: folds the journal through the definition, from its last beginning on. */
function linesOf(...turns: readonly Turn[]): string[] {
  return turns.flatMap(({ journal }) => journal.split('\n'));
}

function folded(definition: LoadedDefinition, lines: readonly string[], input: unknown): string {
  let system: SystemState | null = null;
  for (const line of lines) {
    const [now, event, , via] = decode(line) as [number, AnyEventObject, unknown, Via?];
    const { prepared } = definition;
    if (via?.[0] === 'retried') {
      const { type: _type, ...begun } = event;
      system = init(prepared, { id: ID, input: definition.standard ? begun : input, now }).state;
    } else if (system === null) {
      system = init(prepared, { id: ID, input: definition.standard ? { dueAt: T0 } : input, now }).state;
    } else if (via?.[0] === 'timer') system = fireTimer(prepared, system, { id: ID, timer: via[1] ?? '', now }).state;
    else if (via?.[0] === 'effect') {
      const result = 'error' in event ? { ok: false, error: event['error'] } : { ok: true, output: event['output'] };
      system = finishEffect(prepared, system, { id: ID, ref: via[1] ?? '', now, result: result as never }).state;
    } else system = deliver(prepared, system, { id: ID, event, now }).state;
  }
  return system === null ? '' : encodeState(system);
}

describe('a job that begins again', () => {
  const failure = { error: { name: 'Error', message: 'no' }, verdict: 'retry' };
  const job = loaded(
    defineJob({ name: 'job', deadline: 60_000, retry: { maxRetries: 1, backoff: { jitter: 0 } }, run: () => 1 }),
  );

  /** Runs one life to its end: two attempts that fail. */
  function failed(life: Life, at: number): { turn: Turn; lines: string[] } {
    const first = new Turn(life);
    first.begin(at);
    first.fireDue(at, at);
    const second = next(finish(first, failure, at + 10));
    second.fireDue(at + 210, at + 210);
    const turn = finish(second, failure, at + 300);
    return { turn, lines: linesOf(first, second) };
  }

  const life = { ...newborn(job), id: ID };

  test('has all its budgets anew, and goes on counting attempts', () => {
    const first = failed(life, T0);
    expect(first.turn.settlement).toMatchObject({ reason: 'retries_exhausted', record: { attempts: 2 } });
    const unbegun = new Turn(again(first.turn, T0 + 90_000));
    expect([unbegun.attempt, unbegun.nextDueAt]).toEqual([2, T0 + 90_000]);
    const second = failed(again(first.turn, T0 + 90_000), T0 + 90_000);
    expect(second.turn.settlement).toMatchObject({
      reason: 'retries_exhausted',
      record: { attempts: 4, startedAt: T0 + 90_000 },
    });
    expect(second.turn.life.seq).toBe(first.turn.life.seq + second.lines.length);
  });

  test('keeps the key of its outgoing calls, and its deadline counts from the new beginning', () => {
    const { turn } = failed(life, T0);
    const retried = new Turn(again(turn, T0 + 90_000));
    retried.begin(T0 + 90_005);
    retried.fireDue(T0 + 90_005, T0 + 90_005);
    expect(retried.starts).toMatchObject([{ id: `${ID}/run`, input: { attempt: 3 } }]);
    const dues = retried.life.system?.timers.map(({ dueAt }) => dueAt);
    expect(dues).toContain(T0 + 150_000);
  });

  test('marks its beginning in the journal, from which a replay gives exactly the stored state', () => {
    const first = failed(life, T0);
    const second = failed(again(first.turn, T0 + 90_000), T0 + 90_000);
    const [at, event, state, via] = decode(second.lines[0] ?? '') as [number, object, unknown, Via];
    expect([at, event, state, via]).toEqual([
      T0 + 90_000,
      { type: 'carillon.retried', dueAt: T0 + 90_000, attempts: 2 },
      'scheduled',
      ['retried'],
    ]);
    const { system } = second.turn.life;
    expect(folded(job, [...first.lines, ...second.lines], undefined)).toBe(system && encodeState(system));
  });

  test('whose worker dies at once has its new start in the journal, and then the interruption', () => {
    const { turn } = failed(life, T0);
    const taken = new Turn(again(turn, T0 + 90_000));
    taken.interrupt(false, T0 + 90_100, T0 + 99_000);
    const types = linesOf(taken).map((line) => (decode(line) as [number, AnyEventObject])[1].type);
    expect(types.map((type) => type.replace(/\..*/, ''))).toEqual(['carillon', 'xstate', 'attempt']);
    expect(taken.starts).toMatchObject([{ input: { attempt: 4 } }]);
  });
});

describe('a machine that begins again', () => {
  const pay = defineJob<undefined, string>({ name: 'pay', run: () => 'paid' });
  const machine = setup({ actors: { pay: fromJob(pay), check: fromPromise(async () => 1) } }).createMachine({
    initial: 'checking',
    states: {
      checking: { invoke: { src: 'check', onDone: 'paying', onError: 'broke' } },
      paying: { invoke: { src: 'pay', onDone: 'paid', onError: 'broke' } },
      paid: { type: 'final' },
      broke: { type: 'final', tags: 'dropped' },
    },
  });
  const buyer = loaded(defineActor({ name: 'buyer', machine }));

  function paying(life: Life, at: number): Turn {
    const turn = new Turn(life);
    turn.begin(at);
    return finish(turn, null, at);
  }

  const refOf = (turn: Turn): string => turn.life.system?.effects[0]?.ref ?? '';
  const news = (turn: Turn, child: string, output: string) =>
    ({
      kind: 'news',
      news: {
        child,
        role: { effect: refOf(turn) },
        record: { status: 'success', output, attempts: 1, startedAt: T0, settledAt: T0 },
      },
    }) as const;

  const first = paying({ ...newborn(buyer), id: ID }, T0);
  const second = paying(again(first, T0 + 5_000), T0 + 5_000);

  test('asks for other children than before, and its own effects keep their keys', () => {
    const [before, after] = [first, second].map((turn) => turn.outbox.births[0]?.id);
    expect(before).toBe(childId(ID, refOf(first)));
    expect(refOf(second)).toBe(refOf(first));
    expect(after).not.toBe(before);
    const begun = new Turn(again(first, T0 + 5_000));
    begun.begin(T0 + 5_000);
    const unbegun = new Turn({ ...newborn(buyer), id: ID });
    unbegun.begin(T0);
    expect(begun.starts.map(({ id }) => id)).toEqual(unbegun.starts.map(({ id }) => id));
  });

  test('does not take the end of an earlier life’s child for its own', () => {
    const stale = next(second);
    expect(stale.takeMail('1', news(second, first.outbox.births[0]?.id ?? '', 'old'), T0, T0 + 6_000)).toBe(true);
    expect(stale).toMatchObject({ value: 'paying', settlement: null });
    stale.takeMail('2', news(second, second.outbox.births[0]?.id ?? '', 'new'), T0, T0 + 6_000);
    expect(stale.settlement).toMatchObject({
      outcome: 'success',
      record: { attempts: 2, startedAt: T0 + 5_000, settledAt: T0 + 6_000 },
    });
  });

  test('is replayed from its new beginning', () => {
    const system = second.life.system;
    const lines = linesOf(first, second);
    // Which effects another actor does is no event.
    const undelegated = (text: string): string => text.replaceAll('"b":2,', '').replaceAll(',"b":2', '');
    expect(undelegated(folded(buyer, lines, undefined))).toBe(undelegated(system ? encodeState(system) : ''));
  });
});
