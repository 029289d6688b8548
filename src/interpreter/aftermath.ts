/**
 * Custom actions and `log`: they run after their step was committed, at most once, in order. Whom they reach they reach through
 * the outlet their caller gives them, because the step is over by then.
 */

import type { AnyEventObject } from 'xstate';
import { readable } from './readable.ts';
import { onStage, type Stage, StandIn } from './stand-in.ts';
import type { ActorRecord } from './system-state.ts';
import type { ExecutableAction } from './xstate-internals.ts';

/** Where the things go that an action says. Without one, sending throws and `log` writes to the console, as in XState. */
export interface ActionOutlet {
  /** To an actor of the same system, by address. */
  send(event: AnyEventObject, to: string): void;
  log(...values: unknown[]): void;
}

/** One custom action or `log`, to be run after the commit; it may throw. */
export type Deferred = (outlet?: ActionOutlet) => void;

/** What an action can look at: the system as it was when its step ended. */
interface Ended {
  readonly id: string;
  readonly records: ReadonlyMap<string, ActorRecord>;
}

export function customAction(ended: Ended, self: StandIn, action: ExecutableAction): Deferred {
  return (outlet) => {
    const aftermath = new Aftermath(ended, outlet);
    const info = { ...action.info, self: aftermath.handle(self), system: aftermath.system };
    onStage(aftermath, (custom) => custom.exec?.(info, custom.params), action);
  };
}

export function logged(values: unknown[]): Deferred {
  return (outlet) => (outlet ?? console).log(...values);
}

class Aftermath implements Stage {
  readonly id: string;
  readonly #records: ReadonlyMap<string, ActorRecord>;
  readonly #outlet: ActionOutlet | undefined;

  constructor({ id, records }: Ended, outlet: ActionOutlet | undefined) {
    this.id = id;
    this.#records = records;
    this.#outlet = outlet;
  }

  handle(reference: StandIn): StandIn {
    return new StandIn(reference.id, reference.address, this);
  }

  get system(): object {
    const keyed = (): [string, StandIn][] =>
      [...this.#records.values()].flatMap(({ systemId, self }) =>
        systemId === undefined ? [] : [[systemId, this.handle(self)]],
      );
    return {
      get: (systemId: string) => keyed().find(([id]) => id === systemId)?.[1],
      getAll: () => Object.fromEntries(keyed()),
    };
  }

  find(address: string): ActorRecord | undefined {
    return this.#records.get(address);
  }

  snapshotOf(reference: StandIn): unknown {
    return readable(this.#records.get(reference.address), reference);
  }

  send(address: string, event: AnyEventObject): void {
    if (!this.#outlet)
      throw new Error(`'${event.type}' cannot be sent from this action; use sendTo or raise in the machine`);
    this.#outlet.send(event, address);
  }
}
