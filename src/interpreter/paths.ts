/**
 * What is known of where a machine goes: for each state and event the branches it has, found out once. A step that finds a path here
 * takes it instead of having XState work out again which states are left and entered.
 */

import type { AnyEventObject, StateValue } from 'xstate';
import type { MachineEntry } from './catalogue.ts';
import { type Branch, branchesOf, type Path, pathOf } from './path.ts';
import { Probe } from './probe.ts';
import type { MachineSnapshot } from './xstate-internals.ts';

/** Anybody may send events of any type, and a machine may have many states. */
const MAX_KNOWN = 5000;

const ASK_XSTATE: readonly Branch[] = [{ guard: null, path: null }];

export class Paths {
  readonly #entryOf: () => MachineEntry;
  /** Undefined before it is first needed: most processes register more definitions than they run. */
  #probe: Probe | null | undefined;
  #beginning: Path | null | undefined;
  readonly #known = new Map<StateValue, Map<string, readonly Branch[]>>();
  #count = 0;

  constructor(entryOf: () => MachineEntry) {
    this.#entryOf = entryOf;
  }

  /** The first step, after the context was made. */
  get beginning(): Path | null {
    if (this.#beginning === undefined) {
      const way = this.#asked()?.begin();
      this.#beginning = way && !way.done ? pathOf(this.#entryOf(), way) : null;
    }
    return this.#beginning;
  }

  /** The path this event takes from here. Throws what a guard throws. */
  from({ value, context }: MachineSnapshot, event: AnyEventObject): Path | null {
    const branches = this.#known.get(value)?.get(event.type) ?? this.#discover(value, event.type);
    for (const { guard, path } of branches) if (!guard || guard(context, event)) return path;
    return null;
  }

  #discover(value: StateValue, type: string): readonly Branch[] {
    const choices = this.#asked()?.ask(value, type);
    const branches = choices ? branchesOf(this.#entryOf(), choices) : ASK_XSTATE;
    if (this.#count >= MAX_KNOWN) {
      this.#known.clear();
      this.#count = 0;
      // XState remembers for each node every type that it was ever asked about.
      this.#probe = undefined;
    }
    this.#count += 1;
    const byType = this.#known.get(value) ?? new Map<string, readonly Branch[]>();
    byType.set(type, branches);
    this.#known.set(value, byType);
    return branches;
  }

  #asked(): Probe | null {
    if (this.#probe === undefined) this.#probe = Probe.of(this.#entryOf().logic);
    return this.#probe;
  }
}
