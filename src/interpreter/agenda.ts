/** What a system waits for: its timers and its effects, as one step changes them. */

import type { AnyEventObject } from 'xstate';
import { ownerOf } from './stand-in.ts';
import type { StoredEffect, StoredTimer, SystemState } from './system-state.ts';

/** The last instant a Date can hold. */
const LAST_INSTANT = 8_640_000_000_000_000;

export interface NewTimer {
  readonly source: string;
  readonly target: string;
  readonly event: AnyEventObject;
  readonly delayMs: number;
  readonly sendId: string | undefined;
}

type NewEffect = Omit<StoredEffect, 'owner' | 'status' | 'attempt'>;

export class Agenda {
  /** Number of the last timer or child. */
  sequence: number;
  timers: readonly StoredTimer[];
  effects: readonly StoredEffect[];
  /** Effects this step started, and those of before that it ended. */
  starts: StoredEffect[] = [];
  readonly stops: string[] = [];
  changed = false;

  constructor({ sequence, timers, effects }: SystemState) {
    this.sequence = sequence;
    this.timers = timers;
    this.effects = effects;
  }

  nextNumber(): number {
    this.changed = true;
    return ++this.sequence;
  }

  /** The same send id may be set twice: both fire, and cancelling it takes both away. */
  setTimer(now: number, { source, target, event, delayMs, sendId }: NewTimer): void {
    if (Number.isNaN(delayMs)) throw new Error(`the delay of '${event.type}' is not a number`);
    const dueAt = Math.ceil(now + Math.max(0, delayMs));
    // A timer that never comes due is not kept.
    if (dueAt > LAST_INSTANT) return;
    const id = String(this.nextNumber());
    this.timers = [...this.timers, { id, sendId: sendId ?? id, source, target, event, dueAt }];
  }

  cancelTimers(source: string, sendId: string): void {
    this.#dropTimers((timer) => timer.source === source && timer.sendId === sendId);
  }

  takeTimer(id: string): StoredTimer | undefined {
    const timer = this.timers.find((candidate) => candidate.id === id);
    if (timer) this.#dropTimers((other) => other === timer);
    return timer;
  }

  startEffect({ id, ref, name, src, input, systemId, sync }: NewEffect): StoredEffect {
    const owner = ownerOf(ref);
    const started = { id, ref, owner, name, src, input, systemId, sync, status: 'pending', attempt: 1 } as const;
    this.effects = [...this.effects, started];
    this.starts.push(started);
    return started;
  }

  endEffect(effect: StoredEffect): void {
    this.changed = true;
    this.effects = this.effects.filter((other) => other !== effect);
  }

  /** Nothing an ended actor planned or started goes on. */
  close(address: string): void {
    const isOf = (candidate: string): boolean => candidate === address || candidate.startsWith(`${address}~`);
    if (this.timers.length > 0) this.#dropTimers((timer) => isOf(timer.source));
    const ended = this.effects.filter((effect) => isOf(effect.ref));
    if (ended.length === 0) return;
    this.changed = true;
    this.effects = this.effects.filter((effect) => !isOf(effect.ref));
    for (const { ref } of ended) {
      // Started and stopped in one step: nobody ever hears of it.
      const fresh = this.starts.findIndex((effect) => effect.ref === ref);
      if (fresh >= 0) this.starts.splice(fresh, 1);
      else this.stops.push(ref);
    }
  }

  #dropTimers(gone: (timer: StoredTimer) => boolean): void {
    const left = this.timers.filter((timer) => !gone(timer));
    if (left.length === this.timers.length) return;
    this.changed = true;
    this.timers = left;
  }
}
