/**
 * One step of one system: events go from actor to actor as in XState, each mailbox served before its sender goes on, until nothing
 * is left to do. It changes nothing it was given; what it comes to is read from it afterwards.
 */

import type { AnyEventObject } from 'xstate';
import type { References } from '../codec/tagging.ts';
import { canonical, isWhole } from '../codec.ts';
import { appended, NONE } from '../turn/sparse-list.ts';
import type { Deferred } from './aftermath.ts';
import { Agenda, type NewTimer } from './agenda.ts';
import { Births } from './births.ts';
import { MachineFault } from './machine-fault.ts';
import { beginningOf, outcomeOf } from './outcome.ts';
import type { Prepared } from './prepare.ts';
import { readable } from './readable.ts';
import { onStage, ownerOf, referencesOf, type Stage, StandIn } from './stand-in.ts';
import { StepSystem } from './step-system.ts';
import type { ActorRecord, SystemState } from './system-state.ts';
import type { ActorLike, MachineSnapshot, Snapshot } from './xstate-internals.ts';

/** Messages between the actors of one system in one step: more means that two of them never stop answering each other. */
const MAX_MESSAGES = 1000;

/** What waits for an actor that is busy, was not started yet, or is to stop when it is done. */
interface Mailbox {
  readonly address: string;
  busy: boolean;
  stopping: boolean;
  readonly queue: AnyEventObject[];
}

export type EffectResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: unknown };

export interface Moment {
  readonly id: string;
  readonly now: number;
  /** What a standard machine of ours is told with every event but the first; see DefinitionInternals. */
  readonly plan?: unknown;
}

const BEGINNING = Symbol('beginning');

export class Run implements Stage {
  readonly id: string;
  readonly now: number;
  readonly plan: unknown;
  readonly prepared: Prepared;
  readonly records: Map<string, ActorRecord>;
  readonly agenda: Agenda;
  readonly births: Births;
  readonly startedAt: number | null;
  relays: readonly { readonly ref: string; readonly event: AnyEventObject }[] = NONE;
  deferred: readonly Deferred[] = NONE;
  emitted: readonly AnyEventObject[] = NONE;
  #changed = false;
  #boxes: readonly Mailbox[] = NONE;
  #messages = 0;
  // Made when they are asked for: most steps need neither.
  #system: StepSystem | null = null;
  #references: References | null = null;

  constructor(prepared: Prepared, state: SystemState, { id, now, plan }: Moment) {
    this.id = id;
    this.now = now;
    this.plan = plan;
    this.prepared = prepared;
    this.records = new Map();
    for (const [address, record] of state.records) this.records.set(address, record);
    this.agenda = new Agenda(state);
    this.births = new Births(this);
    this.startedAt = state.startedAt;
  }

  get system(): StepSystem {
    return (this.#system ??= new StepSystem(this));
  }

  get references(): References {
    return (this.#references ??= referencesOf(this.id, (address) => this.find(address)?.self));
  }

  /** Another actor may have its system id from now on. */
  unregister(address: string): void {
    this.#system?.forget(address);
  }

  get changed(): boolean {
    return this.#changed || this.agenda.changed;
  }

  find(address: string): { readonly self: StandIn; readonly systemId?: string | undefined } | undefined {
    return this.records.get(address) ?? this.births.find(address);
  }

  addressOf(actor: ActorLike): string {
    return actor instanceof StandIn ? actor.address : actor.sessionId.slice(this.id.length);
  }

  standInOf(actor: ActorLike): StandIn {
    const address = this.addressOf(actor);
    return this.find(address)?.self ?? new StandIn(actor.id, address);
  }

  // ── messages ──────────────────────────────────────────────────────────────

  /** An event for one actor: now if it is idle, after what it does if it is busy, once it started if it has not yet. */
  send(address: string, event: AnyEventObject): void {
    const record = this.records.get(address);
    const box = this.#boxOf(address);
    if (!record) {
      if (this.births.find(address)) this.#box(address).queue.push(this.clean(event, 'event'));
      return;
    }
    if (record.snapshot.status !== 'active') return;
    const cleaned = this.clean(event, 'event');
    if (record.entry.kind === 'effect') {
      this.#relay(address, cleaned);
      return;
    }
    if (box?.busy) box.queue.push(cleaned);
    else this.#serve(address, record, cleaned);
  }

  #relay(ref: string, event: AnyEventObject): void {
    this.relays = appended(this.relays, { ref, event });
  }

  defer(action: Deferred): void {
    this.deferred = appended(this.deferred, action);
  }

  emit(event: AnyEventObject): void {
    this.emitted = appended(this.emitted, event);
  }

  /** As {@link canonical}, with actors replaced by what stands for them. */
  clean<T>(value: T, path: string): T {
    return isWhole(value) ? value : (canonical(value, path, this.references) as T);
  }

  #boxOf(address: string): Mailbox | undefined {
    for (const box of this.#boxes) if (box.address === address) return box;
    return undefined;
  }

  #box(address: string): Mailbox {
    let box = this.#boxOf(address);
    if (!box) {
      box = { address, busy: false, stopping: false, queue: [] };
      this.#boxes = appended(this.#boxes, box);
    }
    return box;
  }

  /** Its first step, or one for an event, and then what came for it meanwhile. */
  #serve(address: string, record: ActorRecord, event: AnyEventObject | typeof BEGINNING, input?: unknown): void {
    const box = this.#box(address);
    box.busy = true;
    if (event === BEGINNING) this.#begin(record, input);
    else this.#transition(record, event);
    for (let next = box.queue.shift(); next && !box.stopping; next = box.queue.shift()) {
      const current = this.records.get(address);
      if (current?.snapshot.status !== 'active') break;
      this.#transition(current, next);
    }
    box.busy = false;
    if (box.stopping) this.#remove(address);
  }

  #transition(record: ActorRecord, event: AnyEventObject): void {
    const isRoot = record.self.address === '';
    const received = isRoot && this.prepared.standard ? stamped(event, this) : event;
    if (++this.#messages > MAX_MESSAGES) {
      throw this.#fault(
        record,
        event,
        new Error(`more than ${MAX_MESSAGES} messages in one step; its actors never stop answering each other`),
      );
    }
    try {
      const { next, deferred } = outcomeOf(this, record, received);
      if (next !== record.snapshot || deferred.length > 0 || record.sync) this.#settle(record, next, deferred);
    } catch (error) {
      throw this.#fault(record, event, error);
    }
  }

  #fault(record: ActorRecord, event: AnyEventObject, error: unknown): MachineFault {
    if (error instanceof MachineFault) return error;
    const { self, snapshot, entry } = record;
    const value = 'value' in snapshot ? ` in ${JSON.stringify(snapshot.value)}` : '';
    const name = self.address === '' ? this.prepared.name : `${this.prepared.name} › ${self.id} (${entry.key})`;
    return new MachineFault(`${name}${value} on '${event.type}'`, error);
  }

  // ── what a transition came to ─────────────────────────────────────────────

  #settle(record: ActorRecord, snapshot: Snapshot, deferred: readonly (() => void)[]): void {
    const address = record.self.address;
    if (this.prepared.freeze) freezeDeep(snapshot.context);
    this.#changed = true;
    this.records.set(address, { ...record, snapshot });
    if (deferred.length > 0) onStage(this, doAll, deferred);
    // One of them may have had this actor stopped.
    if (!this.records.has(address)) return;
    if (record.entry.kind === 'machine') this.#stopOrphans(record.snapshot, snapshot);
    if (snapshot.status === 'active') {
      if (record.sync) this.#tell(address, { type: `xstate.snapshot.${record.self.id}`, snapshot: outwards(snapshot) });
      return;
    }
    this.#close(address);
    if (address === '') return;
    const { status, output, error } = snapshot;
    this.records.set(address, { ...record, systemId: undefined, snapshot: { status, output, error } });
    const actorId = record.self.id;
    if (status === 'done') this.#tell(address, doneEvent(actorId, output));
    if (status === 'error') this.#tell(address, { type: `xstate.error.actor.${actorId}`, error, actorId });
  }

  #tell(address: string, event: AnyEventObject): void {
    this.send(ownerOf(address), event);
  }

  /** A child whose id was given to another one would run on with nobody to hear of it. */
  #stopOrphans(before: Snapshot, after: Snapshot): void {
    const { children } = after as MachineSnapshot;
    const last = (before as MachineSnapshot).children;
    if (children === last || !last) return;
    for (const id in last) {
      const child = last[id];
      if (child && children[child.id] !== child && this.records.has(this.addressOf(child)))
        this.stop(this.addressOf(child));
    }
  }

  // ── beginning and ending ──────────────────────────────────────────────────

  /** An effect that begins: what was sent to it before goes to it first. */
  adopt(effect: ActorRecord): void {
    const { address } = effect.self;
    this.records.set(address, effect);
    for (const event of this.#boxOf(address)?.queue.splice(0) ?? NONE) this.#relay(address, event);
  }

  /** The first step of a machine or of transition logic. */
  birth(record: ActorRecord, input: unknown): void {
    const { address } = record.self;
    this.records.set(address, record);
    this.#serve(address, record, BEGINNING, input);
  }

  #begin(record: ActorRecord, input: unknown): void {
    try {
      const { next, deferred } = beginningOf(this, record, input);
      this.#settle(record, next, deferred);
    } catch (error) {
      throw this.#fault(record, { type: 'xstate.init' }, error);
    }
  }

  /** An effect came to its end. */
  finish(ref: string, result: EffectResult): void {
    const effect = this.agenda.effects.find((candidate) => candidate.ref === ref);
    const record = this.records.get(ref);
    if (!effect || !record) return;
    this.agenda.endEffect(effect);
    this.unregister(ref);
    const actorId = effect.name;
    const settled = this.#outcome(result);
    this.records.set(ref, { ...record, systemId: undefined, snapshot: settled });
    const { status, output, error } = settled;
    if (status === 'done') this.send(effect.owner, doneEvent(actorId, output));
    else this.send(effect.owner, { type: `xstate.error.actor.${actorId}`, error, actorId });
  }

  /** An output that cannot be stored is the failure of the effect, not of the machine. */
  #outcome(result: EffectResult): Snapshot {
    let error: unknown;
    try {
      if (result.ok) return { status: 'done', output: this.clean(result.output, 'output'), error: undefined };
      error = this.clean(result.error, 'error');
    } catch (refusal) {
      error = this.clean(refusal, 'error');
    }
    return { status: 'error', output: undefined, error };
  }

  /** Stops an actor behind what it is doing; one that was never started just never starts. */
  stop(address: string): void {
    this.births.abandon(address);
    const box = this.#boxOf(address);
    if (box?.busy) {
      box.queue.length = 0;
      box.stopping = true;
    } else this.#remove(address);
  }

  #remove(address: string): void {
    const record = this.records.get(address);
    if (!record) return;
    this.#changed = true;
    this.records.delete(address);
    this.#close(address);
  }

  /** Nothing an ended actor planned or started goes on. */
  #close(address: string): void {
    const inner = `${address}~`;
    for (const child of this.records.keys()) {
      if (!child.startsWith(inner)) continue;
      this.records.delete(child);
      this.unregister(child);
    }
    this.unregister(address);
    this.agenda.close(address);
  }

  // ── timers ────────────────────────────────────────────────────────────────

  setTimer(timer: NewTimer): void {
    if (this.records.has(timer.source)) this.agenda.setTimer(this.now, timer, this.clean(timer.event, 'event'));
  }

  fire(id: string): void {
    const timer = this.agenda.takeTimer(id);
    if (timer) this.send(timer.target, timer.event);
  }

  // ── reading ───────────────────────────────────────────────────────────────

  snapshotOf(reference: StandIn): unknown {
    const record = this.records.get(reference.address);
    if (record) return readable(record, reference);
    if (this.births.find(reference.address))
      throw new Error(`Actor '${reference.id}' has not started yet, so it has no snapshot`);
    return readable(undefined, reference);
  }
}

function doAll(deferred: readonly (() => void)[]): void {
  for (const work of deferred) work();
}

function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freezeDeep(member);
}

/** Without an output there is nothing to be cleaned away. */
function doneEvent(actorId: string, output: unknown): AnyEventObject {
  const type = `xstate.done.actor.${actorId}`;
  return output === undefined ? { type, actorId } : { type, output, actorId };
}

function stamped(event: AnyEventObject, { now: at, plan }: Moment): AnyEventObject {
  const stampedEvent: AnyEventObject = { at, ...event };
  stampedEvent['at'] = at;
  if (plan !== undefined) stampedEvent['plan'] = plan;
  return stampedEvent;
}

/** A snapshot as it is told to an owner: its data, without the machine behind it. */
function outwards(snapshot: Snapshot): object {
  const { status, output, error, context } = snapshot;
  return { status, output, error, context, ...('value' in snapshot && { value: snapshot.value }) };
}
