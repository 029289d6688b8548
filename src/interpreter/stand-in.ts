/**
 * What stands for an actor wherever XState expects a reference: in `children`, in contexts, in events. It is a name, good in every
 * state of the system it belongs to; what it says of the actor it asks the stage, the step that is being computed.
 */

import { Actor, type AnyEventObject } from 'xstate';
import type { References } from '../codec/tagging.ts';

/** What a reference can reach. */
export interface Stage {
  /** Id of the whole system. */
  readonly id: string;
  readonly system: unknown;
  find(address: string): { readonly self: StandIn; readonly systemId?: string | undefined } | undefined;
  snapshotOf(reference: StandIn): unknown;
  send(address: string, event: AnyEventObject): void;
}

let current: Stage | null = null;

/** Runs `work` with every reference looking at `stage`. What it works on is passed along, so that a step needs no closure for it. */
export function onStage<T, S>(stage: Stage, work: (subject: S) => T, subject: S): T {
  const before = current;
  current = stage;
  try {
    return work(subject);
  } finally {
    current = before;
  }
}

/**
 * Addresses: the root's is '', a child's is its owner's, `~` and a number that no other actor or timer of the system has.
 */
export function childAddress(owner: string, birth: number): string {
  return `${owner}~${birth}`;
}

export function ownerOf(address: string): string {
  return address.slice(0, Math.max(0, address.lastIndexOf('~')));
}

export function birthOf(address: string): number {
  return Number(address.slice(address.lastIndexOf('~') + 1));
}

/** Every property lives on the prototype, so that nothing walks into it: it looks like an actor and holds nothing. */
export class StandIn {
  readonly #id: string;
  readonly #address: string;
  readonly #stage: Stage | null;

  /** `stage` makes it a handle that outlives the step. */
  constructor(id: string, address: string, stage: Stage | null = null) {
    this.#id = id;
    this.#address = address;
    this.#stage = stage;
  }

  get id(): string {
    return this.#id;
  }
  get address(): string {
    return this.#address;
  }
  get sessionId(): string {
    return ((this.#stage ?? current)?.id ?? '') + this.#address;
  }
  get ref(): this {
    return this;
  }
  get systemId(): string | undefined {
    return this.#reach().find(this.#address)?.systemId;
  }
  get system(): unknown {
    return this.#reach().system;
  }
  get _parent(): StandIn | undefined {
    return this.#address === '' ? undefined : this.#reach().find(ownerOf(this.#address))?.self;
  }
  get _syncSnapshot(): boolean {
    return false;
  }
  /** Running, in XState's words: an actor that was not started yet is never a stand-in. */
  get _processingStatus(): number {
    return 1;
  }

  getSnapshot(): unknown {
    return this.#reach().snapshotOf(this);
  }
  getPersistedSnapshot(): unknown {
    return this.getSnapshot();
  }
  send(event: AnyEventObject): void {
    this.#reach().send(this.#address, event);
  }
  on(): never {
    throw new Error(`Actor '${this.#id}' is stored, so nothing can listen to it here.`);
  }
  subscribe(): never {
    return this.on();
  }
  toJSON(): { xstate$$type: 1; id: string } {
    return { xstate$$type: 1, id: this.#id };
  }

  #reach(): Stage {
    const stage = this.#stage ?? current;
    if (!stage)
      throw new Error(`Actor '${this.#id}' can only be reached while its machine takes a step or runs an action.`);
    return stage;
  }
}

/** References of one system, named by address; `known` finds the stand-in an address already has. */
export function referencesOf(
  systemId: string,
  known: (address: string, id: string) => StandIn | undefined,
): References {
  return {
    name(value) {
      if (value instanceof StandIn) return value;
      return value instanceof Actor ? { id: value.id, address: value.sessionId.slice(systemId.length) } : undefined;
    },
    find: (id, address) => known(address, id) ?? new StandIn(id, address),
  };
}
