import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { decode } from '../../src/codec.ts';
import { defineActor, defineJob } from '../../src/definitions.ts';
import { readJournal } from '../../src/journal.ts';
import type { StoredActor, TurnWrite } from '../../src/store/contract.ts';
import type { JournalSegment } from '../../src/store/journal-segment.ts';
import { composeWrite, type Row, unchanged } from '../../src/turn/turn-write.ts';
import { Turn } from '../../src/turn.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';

const row: Row = {
  def: 1,
  seq: 0,
  pokes: 2,
  strikes: 1,
  dueRowAt: T0,
  snapshot: null,
  history: '',
  state: null,
  attempt: 0,
};
const place = { queue: 3, priority: 5, fence: 7 };
const intent = { ...place, limits: null, stays: false, dueAgain: false, crowded: false };

const machine = setup({
  types: {
    context: {} as { text: string },
    events: {} as { type: 'take'; text: string } | { type: 'stop' } | { type: 'drop' } | { type: 'break' },
  },
  guards: {
    broken() {
      throw new Error('broken guard');
    },
  },
}).createMachine({
  context: { text: '' },
  initial: 'on',
  states: {
    on: {
      after: { 1000: 'off' },
      on: {
        take: { actions: assign({ text: ({ event }) => event.text }) },
        stop: 'off',
        drop: 'dropped',
        break: { guard: 'broken' },
      },
    },
    off: { type: 'final' },
    dropped: { type: 'final', tags: 'dropped' },
  },
});
const keeper = loaded(defineActor({ name: 'keeper', machine, retention: { done: '1h', dropped: '2h' } }), 4000);

function turnOf(...events: { type: string; text?: string }[]): Turn {
  const turn = new Turn(newborn(keeper));
  turn.begin(T0);
  events.forEach((event, index) => turn.takeMail(String(index), { kind: 'event', event }, T0, T0));
  return turn;
}

function written(turn: Turn, over: Row = row, how: Partial<typeof intent> = {}): TurnWrite {
  const write = composeWrite(turn, over, { ...intent, ...how });
  if (write instanceof Error) throw write;
  return write;
}

describe('composeWrite', () => {
  test('a turn that lets go asks for its next timer, with strikes forgotten', () => {
    const write = written(turnOf({ type: 'take', text: 'x' }));
    expect(write).toMatchObject({
      id: 'a-1',
      ...place,
      seq: 0,
      pokes: 2,
      dueRowAt: T0,
      notBefore: null,
      mail: ['0'],
      next: { kind: 'continued', hold: false, strikes: 0, wakeAt: T0 + 1000, quarantine: null, seq: 2, state: '"on"' },
    });
  });

  test('a turn that stays asks for nothing', () => {
    const write = written(turnOf(), row, { stays: true });
    expect(write.next).toMatchObject({ kind: 'continued', hold: true, wakeAt: null });
  });

  test('handed back, crowded or exhausted, it is due again at once', () => {
    expect(written(turnOf(), row, { dueAgain: true }).next).toMatchObject({ wakeAt: 'now' });
    const crowded = written(turnOf(), row, { crowded: true });
    expect(crowded).toMatchObject({ pokes: null, next: { wakeAt: 'now' } });
    const many = Array.from({ length: 1200 }, () => ({ type: 'take', text: '' }));
    expect(written(turnOf(...many)).next).toMatchObject({ wakeAt: 'now', quarantine: null });
  });

  test('a settled turn carries record, outcome and how long to keep them', () => {
    const done = written(turnOf({ type: 'stop' }));
    expect(done.next).toMatchObject({
      kind: 'settled',
      status: 'done',
      outcome: 'success',
      keepMs: 3_600_000,
      freesKey: false,
    });
    const dropped = written(turnOf({ type: 'drop' }));
    expect(dropped.next).toMatchObject({
      kind: 'settled',
      status: 'dropped',
      outcome: 'failed_dropped',
      reason: 'non_retryable',
      keepMs: 7_200_000,
      freesKey: true,
    });
    expect(dropped.next.kind === 'settled' && decode(dropped.next.record)).toMatchObject({ settledAt: T0 });
  });

  test('what a success gave is stored once, in its record; what came of the others stays in the snapshot too', () => {
    const output = ({ event }: { event: { type: string } }): string => `after ${event.type}`;
    const telling = loaded(
      defineActor({
        name: 'telling',
        machine: setup({ types: { events: {} as { type: 'end' } | { type: 'drop' } } }).createMachine({
          initial: 'on',
          states: {
            on: { on: { end: 'off', drop: 'dropped' } },
            off: { type: 'final', output },
            dropped: { type: 'final', tags: 'dropped', output },
          },
          output: ({ event }) => (event as { output?: unknown }).output,
        }),
      }),
    );
    const ended = (type: string): TurnWrite['next'] => {
      const turn = new Turn(newborn(telling));
      turn.begin(T0);
      turn.takeMail('1', { kind: 'event', event: { type } }, T0, T0);
      return written(turn).next;
    };
    const done = ended('end');
    expect(done.kind === 'settled' && decode(done.record)).toMatchObject({ status: 'success', output: 'after end' });
    expect(done.snapshot).not.toContain('after end');
    expect(ended('drop').snapshot).toContain('after drop');
  });

  test('a job with dedupOn any keeps its key when it is dropped', () => {
    const keeps = loaded(defineJob({ name: 'keeps', dedupOn: 'any', run: () => 1 }));
    const turn = new Turn(newborn(keeps));
    turn.takeMail('1', { kind: 'control', control: { type: 'cancel' } }, T0, T0);
    expect(written(turn).next).toMatchObject({ kind: 'settled', outcome: 'cancelled', freesKey: false });
  });

  test('a fault writes what came before it, and quarantines with the reason', () => {
    const write = written(turnOf({ type: 'take', text: 'kept' }, { type: 'break' }));
    expect(write).toMatchObject({ mail: ['0'], next: { kind: 'continued', wakeAt: null, seq: 2 } });
    expect(write.next.kind === 'continued' && write.next.quarantine).toContain('broken guard');
    expect(write.next.snapshot).toContain('kept');
  });

  test('a context over the limit is an error instead, and one just below it is not', () => {
    const limited = { ...keeper, maxPayload: 1024 };
    const withText = (length: number): ReturnType<typeof composeWrite> => {
      const turn = new Turn({ ...newborn(keeper), definition: limited });
      turn.begin(T0);
      turn.takeMail('1', { kind: 'event', event: { type: 'take', text: 'x'.repeat(length) } }, T0, T0);
      return composeWrite(turn, row, intent);
    };
    const around = '{"text":""}'.length;
    expect(withText(1024 - around)).not.toBeInstanceOf(Error);
    expect(withText(1025 - around)).toMatchObject({
      message: "its context of 1025 bytes is larger than 'maxPayload' allows, 1024.",
    });
  });

  test('unchanged() keeps every column and consumes nothing', () => {
    const held: Row = { ...row, seq: 4, snapshot: 's', history: 'h', state: '"on"', attempt: 2 };
    expect(unchanged(held, { ...place, limits: null, id: 'a-1' }, 'why')).toMatchObject({
      seq: 4,
      pokes: 2,
      mail: [],
      next: {
        kind: 'continued',
        hold: false,
        quarantine: 'why',
        seq: 4,
        snapshot: 's',
        history: 'h',
        attempt: 2,
        segment: null,
      },
    });
  });
});

describe('the history of a long life', () => {
  test('is cut into segments that read back as one, each with the snapshot after it', () => {
    let current: Row = row;
    let turn = turnOf();
    const segments: JournalSegment[] = [];
    const sizes: number[] = [];
    for (let n = 0; n < 200; n += 1) {
      const { next } = written(turn, current);
      if (next.segment) {
        expect(next.segment.base).toBe(current.snapshot);
        segments.push(next.segment);
      }
      const { seq, snapshot, history, state, attempt } = next;
      sizes.push(history.length);
      current = { ...current, seq, snapshot, history, state, attempt };
      turn = new Turn(turn.life);
      turn.takeMail(String(n), { kind: 'event', event: { type: 'take', text: `n${n}` } }, T0 + n, T0 + n);
    }
    expect(segments.length).toBeGreaterThan(5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1200);
    const entries = readJournal({ seq: current.seq, history: current.history } as StoredActor, segments);
    expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect(entries.slice(1).map(({ event }) => event['text'])).toEqual(
      Array.from({ length: 199 }, (_, index) => `n${index}`),
    );
  });

  test('an actor without any history reads as nothing', () => {
    expect(readJournal({ seq: 0, history: '' } as StoredActor, [])).toEqual([]);
  });
});
