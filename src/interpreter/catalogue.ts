/**
 * Every piece of actor logic a definition can reach, found by name from its owner and by one key from anywhere. Machines are
 * copied, so that nothing the caller holds is changed.
 */

import { Templates } from './canonical.ts';
import { Paths } from './paths.ts';
import { isLogic, isMachine, type Logic, type Machine } from './xstate-internals.ts';

/**
 * A machine and transition logic are stepped here and stored as records of their own; logic that starts something is an effect,
 * run by a worker.
 */
export type Entry = MachineEntry | LogicEntry<'transition'> | LogicEntry<'effect'>;

interface LogicEntry<K extends 'transition' | 'effect'> {
  readonly kind: K;
  readonly key: string;
  readonly logic: Logic;
}

export interface MachineEntry {
  readonly kind: 'machine';
  /** Names separated by '/', from the root; the root's own is ''. */
  readonly key: string;
  readonly logic: Machine;
  readonly templates: Templates;
  readonly paths: Paths;
  /** See at-rest.ts; null: its context is stored whole. */
  readonly atRest: object | null;
  /** Actor logic by the name its actions and invokes use. */
  readonly actors: Map<string, Entry>;
  /** The name a piece of logic is registered under, for logic that is passed by itself. */
  readonly names: Map<unknown, string>;
}

/** Microsteps of one step, unless the machine sets its own bound: more means a loop that never ends. */
const MAX_ITERATIONS = 1000;

/** The entries of a definition by key. */
export class Catalogue {
  readonly root: MachineEntry;
  readonly #byKey = new Map<string, Entry>();
  readonly #byLogic = new Map<unknown, Entry>();

  constructor(machine: Machine, atRest: MachineEntry['atRest'] = null) {
    this.root = this.#addMachine(machine, '', atRest);
  }

  get(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  get machines(): MachineEntry[] {
    return [...this.#byKey.values()].filter((entry) => entry.kind === 'machine');
  }

  get effects(): (Entry & { readonly kind: 'effect' })[] {
    return [...this.#byKey.values()].filter((entry) => entry.kind === 'effect');
  }

  #add(logic: Logic, key: string): Entry {
    const existing = this.#byLogic.get(logic);
    if (existing) return existing;
    let free = key;
    while (this.#byKey.has(free)) free += "'";
    if (isMachine(logic)) return this.#addMachine(logic, free);
    const entry: Entry = { kind: logic.start ? 'effect' : 'transition', key: free, logic };
    this.#byKey.set(free, entry);
    this.#byLogic.set(logic, entry);
    return entry;
  }

  #addMachine(original: Machine, key: string, atRest: MachineEntry['atRest'] = null): MachineEntry {
    const logic = original.provide({});
    if (logic.options.maxIterations === Number.POSITIVE_INFINITY) logic.options.maxIterations = MAX_ITERATIONS;
    const parts = {
      kind: 'machine',
      key,
      logic,
      templates: new Templates(logic),
      atRest,
      actors: new Map(),
      names: new Map(),
    } as const;
    const entry: MachineEntry = Object.assign(parts, { paths: new Paths(() => entry) });
    this.#byKey.set(key, entry);
    this.#byLogic.set(original, entry);
    this.#addActors(entry);
    return entry;
  }

  #addActors(owner: MachineEntry): void {
    const keyOf = (name: string): string => (owner.key === '' ? name : `${owner.key}/${name}`);
    for (const [name, logic] of Object.entries(owner.logic.implementations.actors)) {
      if (!isLogic(logic)) continue;
      owner.actors.set(name, this.#add(logic, keyOf(name)));
      if (!owner.names.has(logic)) owner.names.set(logic, name);
    }
    for (const node of owner.logic.idMap.values()) {
      const configs = [node.config.invoke ?? []].flat() as { readonly src: unknown }[];
      for (const [index, { src }] of configs.entries()) {
        const name = node.invoke[index]?.src;
        if (!isLogic(src) || name === undefined) continue;
        owner.actors.set(name, this.#add(src, keyOf(owner.names.get(src) ?? name)));
        if (!owner.names.has(src)) owner.names.set(src, name);
      }
    }
  }
}
