/** Children on their way: XState makes them in the middle of a transition, and they begin when it is over. */

import type { Entry, MachineEntry } from './catalogue.ts';
import { STARTING } from './readable.ts';
import type { Run } from './run.ts';
import { childAddress, ownerOf, StandIn } from './stand-in.ts';
import type { ActorRecord } from './system-state.ts';
import type { Logic, NewActor, Snapshot } from './xstate-internals.ts';

interface Unborn {
  readonly self: StandIn;
  readonly entry: Entry;
  readonly sync: boolean;
  readonly systemId: string | undefined;
}

export class Births {
  /** Address of the actor whose logic is being asked: whose children XState makes. */
  owner = '';
  readonly #run: Run;
  readonly #unborn = new Map<string, Unborn>();
  readonly #inert: Logic;

  constructor(run: Run) {
    this.#run = run;
    this.#inert = { ...INERT, start: (_snapshot, scope) => this.#start(scope.self as unknown as NewActor) };
  }

  find(address: string): Unborn | undefined {
    return this.#unborn.get(address);
  }

  nextAddress(): string {
    return childAddress(this.owner, this.#run.agenda.nextNumber());
  }

  /** XState made an actor: from here on ours stands for it, and its logic does nothing until it is started. */
  conceive(actor: NewActor): void {
    const { actors, names } = (this.#run.records.get(this.owner) as ActorRecord).entry as MachineEntry;
    const name = typeof actor.src === 'string' && actors.has(actor.src) ? actor.src : names.get(actor.logic);
    const entry = name === undefined ? undefined : actors.get(name);
    if (!entry) {
      throw new Error(
        `child '${actor.id}' was spawned from logic that has no name; register it in setup({ actors }) and spawn it by name`,
      );
    }
    const address = this.#run.addressOf(actor);
    const { systemId } = actor.options;
    this.#unborn.set(address, {
      self: new StandIn(actor.id, address),
      entry,
      sync: actor._syncSnapshot === true,
      systemId,
    });
    // XState would tell the owner of the snapshots of the empty shell.
    actor._syncSnapshot = false;
    actor.logic = this.#inert;
  }

  /** It is stopped before it began. */
  abandon(address: string): void {
    this.#unborn.delete(address);
  }

  #start(actor: NewActor): void {
    const address = this.#run.addressOf(actor);
    const unborn = this.#unborn.get(address);
    this.#unborn.delete(address);
    if (!unborn || !this.#run.records.has(ownerOf(address))) return;
    const input = this.#run.clean(actor.options.input, `input of '${actor.id}'`);
    if (unborn.entry.kind === 'effect') this.#startEffect(unborn, input);
    else this.#run.birth({ ...unborn, snapshot: STARTING }, input);
  }

  #startEffect({ self, entry, systemId, sync }: Unborn, input: unknown): void {
    const { id, prepared, agenda } = this.#run;
    const { address } = self;
    const owner = ownerOf(address);
    // The same step of a standard machine is entered again by a retry, and what it calls must not tell the difference.
    const step = prepared.standard ? `/${self.id}` : `${owner}/${self.id}/${address.slice(owner.length + 1)}`;
    const named = systemId === undefined ? {} : { systemId };
    agenda.startEffect({
      id: id + step,
      ref: address,
      name: self.id,
      src: entry.key,
      input,
      ...named,
      ...(sync && { sync }),
    });
    this.#run.adopt(effectRecord(self, entry, { input, systemId, sync }));
  }
}

/** What is known of an effect by its owner. */
export function effectRecord(
  self: StandIn,
  entry: Entry,
  {
    input,
    systemId,
    sync = false,
  }: { readonly input: unknown; readonly systemId?: string | undefined; readonly sync?: boolean },
): ActorRecord {
  return { self, entry, systemId, sync, snapshot: { status: 'active', output: undefined, error: undefined, input } };
}

/** Until it is started an actor has no snapshot: its first step belongs to its own record. */
const unstarted: Snapshot = Object.defineProperties(
  { status: 'active' as const, output: undefined, error: undefined },
  {
    context: {
      get() {
        throw new Error('the context of an actor cannot be read before it started');
      },
    },
  },
);

const INERT: Logic = {
  getInitialSnapshot: () => unstarted,
  transition: (snapshot) => snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
};
