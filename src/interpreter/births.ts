/** Children on their way: XState makes them in the middle of a transition, and they begin when it is over. */

import { appended, NONE, without } from '../sparse-list.ts';
import type { Entry, MachineEntry } from './catalogue.ts';
import { STARTING } from './readable.ts';
import type { Run } from './run.ts';
import { childAddress, ownerOf, StandIn } from './stand-in.ts';
import type { ActorRecord, StoredEffect } from './system-state.ts';
import type { ActorScope, Logic, NewActor, Snapshot } from './xstate-internals.ts';

export class Births {
  /** Address of the actor whose logic is being asked: whose children XState makes. */
  owner = '';
  readonly #run: Run;
  #unborn: readonly ActorRecord[] = NONE;

  constructor(run: Run) {
    this.#run = run;
  }

  find(address: string): ActorRecord | undefined {
    for (const record of this.#unborn) if (record.self.address === address) return record;
    return undefined;
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
    this.#expect(entry, actor.id, this.#run.addressOf(actor), actor._syncSnapshot === true, actor.options.systemId);
    // XState would tell the owner of the snapshots of the empty shell.
    actor._syncSnapshot = false;
    actor.logic = new Inert((made) => this.start(this.#run.standInOf(made), made.options.input));
  }

  /** A child that is known to come, without XState making an actor first. */
  expect(entry: Entry, id: string, sync: boolean): StandIn {
    return this.#expect(entry, id, this.nextAddress(), sync, undefined);
  }

  #expect(entry: Entry, id: string, address: string, sync: boolean, systemId: string | undefined): StandIn {
    const self = new StandIn(id, address);
    this.#unborn = appended(this.#unborn, { self, entry, sync, systemId, snapshot: STARTING });
    return self;
  }

  /** It is stopped before it began. */
  abandon(address: string): void {
    const unborn = this.find(address);
    if (unborn) this.#unborn = without(this.#unborn, unborn);
  }

  start(child: StandIn, given: unknown): void {
    const { id, address } = child;
    const unborn = this.find(address);
    if (!unborn) return;
    this.#unborn = without(this.#unborn, unborn);
    if (!this.#run.records.has(ownerOf(address))) return;
    const input = this.#run.clean(given, `input of '${id}'`);
    if (unborn.entry.kind === 'effect') this.#startEffect(unborn, input);
    else this.#run.birth(unborn, input);
  }

  #startEffect({ self, entry, systemId, sync }: ActorRecord, input: unknown): void {
    const { id, prepared, agenda } = this.#run;
    const { address } = self;
    const owner = ownerOf(address);
    // The same step of a standard machine is entered again by a retry, and what it calls must not tell the difference.
    const step = prepared.standard ? `/${self.id}` : `${owner}/${self.id}/${address.slice(owner.length + 1)}`;
    const effect: StoredEffect = {
      id: id + step,
      ref: address,
      owner,
      name: self.id,
      src: entry.key,
      input,
      systemId,
      sync,
      status: 'pending',
      attempt: 1,
    };
    agenda.startEffect(effect);
    this.#run.adopt(effectRecord(self, entry, effect));
  }
}

/** What is known of an effect by its owner. */
export function effectRecord(self: StandIn, entry: Entry, { input, systemId, sync }: StoredEffect): ActorRecord {
  return { self, entry, sync, systemId, snapshot: { status: 'active', output: undefined, error: undefined, input } };
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

/** Logic that does nothing but tell when it is started. */
class Inert implements Logic {
  readonly #started: (actor: NewActor) => void;

  constructor(started: (actor: NewActor) => void) {
    this.#started = started;
  }

  getInitialSnapshot(): Snapshot {
    return unstarted;
  }
  transition(snapshot: Snapshot): Snapshot {
    return snapshot;
  }
  getPersistedSnapshot(snapshot: Snapshot): Snapshot {
    return snapshot;
  }
  start(_snapshot: Snapshot, { self }: ActorScope): void {
    this.#started(self as unknown as NewActor);
  }
}
