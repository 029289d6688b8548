/** What a system waits for: its timers and its effects, as one step changes them. */

import type { AnyEventObject } from 'xstate';
import { appended, NONE, without } from '../sparse-list.ts';
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

export class Agenda {
  /** Number of the last timer or child. */
  sequence: number;
  timers: readonly StoredTimer[];
  effects: readonly StoredEffect[];
  /** Effects this step started, and those of before that it ended. */
  starts: readonly StoredEffect[] = NONE;
  stops: readonly string[] = NONE;
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
  setTimer(now: number, { source, target, delayMs, sendId }: NewTimer, event: AnyEventObject): void {
    if (Number.isNaN(delayMs)) throw new Error(`the delay of '${event.type}' is not a number`);
    const dueAt = Math.ceil(now + Math.max(0, delayMs));
    // A timer that never comes due is not kept.
    if (dueAt > LAST_INSTANT) return;
    const id = String(this.nextNumber());
    this.timers = appended(this.timers, { id, sendId: sendId ?? id, source, target, event, dueAt });
  }

  cancelTimers(source: string, sendId: string): void {
    if (this.hasTimer(source, sendId)) this.#dropTimers((timer) => timer.source === source && timer.sendId === sendId);
  }

  hasTimer(source: string, sendId: string): boolean {
    for (const timer of this.timers) if (timer.source === source && timer.sendId === sendId) return true;
    return false;
  }

  takeTimer(id: string): StoredTimer | undefined {
    for (const timer of this.timers) {
      if (timer.id !== id) continue;
      this.changed = true;
      this.timers = without(this.timers, timer);
      return timer;
    }
    return undefined;
  }

  startEffect(effect: StoredEffect): void {
    this.effects = appended(this.effects, effect);
    this.starts = appended(this.starts, effect);
  }

  endEffect(effect: StoredEffect): void {
    this.changed = true;
    this.effects = without(this.effects, effect);
  }

  /** Nothing an ended actor planned or started goes on. */
  close(address: string): void {
    if (this.timers.length === 0 && this.effects.length === 0) return;
    const isOf = (candidate: string): boolean => candidate === address || candidate.startsWith(`${address}~`);
    if (this.timers.length > 0) this.#dropTimers((timer) => isOf(timer.source));
    const ended = this.effects.filter((effect) => isOf(effect.ref));
    if (ended.length === 0) return;
    this.changed = true;
    this.effects = this.effects.filter((effect) => !isOf(effect.ref));
    for (const effect of ended) {
      // Started and stopped in one step: nobody ever hears of it.
      if (this.starts.includes(effect)) this.starts = without(this.starts, effect);
      else this.stops = appended(this.stops, effect.ref);
    }
  }

  #dropTimers(gone: (timer: StoredTimer) => boolean): void {
    const left = this.timers.filter((timer) => !gone(timer));
    if (left.length === this.timers.length) return;
    this.changed = true;
    this.timers = left;
  }
}
