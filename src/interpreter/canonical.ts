/**
 * Brings a snapshot into the one form it has, however it came about. XState's order of active nodes depends on the way a state
 * was reached, and that order decides which `always` and parallel transitions fire first: a restored actor would differ from one
 * kept in memory. So every snapshot is rebuilt from its value before it is used.
 */

import type { StateValue } from 'xstate';
import type { Entry } from './catalogue.ts';
import { birthOf, type StandIn } from './stand-in.ts';
import type { ActorLike, Context, Logic, Machine, MachineSnapshot, Node, Snapshot } from './xstate-internals.ts';

/** Snapshots of one machine, one for each combination of states it was seen in; they differ in everything but their context. */
export class Templates {
  readonly #machine: Machine;
  readonly #flat = new Map<string, MachineSnapshot>();
  readonly #deep = new Map<string, MachineSnapshot>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Throws when the machine has no such state, or would fill it in to another one. */
  of(value: StateValue): MachineSnapshot {
    const [cache, key] = typeof value === 'string' ? [this.#flat, value] : [this.#deep, JSON.stringify(value)];
    let template = cache.get(key);
    if (!template) {
      template = this.#make(value);
      if (cache.size >= MAX_TEMPLATES) cache.clear();
      cache.set(key, template);
    }
    return template;
  }

  #make(value: StateValue): MachineSnapshot {
    const { root } = this.#machine;
    const resolved = this.#machine.resolveState({ value, context: {} });
    const ordered = orderValue(root, resolved.value);
    if (JSON.stringify(ordered) !== JSON.stringify(orderValue(root, value))) {
      throw new Error(
        `state ${JSON.stringify(value)} is not complete in machine '${this.#machine.id}', which makes it ${JSON.stringify(ordered)}`,
      );
    }
    const nodes = byOrder(resolved._nodes);
    return {
      ...resolved,
      status: 'active',
      value: ordered,
      _nodes: nodes,
      tags: new Set(nodes.flatMap((node) => node.tags)),
      historyValue: NO_HISTORY,
    };
  }
}

/** A parallel machine has as many combinations as the product of its regions; remembering all of them is not worth it. */
const MAX_TEMPLATES = 5000;

const NO_HISTORY = {};
export const NO_CHILDREN: Readonly<Record<string, ActorLike>> = {};

interface Changing {
  readonly status: MachineSnapshot['status'];
  readonly output?: unknown;
  readonly error?: unknown;
  readonly context: Context;
  readonly children: Readonly<Record<string, ActorLike>>;
  readonly historyValue: MachineSnapshot['historyValue'];
}

/** The snapshot of this machine in this state, with what changes from actor to actor. */
export function snapshotOf(templates: Templates, value: StateValue, changing: Changing): MachineSnapshot {
  const { status, output, error, context, children, historyValue } = changing;
  return { ...templates.of(value), status, output, error, context, children, historyValue: orderHistory(historyValue) };
}

function orderHistory(history: MachineSnapshot['historyValue']): MachineSnapshot['historyValue'] {
  const ids = Object.keys(history);
  if (ids.length === 0) return NO_HISTORY;
  return Object.fromEntries(ids.sort().map((id) => [id, byOrder(history[id] ?? [])]));
}

function byOrder(nodes: readonly Node[]): readonly Node[] {
  return [...nodes].sort((a, b) => a.order - b.order);
}

function orderValue(node: Node, value: StateValue): StateValue {
  if (typeof value === 'string') return value;
  const ordered: Record<string, StateValue> = {};
  const keys = Object.keys(value).sort((a, b) => (node.states[a]?.order ?? 0) - (node.states[b]?.order ?? 0));
  for (const key of keys) {
    const child = node.states[key];
    const inner = value[key];
    if (child && inner !== undefined) ordered[key] = orderValue(child, inner);
  }
  return ordered;
}

/** History as ids, and back. Ids the machine does not have any more are an error: what they remember is lost. */
export function historyToIds(history: MachineSnapshot['historyValue']): Record<string, string[]> | undefined {
  const ids = Object.keys(history);
  if (ids.length === 0) return undefined;
  return Object.fromEntries(ids.map((id) => [id, (history[id] ?? []).map((node) => node.id)]));
}

export function historyFromIds(
  machine: Machine,
  ids: Record<string, string[]> | undefined,
): MachineSnapshot['historyValue'] {
  if (!ids) return NO_HISTORY;
  return Object.fromEntries(
    Object.entries(ids).map(([id, nodeIds]) => [
      id,
      nodeIds.map((nodeId) => {
        const node = machine.idMap.get(nodeId);
        if (!node)
          throw new Error(`history of '#${id}' names state '#${nodeId}', which machine '${machine.id}' does not have`);
        return node;
      }),
    ]),
  );
}

/** Where values and references are cleaned. */
interface Cleaner {
  clean<T>(value: T, path: string): T;
  standInOf(actor: ActorLike): StandIn;
}

/** What a transition came to, as it is kept; `before` is what it started from. */
export function canonicalSnapshot(cleaner: Cleaner, entry: Entry, raw: Snapshot, before: Snapshot): Snapshot {
  if (entry.kind !== 'machine') {
    const persisted = cleaner.clean(entry.logic.getPersistedSnapshot(raw), 'snapshot');
    return restored(entry.logic, persisted);
  }
  const { value, status, output, error, context, children, historyValue } = raw as MachineSnapshot;
  const last = before as MachineSnapshot;
  return snapshotOf(entry.templates, value, {
    status,
    output: cleaner.clean(output, 'output'),
    error: cleaner.clean(error, 'error'),
    context: context === last.context ? context : cleaner.clean(context, 'context'),
    children: status === 'active' ? childrenOf(cleaner, children, last.children) : NO_CHILDREN,
    historyValue,
  });
}

/** Logic that keeps its own snapshots. */
export function restored(logic: Logic, persisted: unknown): Snapshot {
  return logic.restoreSnapshot ? logic.restoreSnapshot(persisted, undefined as never) : (persisted as Snapshot);
}

export function childrenOf(
  cleaner: Cleaner,
  children: MachineSnapshot['children'],
  before: MachineSnapshot['children'] | undefined,
): Readonly<Record<string, ActorLike>> {
  if (isEmpty(children)) return NO_CHILDREN;
  if (children === before) return children as Readonly<Record<string, ActorLike>>;
  const known: Record<string, StandIn> = {};
  let last = 0;
  let ordered = true;
  for (const id in children) {
    const child = children[id];
    if (!child) throw new Error(`no actor logic is registered for child '${id}'; name it in setup({ actors })`);
    if (child.id !== id) throw new Error('a child was spawned without an id; give spawnChild(…, { id }) one');
    const standIn = cleaner.standInOf(child);
    const birth = birthOf(standIn.address);
    ordered &&= birth > last;
    last = birth;
    known[id] = standIn;
  }
  return ordered ? known : byBirth(known);
}

function byBirth(children: Readonly<Record<string, StandIn>>): Readonly<Record<string, StandIn>> {
  const entries = Object.entries(children);
  entries.sort(([, a], [, b]) => birthOf(a.address) - birthOf(b.address));
  return Object.fromEntries(entries);
}

export function isEmpty(children: MachineSnapshot['children']): boolean {
  for (const _ in children) return false;
  return true;
}
