/**
 * The same machine twice: live, with XState's own actors on a simulated clock, and stepped, through text between every two events.
 * After each thing that happens both have to look the same.
 */

import { expect, test } from 'vitest';
import {
  type AnyEventObject,
  type AnyStateMachine,
  createActor,
  fromPromise,
  type PromiseActorLogic,
  SimulatedClock,
} from 'xstate';
import {
  decodeState,
  deliver,
  describe,
  encodeState,
  finishEffect,
  fireTimer,
  init,
  type Prepared,
  prepare,
  type Step,
  type SystemState,
} from '../../../src/interpreter/index.ts';

export const ID = '01900000-0000-7000-8000-000000000001';

/** One thing that happens to both. Effects are named by child id. */
export type Happening =
  | { readonly event: AnyEventObject }
  | { readonly after: number }
  | { readonly resolve: string; readonly with?: unknown }
  | { readonly reject: string; readonly with?: unknown };

export const event = (type: string, more: object = {}): Happening => ({ event: { type, ...more } });
export const after = (ms: number): Happening => ({ after: ms });

/** What a machine under test writes down with its custom actions. */
export type Note = (text: string) => void;

/** Promises that end when the script says so. */
export class Promises {
  readonly #pending = new Map<string, { resolve(value: unknown): void; reject(error: unknown): void }>();

  /** Logic whose child id in the machine is `id`. */
  logic(): PromiseActorLogic<unknown, unknown> {
    return fromPromise<unknown, unknown>(
      ({ self }) => new Promise((resolve, reject) => this.#pending.set(self.id, { resolve, reject })),
    );
  }

  resolve(id: string, value: unknown): void {
    this.#pending.get(id)?.resolve(value);
  }

  reject(id: string, error: unknown): void {
    this.#pending.get(id)?.reject(error);
  }
}

export type Make = (note: Note, promises: Promises) => AnyStateMachine;

/** Steps a machine, through text before every step unless told otherwise. */
export class Stepped {
  readonly prepared: Prepared;
  readonly emitted: unknown[] = [];
  readonly throughText: boolean;
  now = 1_000_000;
  step: Step;
  #state: SystemState;

  constructor(machine: AnyStateMachine, input: unknown, { throughText = true, standard = false } = {}) {
    this.prepared = prepare(machine, { name: 'm', version: 1, standard });
    this.throughText = throughText;
    this.step = init(this.prepared, { id: ID, input, now: this.now });
    this.#state = this.step.state;
    this.#finish(this.step);
  }

  get state(): SystemState {
    if (this.throughText) this.#state = decodeState(this.prepared, encodeState(this.#state));
    return this.#state;
  }

  set state(state: SystemState) {
    this.#state = state;
  }

  happen(happening: Happening): Step {
    const moment = { id: ID, now: this.now };
    if ('after' in happening) return this.#advance(happening.after);
    if ('event' in happening)
      return this.#finish(deliver(this.prepared, this.state, { ...moment, event: happening.event }));
    const [name, result] =
      'resolve' in happening
        ? [happening.resolve, { ok: true, output: happening.with } as const]
        : [happening.reject, { ok: false, error: happening.with } as const];
    const ref = this.state.effects.find((effect) => effect.name === name)?.ref ?? 'none';
    return this.#finish(finishEffect(this.prepared, this.state, { ...moment, ref, result }));
  }

  #advance(ms: number): Step {
    const until = this.now + ms;
    for (;;) {
      const due = this.state.timers.filter((timer) => timer.dueAt <= until).sort((a, b) => a.dueAt - b.dueAt)[0];
      if (!due) break;
      this.now = due.dueAt;
      this.#finish(fireTimer(this.prepared, this.state, { id: ID, timer: due.id, now: this.now }));
    }
    this.now = until;
    return this.step;
  }

  #finish(step: Step): Step {
    this.#state = step.state;
    this.step = step;
    this.emitted.push(...step.emitted);
    for (const action of step.deferred) action({ send: () => {}, log: () => {} });
    return step;
  }
}

interface Look {
  readonly value: unknown;
  readonly context: unknown;
  readonly status: string;
  readonly output: unknown;
  readonly error: unknown;
  readonly tags: readonly string[];
  readonly emitted: unknown;
  readonly notes: readonly string[];
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** Runs the script on both and compares after every happening. */
export async function sideBySide(make: Make, script: readonly Happening[], input?: unknown): Promise<Stepped> {
  const liveNotes: string[] = [];
  const livePromises = new Promises();
  const clock = new SimulatedClock();
  const emitted: unknown[] = [];
  const live = createActor(
    make((text) => liveNotes.push(text), livePromises),
    { clock, input, logger: () => {} },
  );
  live.on('*', (event: unknown) => emitted.push(plain(event)));
  live.subscribe({ error: () => {} });
  live.start();

  const steppedNotes: string[] = [];
  const stepped = new Stepped(
    make((text) => steppedNotes.push(text), new Promises()),
    input,
  );

  const compare = (what: string): void => {
    const snapshot = live.getSnapshot();
    const expected: Look = {
      value: snapshot.value,
      context: plain(snapshot.context),
      status: snapshot.status,
      output: plain(snapshot.output),
      error: snapshot.error instanceof Error ? snapshot.error.message : plain(snapshot.error),
      tags: [...snapshot.tags].sort(),
      emitted,
      notes: liveNotes,
    };
    const { value, context, status, output, error, state } = stepped.step;
    const { tags } = describe(stepped.prepared, state);
    const got: Look = {
      value,
      context: plain(context),
      status,
      output: plain(output),
      error: error instanceof Error ? error.message : plain(error),
      tags: [...tags].sort(),
      emitted: plain(stepped.emitted),
      notes: steppedNotes,
    };
    expect(got, what).toEqual(expected);
  };

  compare('at the start');
  for (const [index, happening] of script.entries()) {
    if ('after' in happening) clock.increment(happening.after);
    else if ('resolve' in happening) livePromises.resolve(happening.resolve, happening.with);
    else if ('reject' in happening) livePromises.reject(happening.reject, happening.with);
    else live.send(happening.event);
    // XState hears of a promise two turns of the microtask queue later.
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    stepped.happen(happening);
    compare(`after ${index + 1}: ${JSON.stringify(happening)}`);
  }
  live.stop();
  return stepped;
}

interface Case {
  readonly name: string;
  readonly make: Make;
  readonly script: readonly Happening[];
  readonly input?: unknown;
}

/** One test for each: the machine runs the same live and stepped. */
export function compareAll(cases: readonly Case[]): void {
  test.each(cases)('$name', async ({ make, script, input }) => {
    const stepped = await sideBySide(make, script, input);
    expect(stepped.emitted).toBeDefined();
  });
}
