/** What a system waits for: its timers and its effects, as one step changes them. */

import type { AnyEventObject } from 'xstate';
import { appended, NONE } from '../sparse-list.ts';
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
  setTimer(now: number, { source, target, event, delayMs, sendId }: NewTimer): void {
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
      this.#dropTimers((other) => other === timer);
      return timer;
    }
    return undefined;
  }

  startEffect({ id, ref, name, src, input, systemId, sync }: NewEffect): StoredEffect {
    const owner = ownerOf(ref);
    const started = { id, ref, owner, name, src, input, systemId, sync, status: 'pending', attempt: 1 } as const;
    this.effects = appended(this.effects, started);
    this.starts = appended(this.starts, started);
    return started;
  }

  endEffect(effect: StoredEffect): void {
    this.changed = true;
    this.effects = without(this.effects, (other) => other === effect);
  }

  /** Nothing an ended actor planned or started goes on. */
  close(address: string): void {
    if (this.timers.length === 0 && this.effects.length === 0) return;
    const isOf = (candidate: string): boolean => candidate === address || candidate.startsWith(`${address}~`);
    this.#dropTimers((timer) => isOf(timer.source));
    const ended = this.effects.filter((effect) => isOf(effect.ref));
    if (ended.length === 0) return;
    this.changed = true;
    this.effects = this.effects.filter((effect) => !isOf(effect.ref));
    for (const { ref } of ended) {
      // Started and stopped in one step: nobody ever hears of it.
      const left = without(this.starts, (effect) => effect.ref === ref);
      if (left.length === this.starts.length) this.stops = appended(this.stops, ref);
      this.starts = left;
    }
  }

  #dropTimers(gone: (timer: StoredTimer) => boolean): void {
    if (this.timers.length === 0) return;
    const left = without(this.timers, gone);
    if (left.length === this.timers.length) return;
    this.changed = true;
    this.timers = left;
  }
}

function without<T>(list: readonly T[], gone: (item: T) => boolean): readonly T[] {
  return list.length === 1 && gone(list[0] as T) ? NONE : list.filter((item) => !gone(item));
}
