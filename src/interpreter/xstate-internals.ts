/**
 * The parts of XState 5.33 that its own types hide and the interpreter relies on, in one place. What changes here with a new
 * version of XState changes what a step means.
 */

import type { AnyEventObject, StateValue } from 'xstate';

/** A node of a statechart. */
export interface Node {
  readonly id: string;
  readonly key: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Position in document order. */
  readonly order: number;
  readonly path: readonly string[];
  readonly tags: readonly string[];
  readonly states: Readonly<Record<string, Node>>;
  readonly ownEvents: readonly string[];
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly invoke: readonly {
    readonly id: string;
    readonly src: string;
    readonly input?: unknown;
    readonly onSnapshot?: unknown;
  }[];
  readonly output?: unknown;
  readonly parent?: Node;
  readonly initial: { readonly actions: readonly unknown[]; readonly target?: readonly Node[] };
  readonly always?: readonly Transition[];
  readonly transitions: ReadonlyMap<string, readonly Transition[]>;
  readonly config: { readonly invoke?: unknown; readonly target?: unknown; readonly route?: unknown };
}

export interface Transition {
  readonly target?: readonly Node[] | undefined;
  readonly actions: readonly unknown[];
  readonly guard?: unknown;
}

export type Context = Record<string, unknown>;

/** Any snapshot; the fields below `error` only of the logic that has them. */
export interface Snapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly output?: unknown;
  readonly error?: unknown;
  readonly context?: unknown;
  readonly input?: unknown;
}

export interface MachineSnapshot extends Snapshot {
  readonly value: StateValue;
  readonly context: Context;
  readonly tags: ReadonlySet<string>;
  readonly children: Readonly<Record<string, ActorLike | undefined>>;
  readonly historyValue: Readonly<Record<string, readonly Node[]>>;
  readonly _nodes: readonly Node[];
}

/** What stands for an actor in snapshots, contexts and events: XState's own Actor while a step lasts, else a stand-in. */
export interface ActorLike {
  readonly id: string;
  readonly sessionId: string;
}

/** XState's Actor as its constructor leaves it to an inspector, before the logic is asked for a first snapshot. */
export interface NewActor extends ActorLike {
  logic: Logic;
  src: unknown;
  _syncSnapshot: boolean | undefined;
  readonly options: { readonly input?: unknown; readonly systemId?: string };
}

/** An action as XState hands it to an executor. */
export interface ExecutableAction {
  readonly type: string;
  readonly info: object;
  readonly params: unknown;
  readonly exec?: (info?: object, params?: unknown) => void;
}

/** What XState asks of the surroundings of one transition. */
export interface ActorScope {
  readonly self: ActorLike;
  readonly id: string;
  readonly sessionId: string;
  readonly system: unknown;
  /** Ours: the time of the step. */
  readonly now: number;
  logger(...values: unknown[]): void;
  defer(work: () => void): void;
  emit(event: AnyEventObject): void;
  stopChild(child: ActorLike): void;
  actionExecutor(action: ExecutableAction): void;
}

export interface Logic {
  transition(snapshot: Snapshot, event: AnyEventObject, scope: ActorScope): Snapshot;
  getInitialSnapshot(scope: ActorScope, input: unknown): Snapshot;
  getPersistedSnapshot(snapshot: Snapshot): unknown;
  restoreSnapshot?(persisted: unknown, scope: ActorScope): Snapshot;
  start?(snapshot: Snapshot, scope: ActorScope): void;
}

/** `_getPreInitialState` is reassigned to stamp the first event. */
export interface Machine extends Logic {
  readonly id: string;
  readonly root: Node;
  readonly idMap: ReadonlyMap<string, Node>;
  readonly config: {
    readonly schemas?: unknown;
    readonly types?: unknown;
    readonly context?: unknown;
    readonly options?: unknown;
  };
  readonly options: { maxIterations: number };
  readonly implementations: {
    readonly actors: Readonly<Record<string, unknown>>;
    readonly actions: Readonly<Record<string, unknown>>;
    readonly guards: Readonly<Record<string, unknown>>;
    readonly delays: Readonly<Record<string, unknown>>;
  };
  provide(implementations: object): Machine;
  resolveState(config: { value: StateValue; context: unknown }): MachineSnapshot;
  _getPreInitialState(scope: ActorScope, event: AnyEventObject, queue: AnyEventObject[]): MachineSnapshot;
}

/** The actions of XState's own that do something besides changing the snapshot. */
export const builtInActions: ReadonlySet<string> = new Set([
  'xstate.raise',
  'xstate.sendTo',
  'xstate.spawnChild',
  'xstate.stopChild',
  'xstate.cancel',
  'xstate.emit',
  'xstate.log',
]);

export function isMachine(logic: unknown): logic is Machine {
  return typeof logic === 'object' && logic !== null && '__xstatenode' in logic;
}

export function isLogic(value: unknown): value is Logic {
  return typeof value === 'object' && value !== null && 'transition' in value && 'getInitialSnapshot' in value;
}
