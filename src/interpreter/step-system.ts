/** XState's actor system as a step sees it: ids, registered names, messages and timers lead into the run, never to a clock. */

import type { AnyEventObject } from 'xstate';
import type { Run } from './run.ts';
import type { StandIn } from './stand-in.ts';
import type { ActorLike, NewActor } from './xstate-internals.ts';

export class StepSystem {
  readonly #run: Run;
  #names: Map<string, string> | null = null;

  constructor(run: Run) {
    this.#run = run;
  }

  // ── identities ────────────────────────────────────────────────────────────

  _bookId(): string {
    return this.#run.id + this.#run.births.nextAddress();
  }
  _register(sessionId: string): string {
    return sessionId;
  }
  _set(systemId: string, actor: ActorLike): void {
    const address = this.#run.addressOf(actor);
    const taken = this.#registered().get(systemId);
    if (taken !== undefined && taken !== address) throw new Error(`Actor with system ID '${systemId}' already exists.`);
    this.#registered().set(systemId, address);
  }
  /** At once, while the actor itself stops later: another one may take the name in the same transition. */
  _unregister(actor: ActorLike): void {
    this.#registered();
    this.forget(this.#run.addressOf(actor));
  }
  forget(address: string): void {
    for (const [systemId, owner] of this.#names ?? []) if (owner === address) this.#names?.delete(systemId);
  }
  get(systemId: string): StandIn | undefined {
    return this.#standIn(this.#registered().get(systemId));
  }
  getAll(): Record<string, StandIn | undefined> {
    return Object.fromEntries([...this.#registered()].map(([systemId, address]) => [systemId, this.#standIn(address)]));
  }

  #standIn(address: string | undefined): StandIn | undefined {
    return address === undefined ? undefined : this.#run.find(address)?.self;
  }

  #registered(): Map<string, string> {
    if (!this.#names) {
      this.#names = new Map();
      for (const [address, { systemId }] of this.#run.records)
        if (systemId !== undefined) this.#names.set(systemId, address);
    }
    return this.#names;
  }

  // ── messages and timers ───────────────────────────────────────────────────

  _relay(_source: ActorLike | undefined, target: ActorLike, event: AnyEventObject): void {
    this.#run.send(this.#run.addressOf(target), event);
  }
  get scheduler(): this {
    return this;
  }
  schedule(source: ActorLike, target: ActorLike, event: AnyEventObject, delayMs: number, sendId?: string): void {
    const [from, to] = [this.#run.addressOf(source), this.#run.addressOf(target)];
    this.#run.setTimer({ source: from, target: to, event, delayMs, sendId });
  }
  cancel(source: ActorLike, sendId: string): void {
    this.#run.agenda.cancelTimers(this.#run.addressOf(source), sendId);
  }
  cancelAll(): void {}

  /** XState announces every actor it makes before it asks the logic anything: the moment to put ours in its place. */
  _sendInspectionEvent({ type, actorRef }: { readonly type: string; readonly actorRef: NewActor }): void {
    if (type === '@xstate.actor') this.#run.births.conceive(actorRef);
  }
  _logger(): void {}
}
