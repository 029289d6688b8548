/** An actor in the hands of a worker, against a store that is played by the test. */
import { expect, test } from 'vitest';
import { assign, fromPromise, setup } from 'xstate';
import type { LoadedDefinition } from '../../src/definitions/loaded-definition.ts';
import { defineActor } from '../../src/definitions.ts';
import type { RunningEffect } from '../../src/effects.ts';
import type { StoredEffect } from '../../src/interpreter/index.ts';
import type { Mail, Reloaded, TurnWrite } from '../../src/store/contract.ts';
import { encodeLetter } from '../../src/turn/mail.ts';
import type { CommitOutcome, Writer } from '../../src/worker/commit-queue.ts';
import { Held } from '../../src/worker/held.ts';
import type { Holding } from '../../src/worker/holding.ts';
import type { Gone, Keeper } from '../../src/worker/keeper.ts';
import { loaded, newborn, T0 } from '../support/lives.ts';
import { waitUntil } from '../support/wait-until.ts';

const counter = loaded(
  defineActor({
    name: 'counter',
    machine: setup({
      types: { context: {} as { count: number }, events: {} as { type: 'up' } | { type: 'work' } },
      actors: { work: fromPromise(() => Promise.resolve(1)) },
    }).createMachine({
      context: { count: 0 },
      initial: 'on',
      states: {
        on: { on: { up: { actions: assign({ count: ({ context }) => context.count + 1 }) }, work: 'working' } },
        working: { invoke: { src: 'work', onDone: 'on' }, on: { up: {} } },
      },
    }),
  }),
);

function letter(id: number, type = 'up'): Mail {
  return { id: String(id), event: encodeLetter({ kind: 'event', event: { type } }, 1000), at: T0 };
}

/** Answers writes and reloads as the test says, and remembers what it was asked. */
class PlayedStore implements Keeper {
  readonly inspected = false;
  readonly writes: TurnWrite[] = [];
  readonly started: StoredEffect[] = [];
  readonly aborted: string[] = [];
  end: { how: Gone; reason: string | null } | null = null;
  answer: (write: TurnWrite) => CommitOutcome | Promise<CommitOutcome> = () => 'committed';
  mailbox: Reloaded | null | 'unreachable' = null;

  now(): number {
    return T0;
  }
  setTimer(ms: number, fire: () => void): { clear(): void } {
    const timer = setTimeout(fire, Math.min(ms, 5));
    return { clear: () => clearTimeout(timer) };
  }
  expectRing(): void {}
  commit(write: TurnWrite, writer: Writer): void {
    this.writes.push({ ...write, mail: [...write.mail] });
    void Promise.resolve(this.answer(write)).then((outcome) => writer.written(write, outcome));
  }
  async reload(): Promise<Reloaded | null | 'unreachable'> {
    return this.mailbox;
  }
  startEffect(_: Held, effect: StoredEffect): RunningEffect {
    this.started.push(effect);
    return { ref: effect.ref, abort: (reason) => void this.aborted.push(reason), relay: () => undefined };
  }
  finishing(): void {}
  committed(): void {}
  gone(_: Held, how: Gone, reason: string | null): void {
    this.end = { how, reason };
  }
}

function open(store: PlayedStore, mail: readonly Mail[] = [], definition: LoadedDefinition = counter): Held {
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
  const holding: Holding = {
    life: newborn(definition),
    queue: 1,
    priority: 5,
    labels: [],
    worker: 'w',
    lease: 1,
    fence: 1,
    claimedBefore: null,
    limits: null,
    row,
    mail,
    inherited: null,
  };
  const held = new Held(store, holding);
  held.open();
  return held;
}

function ended(store: PlayedStore): Promise<{ how: Gone; reason: string | null }> {
  return waitUntil(() => store.end);
}

test('a turn without effects is written once and lets go', async () => {
  const store = new PlayedStore();
  open(store, [letter(1)]);
  expect(await ended(store)).toEqual({ how: 'released', reason: null });
  expect(store.writes).toMatchObject([{ mail: ['1'], next: { hold: false, seq: 2 } }]);
});

test('mail that made a write miss is taken into the same turn', async () => {
  const store = new PlayedStore();
  store.answer = ({ pokes }) => (pokes === 0 ? 'missed' : 'committed');
  store.mailbox = { id: 'a-1', seq: 0, pokes: 1, dueRowAt: null, mail: [letter(1), letter(2)] };
  open(store, [letter(1)]);
  await ended(store);
  expect(store.writes.map(({ mail }) => mail)).toEqual([['1'], ['1', '2']]);
  expect(store.writes[1]).toMatchObject({ pokes: 1, next: { seq: 3 } });
});

test('under a flood of mail the turn is written without what came last, and asks to be looked at again', async () => {
  const store = new PlayedStore();
  let pokes = 0;
  store.answer = (write) => {
    if (write.pokes === null) return 'committed';
    pokes += 1;
    store.mailbox = { id: 'a-1', seq: 0, pokes, dueRowAt: null, mail: [] };
    return 'missed';
  };
  open(store, [letter(1)]);
  expect((await ended(store)).how).toBe('released');
  expect(store.writes.length).toBeLessThanOrEqual(5);
  expect(store.writes.at(-1)).toMatchObject({ pokes: null, next: { wakeAt: 'now' } });
});

test('mail seen while a write is on its way is no reason to think the actor lost', async () => {
  const store = new PlayedStore();
  let pokes = 0;
  const held: { actor?: Held } = {};
  store.answer = async (write) => {
    if (write.pokes === null || pokes > 20) return 'committed';
    pokes += 1;
    store.mailbox = { id: 'a-1', seq: 0, pokes, dueRowAt: null, mail: [] };
    await Promise.resolve();
    // A poke makes the worker look before the answer is there.
    held.actor?.letters(store.mailbox);
    return 'missed';
  };
  held.actor = open(store, [letter(1)]);
  expect((await ended(store)).how).toBe('released');
});

test('an actor whose writes miss for no visible reason counts as lost', async () => {
  const store = new PlayedStore();
  store.answer = () => 'missed';
  store.mailbox = { id: 'a-1', seq: 0, pokes: 0, dueRowAt: null, mail: [] };
  open(store);
  expect(await ended(store)).toEqual({ how: 'lost', reason: null });
});

test('an actor that another worker moved on is lost, and what runs is aborted', async () => {
  const store = new PlayedStore();
  const held = open(store, [letter(1, 'work')]);
  await waitUntil(() => store.started.length === 1);
  store.answer = () => 'missed';
  store.mailbox = { id: 'a-1', seq: 9, pokes: 0, dueRowAt: null, mail: [] };
  held.letters({ id: 'a-1', seq: 2, pokes: 0, dueRowAt: null, mail: [letter(2)] });
  expect((await ended(store)).how).toBe('lost');
  expect(store.aborted).toEqual(['lost']);
});

test('effects start only after the write that starts them', async () => {
  const store = new PlayedStore();
  const startedBefore: number[] = [];
  store.answer = () => {
    startedBefore.push(store.started.length);
    return 'committed';
  };
  const held = open(store, [letter(1, 'work')]);
  await waitUntil(() => store.started.length === 1);
  expect(startedBefore).toEqual([0]);
  expect(store.writes[0]).toMatchObject({ next: { hold: true, wakeAt: null } });
  held.finished(store.started[0]?.ref ?? '', { ok: true, output: 1 });
  expect((await ended(store)).how).toBe('released');
});

test('a store that is away is asked again, with the same turn', async () => {
  const store = new PlayedStore();
  let away = 3;
  store.answer = () => (away-- > 0 ? 'unreachable' : 'committed');
  open(store, [letter(1)]);
  expect((await ended(store)).how).toBe('released');
  expect(store.writes.map(({ mail }) => mail)).toEqual([['1'], ['1'], ['1'], ['1']]);
});

test('what the store refuses to hold is set aside as it was, with the reason', async () => {
  const store = new PlayedStore();
  store.answer = ({ next }) =>
    next.kind === 'continued' && next.quarantine !== null ? 'committed' : { refused: new Error('NUL') };
  open(store, [letter(1)]);
  const { how, reason } = await ended(store);
  expect(how).toBe('quarantined');
  expect(reason).toContain('NUL');
  expect(store.writes[1]).toMatchObject({ mail: [], next: { seq: 0, snapshot: null } });
});

test('a letter that cannot be read sets its actor aside, and throws at nobody', async () => {
  const store = new PlayedStore();
  open(store, [{ id: '1', event: 'e9 of a newer version', at: T0 }]);
  const { how, reason } = await ended(store);
  expect(how).toBe('quarantined');
  expect(reason).toContain('newer version');
});

test('handed back, it lets go at once, due again, without an end to what ran', async () => {
  const store = new PlayedStore();
  const held = open(store, [letter(1, 'work')]);
  await waitUntil(() => store.started.length === 1);
  held.handBack();
  expect((await ended(store)).how).toBe('released');
  expect(store.aborted).toEqual(['stopping']);
  expect(store.writes.at(-1)).toMatchObject({ next: { hold: false, wakeAt: 'now', state: '"working"' } });
});

test('what an effect says while it is being started is heard once, after its start', async () => {
  const store = new PlayedStore();
  store.startEffect = (held, effect) => {
    store.started.push(effect);
    held.heard({ type: 'up' }, '');
    return { ref: effect.ref, abort: () => undefined, relay: () => undefined };
  };
  const held = open(store, [letter(1, 'work')]);
  await waitUntil(() => store.writes.length === 2);
  expect(store.started).toHaveLength(1);
  expect(store.writes.map(({ seq, next }) => [seq, next.seq, next.history.split('\n').length])).toEqual([
    [0, 2, 2],
    [2, 3, 3],
  ]);
  held.lose();
});

test('an effect that ends while it is being started is over, and the actor is let go', async () => {
  const store = new PlayedStore();
  store.startEffect = (held, effect) => {
    held.finished(effect.ref, { ok: true, output: 1 });
    return { ref: effect.ref, abort: () => undefined, relay: () => undefined };
  };
  open(store, [letter(1, 'work')]);
  expect(await ended(store)).toEqual({ how: 'released', reason: null });
  expect(store.writes.at(-1)).toMatchObject({ next: { state: '"on"', hold: false } });
});
