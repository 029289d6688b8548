/**
 * One step of one system: events go from actor to actor as in XState, each mailbox served before its sender goes on, until nothing
 * is left to do. It changes nothing it was given; what it comes to is read from it afterwards.
 */

import type { AnyEventObject } from 'xstate';
import type { References } from '../codec/tagging.ts';
import { canonical, isWhole } from '../codec.ts';
import { appended, NONE } from '../sparse-list.ts';
import type { Deferred } from './aftermath.ts';
import { Agenda, type NewTimer } from './agenda.ts';
import { Births } from './births.ts';
import { endWithin, stopOrphans, tellEnd } from './endings.ts';
import { faultOn } from './machine-fault.ts';
import { boxOf, emptyBox, endlessTalk, MAX_MESSAGES, type Mailbox } from './mailbox.ts';
import { beginningOf, outcomeOf } from './outcome.ts';
import type { Prepared } from './prepare.ts';
import { readable } from './readable.ts';
import { onStage, ownerOf, referencesOf, type Stage, StandIn } from './stand-in.ts';
import { StepSystem } from './step-system.ts';
import { type Moment, snapshotEvent, stamped } from './system-events.ts';
import { type ActorRecord, freezeDeep, type SystemState } from './system-state.ts';
import type { ActorLike, Snapshot } from './xstate-internals.ts';

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
    const box = boxOf(this.#boxes, address);
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

  #box(address: string): Mailbox {
    let box = boxOf(this.#boxes, address);
    if (!box) {
      box = emptyBox(address);
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
      throw faultOn(this.prepared.name, record, event, endlessTalk());
    }
    try {
      const { next, deferred } = outcomeOf(this, record, received);
      if (next !== record.snapshot || deferred.length > 0 || record.sync) this.#settle(record, next, deferred);
    } catch (error) {
      throw faultOn(this.prepared.name, record, event, error);
    }
  }

  #settle(record: ActorRecord, snapshot: Snapshot, deferred: readonly (() => void)[]): void {
    const address = record.self.address;
    if (this.prepared.freeze) freezeDeep(snapshot.context);
    this.#changed = true;
    this.records.set(address, { ...record, snapshot });
    if (deferred.length > 0) onStage(this, doAll, deferred);
    // One of them may have had this actor stopped.
    if (!this.records.has(address)) return;
    if (record.entry.kind === 'machine') stopOrphans(this, record.snapshot, snapshot);
    if (snapshot.status === 'active') {
      if (record.sync) this.send(ownerOf(address), snapshotEvent(record.self.id, snapshot));
      return;
    }
    endWithin(this, address);
    if (address === '') return;
    const { status, output, error } = snapshot;
    this.records.set(address, { ...record, systemId: undefined, snapshot: { status, output, error } });
    tellEnd(this, ownerOf(address), record.self.id, snapshot);
  }

  // ── beginning and ending ──────────────────────────────────────────────────

  /** An effect that begins: what was sent to it before goes to it first. */
  adopt(effect: ActorRecord): void {
    const { address } = effect.self;
    this.records.set(address, effect);
    for (const event of boxOf(this.#boxes, address)?.queue.splice(0) ?? NONE) this.#relay(address, event);
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
      throw faultOn(this.prepared.name, record, { type: 'xstate.init' }, error);
    }
  }

  /** Stops an actor behind what it is doing; one that was never started just never starts. */
  stop(address: string): void {
    this.births.abandon(address);
    const box = boxOf(this.#boxes, address);
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
    endWithin(this, address);
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
