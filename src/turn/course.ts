/**
 * What a turn has come to so far: its steps, each computed by the interpreter from the state before it, and what they gather: the
 * journal, what starts and stops, what is said to others, and the settlement that ends it. A step that fails changes nothing.
 */
import type { AnyEventObject, StateValue } from 'xstate';
import { type EffectResult, eventOfResult } from '../effects/effect-result.ts';
import {
  finishEffect,
  firstTimer,
  keptTimers,
  MachineFault,
  type Prepared,
  type Step,
  type StoredEffect,
  type SystemState,
  setEffect,
  standOf,
} from '../interpreter/index.ts';
import { journalLine, type Via } from '../journal.ts';
import { recordOf, type Settlement } from '../run-record.ts';
import { appended, joined, NONE } from '../sparse-list.ts';
import type { Instant } from '../store/contract.ts';
import { type Happening, happeningOf, type Outcome } from './happening.ts';
import { type Life, planOf, timesOf } from './life.ts';
import { Outbox } from './outbox.ts';

/** A turn may take this many steps; what is left is due again at once, so that one actor cannot hold up its worker. */
const MAX_STEPS = 1000;

/** A step of the interpreter. Only the first has no state before it. */
export type Compute<M> = (prepared: Prepared, before: SystemState, moment: M) => Step;

export class Course {
  /** Its own copy, which goes on with every step. */
  readonly life: { -readonly [part in keyof Life]: Life[part] };
  /** What happened in it, a line each. */
  journal = '';
  starts: readonly StoredEffect[] = NONE;
  stops: readonly string[] = NONE;
  relays: Step['relays'] = NONE;
  deferred: Step['deferred'] = NONE;
  emitted: Step['emitted'] = NONE;
  readonly outbox = new Outbox();
  settlement: Settlement | null = null;
  /** Why it cannot go on: the machine itself failed. What happened before in this turn still counts. */
  fault: MachineFault | null = null;
  exhausted = false;
  /** The first timer that goes on whether or not what starts here may start. */
  until: Instant | null = null;
  /** Set: no further effect starts in this turn. What would start one is left for the next claim. */
  closed = false;
  /** What happened in it, step by step, where somebody wants to know. */
  readonly trail: Happening[] | null;
  #steps = 0;

  constructor(life: Life, inspected = false) {
    this.life = { ...life };
    this.trail = inspected ? [] : null;
  }

  get over(): boolean {
    return this.settlement !== null || this.fault !== null || this.exhausted;
  }

  get value(): StateValue | null {
    return this.life.system && standOf(this.life.system).value;
  }

  get context(): unknown {
    return this.life.system ? standOf(this.life.system).context : undefined;
  }

  /** Effects its worker runs, and no other actor. */
  protected get own(): readonly StoredEffect[] {
    return (this.life.system?.effects ?? []).filter(({ status }) => status !== 'delegated');
  }

  protected finish(ref: string, result: EffectResult, now: Instant): boolean {
    const system = this.life.system;
    const effect = system?.effects.find((candidate) => candidate.ref === ref);
    if (!system || !effect || this.over) return false;
    const moment = { id: this.life.id, now, plan: planOf(this.life), ref, result };
    return this.take(eventOfResult(effect.name, result), now, finishEffect, moment, ['effect', ref]);
  }

  protected patch(ref: string, patch: Parameters<typeof setEffect>[2]): void {
    if (this.life.system) this.life.system = setEffect(this.life.system, ref, patch);
  }

  /** Journals what the engine did without asking the machine. */
  protected mark(event: AnyEventObject, at: Instant, via: Via): void {
    this.life.seq += 1;
    const status = via[0] === 'stopped' ? 'stopped' : 'active';
    this.#note(event, at, { value: this.value, context: this.context, status }, via);
  }

  #note(event: AnyEventObject, at: Instant, after: Outcome, via: Via | undefined): void {
    const line = journalLine(at, event, after.value, via);
    this.journal = this.journal === '' ? line : `${this.journal}\n${line}`;
    this.trail?.push(happeningOf(this.life.seq, at, event, after, via));
  }

  /** One step of the machine. False: the machine failed, and nothing of this step counts. */
  protected take<M>(event: AnyEventObject, at: Instant, compute: Compute<M>, moment: M, via?: Via): boolean {
    if (++this.#steps > MAX_STEPS) {
      this.exhausted = true;
      return false;
    }
    const before = this.life.system;
    let step: Step;
    try {
      step = compute(this.life.definition.prepared, before as SystemState, moment);
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      this.fault = error;
      return false;
    }
    if (this.closed && step.starts.length > 0) {
      this.exhausted = true;
      return false;
    }
    this.life.system = step.state;
    this.life.seq += 1;
    this.#note(event, at, step, via);
    this.#collect(step, before);
    if (step.status !== 'active') {
      const { status, output, error } = step;
      const ending = { status, output, error, dropped: step.tags.has('dropped') };
      this.settlement = recordOf(this.life.definition, ending, timesOf(this.life, at));
      this.starts = NONE;
      return true;
    }
    for (const effect of step.starts) if (this.isDelegated(effect)) this.delegate(effect, at);
    return true;
  }

  protected isDelegated({ src }: StoredEffect): boolean {
    return this.life.definition.delegates.has(src);
  }

  #collect(step: Step, before: SystemState | null): void {
    for (const ref of step.stops) this.stop(ref, before);
    if (step.starts.length > 0) {
      this.until = firstTimer(keptTimers(before, step.state))?.dueAt ?? null;
      for (const effect of step.starts) if (!this.isDelegated(effect)) this.starts = appended(this.starts, effect);
    }
    this.relays = joined(this.relays, step.relays);
    this.deferred = joined(this.deferred, step.deferred);
    if (this.life.definition.act) for (const command of step.emitted) this.outbox.act(this.life, command, step.context);
    else this.emitted = joined(this.emitted, step.emitted);
  }

  protected stop(ref: string, before: SystemState | null): void {
    const left = this.starts.filter((effect) => effect.ref !== ref);
    if (left.length < this.starts.length) return void (this.starts = left);
    const effect = before?.effects.find((candidate) => candidate.ref === ref);
    if (effect?.status === 'delegated') this.outbox.recall(this.life, ref);
    else this.stops = appended(this.stops, ref);
  }

  protected delegate(effect: StoredEffect, at: Instant): void {
    const { ref } = effect;
    // An earlier one of this step may have failed, and its owner left the state since.
    if (!this.life.system?.effects.some((candidate) => candidate.ref === ref)) return;
    this.patch(ref, { status: 'delegated' });
    try {
      this.outbox.delegate(this.life, effect, at);
    } catch (error) {
      this.finish(ref, { ok: false, error }, at);
    }
  }
}
