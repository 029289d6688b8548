/**
 * Runs the logic of one effect as a real XState actor. Its owner is not there: what it tells its owner goes to the hooks, and from
 * there into a step.
 */

import { type AnyActorLogic, type AnyEventObject, createActor } from 'xstate';
import { canonical } from '../codec.ts';
import type { Prepared } from './prepare.ts';
import { onStage, referencesOf, type Stage, StandIn } from './stand-in.ts';
import type { StoredEffect } from './system-state.ts';
import type { ActorLike, Logic } from './xstate-internals.ts';

export interface RunLogicHooks {
  readonly actorId: string;
  /** Aborting it stops the actor. */
  readonly signal: AbortSignal;
  /** An event for an actor of the system, by address. */
  send(event: AnyEventObject, to: string): void;
  done(output: unknown): void;
  failed(error: unknown): void;
  emitted?(event: AnyEventObject): void;
}

export interface RunningLogic {
  stop(): void;
  relay(event: AnyEventObject): void;
}

/** Exactly one of `done` and `failed` is called, unless it is stopped first; then nothing is called any more. */
export function runLogic(prepared: Prepared, effect: StoredEffect, hooks: RunLogicHooks): RunningLogic {
  const entry = prepared.catalogue.get(effect.src);
  if (!entry) throw new Error(`'${prepared.name}' has no actor logic '${effect.src}'`);
  const system = new EffectSystem(effect, hooks, entry.logic);
  // XState's own Actor, with a parent that only passes on what it hears.
  const actor = createActor(
    entry.logic as unknown as AnyActorLogic,
    {
      id: effect.name,
      input: system.input,
      parent: system.owner as never,
      src: effect.src,
      ...(effect.sync && { syncSnapshot: true }),
    } as object,
  );
  actor.on('*', (event: AnyEventObject) => hooks.emitted?.(event));
  const stop = (): void => {
    if (system.over) return;
    system.over = true;
    (actor as unknown as { _stop(): void })._stop();
  };
  hooks.signal.addEventListener('abort', stop, { once: true });
  if (hooks.signal.aborted) stop();
  else actor.start();
  return { stop, relay: (event) => system.over || system._relay(undefined, actor, event) };
}

interface Receiver extends ActorLike {
  _send(event: AnyEventObject): void;
}

class EffectSystem implements Stage {
  readonly id: string;
  readonly owner: StandIn;
  readonly input: unknown;
  /** Once it told its result, or was stopped, nothing it says counts. */
  over = false;
  readonly #effect: StoredEffect;
  readonly #hooks: RunLogicHooks;
  readonly #logic: Logic;
  #number = 0;

  constructor(effect: StoredEffect, hooks: RunLogicHooks, logic: Logic) {
    this.id = hooks.actorId;
    this.#effect = effect;
    this.#hooks = hooks;
    this.#logic = logic;
    this.owner = new StandIn(effect.owner, effect.owner, this);
    const handles = {
      ...referencesOf('', () => undefined),
      find: (id: string, address: string) => new StandIn(id, address, this),
    };
    this.input = canonical(effect.input, 'input', handles);
  }

  get system(): this {
    return this;
  }
  find(): undefined {
    return undefined;
  }
  snapshotOf({ id }: StandIn): never {
    throw new Error(`the snapshot of actor '${id}' is stored; pass what is needed as input`);
  }
  send(address: string, event: AnyEventObject): void {
    if (!this.over) this.#hooks.send(event, address);
  }

  // ── what XState's Actor asks of its system ────────────────────────────────

  _bookId(): string {
    return `${this.id}${this.#effect.ref}${this.#number++ === 0 ? '' : `~${this.#number}`}`;
  }
  _register(sessionId: string): string {
    return sessionId;
  }
  _unregister(): void {}
  _set(): void {}
  get(): undefined {
    return undefined;
  }
  getAll(): object {
    return {};
  }
  _sendInspectionEvent(): void {}
  _relay(_source: ActorLike | undefined, target: ActorLike, event: AnyEventObject): void {
    if (target instanceof StandIn) this.#heard(target, event);
    else onStage(this, (receiver) => receiver._send(event), target as Receiver);
  }
  readonly scheduler = { cancelAll: (): void => {} };

  #heard(target: StandIn, event: AnyEventObject): void {
    if (this.over) return;
    const { name } = this.#effect;
    if (target === this.owner && event.type === `xstate.done.actor.${name}`) return this.#finished(event['output']);
    if (target === this.owner && event.type === `xstate.error.actor.${name}`) {
      this.over = true;
      return this.#hooks.failed(event['error']);
    }
    const snapshot = event.type === `xstate.snapshot.${name}`;
    const told = snapshot
      ? { ...event, snapshot: this.#logic.getPersistedSnapshot(event['snapshot'] as never) }
      : event;
    this.#hooks.send(told, target.address);
  }

  /** An output that cannot be stored is the effect's failure, not its owner's. */
  #finished(output: unknown): void {
    this.over = true;
    let stored: unknown;
    try {
      stored = canonical(output, 'output');
    } catch (error) {
      return this.#hooks.failed(error);
    }
    this.#hooks.done(stored);
  }
}
