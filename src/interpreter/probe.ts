/**
 * Asks XState which way a machine goes, without running anything of the machine's own: in a copy of it guards are answered for,
 * actions only noted. What it says depends on the definition alone, so it is asked once for each state and event.
 */

import { createMachine, type StateValue } from 'xstate';
import { Templates } from './canonical.ts';
import type { ActorScope, Machine, MachineSnapshot, Node, Transition } from './xstate-internals.ts';

/** One thing XState does on its way, in order. */
export type Noted =
  | { readonly kind: 'action'; readonly action: unknown }
  | { readonly kind: 'invoke'; readonly node: string; readonly index: number }
  | { readonly kind: 'stop'; readonly id: string }
  /** The machine's output is asked for. */
  | { readonly kind: 'output' };

export interface Way {
  readonly notes: readonly Noted[];
  /** Where it leads. */
  readonly value: StateValue;
  readonly done: boolean;
}

/** Transitions in the order they are tried; the first whose guard holds is taken, and none if there is none. */
export interface Choice {
  /** Undefined: it has none, and is the last. */
  readonly guard: unknown;
  /** Null: what happens there has to be left to XState. */
  readonly way: Way | null;
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };
type MutableNode = Mutable<Node> & { output: unknown };

/** More than one microstep cannot be foretold, and is not looked for. */
const MAX_MICROSTEPS = 3;

export class Probe {
  readonly #machine: Machine;
  readonly #templates: Templates;
  #notes: Noted[] = [];
  /** Guards that were asked, and what each is told. */
  #asked: unknown[] = [];
  #holds = 0;
  #microsteps = 0;

  /** Null for machines whose way does not follow from state and event alone. */
  static of(machine: Machine): Probe | null {
    for (const { type, config } of machine.idMap.values()) {
      if (type === 'history' || type === 'parallel' || config.route !== undefined) return null;
      const invokes = [config.invoke ?? []].flat() as { readonly systemId?: unknown }[];
      if (invokes.some(({ systemId }) => systemId !== undefined)) return null;
    }
    return new Probe(machine);
  }

  private constructor(original: Machine) {
    const machine = createMachine({ ...original.config, context: {} } as never) as unknown as Machine;
    machine.options.maxIterations = MAX_MICROSTEPS;
    for (const node of machine.idMap.values()) this.#hollow(node as MutableNode);
    this.#machine = machine;
    this.#templates = new Templates(machine);
  }

  /** The ways from this state on an event of this type. Null: XState has to be asked each time. */
  ask(value: StateValue, type: string): readonly Choice[] | null {
    const guards = this.#guardsOf(value, type);
    if (!guards) return null;
    const choices = guards.map((guard, index): Choice => ({ guard, way: this.#look(value, type, index) }));
    return [...choices, { guard: undefined, way: this.#look(value, type, guards.length) }];
  }

  /** The way into the machine. */
  begin(): Way | null {
    return this.#watch(0, () => this.#machine.getInitialSnapshot(this.#scope(), undefined) as MachineSnapshot, 0);
  }

  /** What is asked when no guard holds: all there are before the first transition without one. */
  #guardsOf(value: StateValue, type: string): readonly unknown[] | null {
    this.#look(value, type, Number.POSITIVE_INFINITY);
    const asked = this.#asked;
    return this.#microsteps > 1 ? null : asked;
  }

  #look(value: StateValue, type: string, holds: number): Way | null {
    const before = { ...this.#templates.of(value), children: {} };
    return this.#watch(holds, () => this.#machine.transition(before, { type }, this.#scope()) as MachineSnapshot, 1);
  }

  #watch(holds: number, move: () => MachineSnapshot, microsteps: number): Way | null {
    this.#notes = [];
    this.#asked = [];
    this.#holds = holds;
    this.#microsteps = 0;
    try {
      const { status, value } = move();
      if (this.#microsteps > microsteps || status === 'error') return null;
      return { notes: this.#notes, value, done: status === 'done' };
    } catch {
      return null;
    }
  }

  #hollow(node: MutableNode): void {
    const noted = (actions: readonly unknown[]): unknown[] =>
      actions.map((action) => this.#noting({ kind: 'action', action }));
    const { invoke, id } = node;
    // XState starts what a state invokes after its entry actions, and stops it after its exit actions.
    node.entry = [...noted(node.entry), ...invoke.map((_, index) => this.#noting({ kind: 'invoke', node: id, index }))];
    node.exit = [...noted(node.exit), ...invoke.map((invoked) => this.#noting({ kind: 'stop', id: invoked.id }))];
    Object.defineProperty(node, 'invoke', { value: [] });
    (node.initial as Mutable<Node['initial']>).actions = noted(node.initial.actions);
    const transitions = [...node.transitions.values()].flat().concat(node.always ?? []) as Mutable<Transition>[];
    for (const transition of transitions) {
      transition.actions = noted(transition.actions);
      if (transition.guard) transition.guard = this.#guarding(transition.guard);
    }
    node.output = node.parent ? undefined : () => this.#notes.push({ kind: 'output' });
  }

  /** An action as XState's own are made: what it resolves to is the snapshot as it was. */
  #noting(note: Noted): unknown {
    const resolve = (_scope: ActorScope, snapshot: MachineSnapshot): unknown[] => {
      // A machine that is done leaves its states without stopping what they invoked: that goes with all other children.
      const over = note.kind === 'stop' && this.#notes.some(({ kind }) => kind === 'output');
      if (!over) this.#notes.push(note);
      return [snapshot, undefined, undefined];
    };
    return Object.assign(() => {}, { type: 'noted', resolve });
  }

  #guarding(guard: unknown): () => boolean {
    return () => {
      if (this.#microsteps > 0) throw new Error('a transition without an event depends on a guard');
      this.#asked.push(guard);
      return this.#asked.length > this.#holds;
    };
  }

  #scope(): ActorScope {
    const self = { id: this.#machine.id, sessionId: '' };
    const system = {
      _sendInspectionEvent: ({ type }: { readonly type: string }): void => {
        if (type === '@xstate.microstep') this.#microsteps += 1;
      },
    };
    return {
      self,
      id: self.id,
      sessionId: '',
      system,
      now: 0,
      logger: () => {},
      defer: () => {},
      emit: () => {},
      stopChild: () => {},
      actionExecutor: () => {},
    };
  }
}
