/**
 * One actor's due work, and what it comes to. Pure: what happened goes in with its time, and the next state, the effects and
 * the journal come out as data; the worker writes them. A turn stays open until its write is committed: a write that missed
 * takes what came meanwhile into the same turn.
 */
import type { AnyEventObject } from 'xstate';
import { type EffectResult, interruptedTooOften } from './effects/effect-result.ts';
import { accepts, deliver, encodeState, fireTimer, firstTimer, init, type StoredEffect } from './interpreter/index.ts';
import type { Via } from './journal.ts';
import { recordOf } from './run-record.ts';
import { appended, NONE } from './sparse-list.ts';
import type { Instant } from './store/contract.ts';
import { childId } from './turn/birth.ts';
import { type Compute, Course } from './turn/course.ts';
import { eventOf, type News } from './turn/kinship.ts';
import { attemptOf, beginningOf, mayHear, nextDueOf, planOf, timesOf } from './turn/life.ts';
import { type Control, isForCron, type Letter } from './turn/mail.ts';

/** A standard machine waits for its time in a state, so it begins before that. */
const ALREADY = Number.POSITIVE_INFINITY;
/** A plain invoked actor is started again this often after its worker died; then it fails with code INTERRUPTED. */
const MAX_RESTARTS = 3;

const begin: Compute<Parameters<typeof init>[1]> = (prepared, _, moment) => init(prepared, moment);

export class Turn extends Course {
  consumed: readonly string[] = NONE;
  notBefore: Instant | null = null;
  /** By how much the latest timer of this turn was late, in milliseconds. */
  lateMs: number | null = null;
  /** True when an effect came to its end here: the actor survived its worker, so its strikes are over. */
  survived = false;

  /** Nothing happened that would have to be written. */
  get empty(): boolean {
    return this.journal === '' && this.consumed.length === 0 && this.outbox.births.length === 0;
  }

  /** The first step, if it is due. */
  begin(now: Instant): void {
    if (this.life.system || this.over || this.life.firstDueAt > now) return;
    const { id } = this.life;
    const { at, input, event, via } = beginningOf(this.life, now);
    this.take(event, at, begin, { id, input, now: at }, via);
  }

  /** Fires every timer due by `until`, in order. */
  fireDue(until: Instant, now: Instant): void {
    for (;;) {
      const system = this.life.system;
      if (!system || this.over) return;
      const next = firstTimer(system.timers);
      if (!next || next.dueAt > until) return;
      const { id: timer, event, dueAt } = next;
      const moment = { id: this.life.id, now, plan: planOf(this.life), timer };
      if (!this.take(event, now, fireTimer, moment, ['timer', timer])) return;
      this.notBefore = Math.max(this.notBefore ?? dueAt, dueAt);
      this.lateMs = Math.max(this.lateMs ?? 0, now - dueAt);
    }
  }

  /** One letter. False: it has to wait in the mailbox. */
  takeMail(mailId: string, letter: Letter, mailedAt: Instant, now: Instant): boolean {
    if (this.over) return false;
    if (this.life.definition.standard) this.begin(ALREADY);
    if (letter.kind === 'event') {
      this.begin(now);
      // Whoever wrote before a timer was due is heard before it, however late the worker looks.
      this.fireDue(Math.min(mailedAt, now), now);
      if (!this.life.system || this.over) return false;
      if (mayHear(this.life, letter.event) && !this.#deliver(letter.event, now)) return false;
    } else if (letter.kind === 'news') {
      this.fireDue(Math.min(mailedAt, now), now);
      if (this.over || !this.#hear(letter.news, now)) return false;
    } else if (!this.#obey(letter.control, now)) return false;
    this.consumed = appended(this.consumed, mailId);
    return true;
  }

  takeResult(ref: string, result: EffectResult, now: Instant): void {
    if (this.finish(ref, result, now)) this.survived = true;
  }

  /** An event a running effect (a callback, say) sent to the machine that runs it. */
  takeEvent(event: AnyEventObject, to: string, now: Instant): void {
    if (this.life.system && !this.over) this.#deliver(event, now, to);
  }

  /**
   * The worker that held this actor died. `startedAt`: a start that only its claim recorded, journaled now with its own time.
   * `charged`: it was the only suspect, so this death counts against it.
   */
  interrupt(charged: boolean, startedAt: Instant | null, now: Instant): void {
    if (this.life.definition.standard) {
      this.begin(ALREADY);
      // Only where the claim is the record of a start: any other machine looks at what is due when it is looked at.
      if (startedAt !== null && this.life.definition.claimed && !this.life.system?.effects.length)
        this.fireDue(startedAt, startedAt);
      this.starts = NONE;
      if (this.life.system?.effects.length)
        this.#deliver({ type: 'attempt.interrupted', charged, ambiguous: true }, now);
      return;
    }
    for (const effect of this.own) {
      // What this version hands to an actor of its own, an older one ran itself.
      if (this.isDelegated(effect)) this.delegate(effect, now);
      else this.#restart(effect, now);
    }
  }

  /** The worker stops: what runs is given to another one, and nobody is charged. */
  handBack(now: Instant): void {
    if (this.over) return;
    this.closed = false;
    if (this.life.definition.standard) {
      if (this.life.system?.effects.length) this.#deliver({ type: 'attempt.handedBack' }, now);
    } else {
      for (const effect of this.own) {
        this.mark({ type: 'carillon.handedBack', effect: effect.id }, now, ['handedBack', effect.ref]);
      }
    }
    for (const effect of this.own) this.patch(effect.ref, { status: 'pending' });
    this.starts = NONE;
  }

  /** Its state was taken over from that older version: from here on it lives by this one. */
  inherit(version: number, now: Instant): void {
    const { system, definition } = this.life;
    const event = { type: 'carillon.migrated', from: version, to: definition.version };
    this.mark(event, now, system ? ['migrated', encodeState(system)] : ['migrated']);
  }

  /** Effects of the state that nothing runs yet: handed back by another worker, or of an actor that was held back. */
  resumePending(now: Instant): void {
    const pending = this.own.filter((effect) => !this.stops.includes(effect.ref));
    this.starts = pending.filter((effect) => !this.isDelegated(effect));
    for (const effect of pending) if (this.isDelegated(effect)) this.delegate(effect, now);
  }

  /** The same for a job that may have waited long for its place: that time is not to count against the attempt. */
  resumeAfresh(now: Instant): void {
    this.#deliver({ type: 'attempt.handedBack' }, now);
  }

  /** From here on these effects run, and whoever reads the row has to know. */
  markRunning(): void {
    for (const effect of this.starts) this.patch(effect.ref, { status: 'running' });
  }

  /** Attempts of a standard machine, for views; a custom machine has none of its own. */
  get attempt(): number {
    return attemptOf(this.life, this.context);
  }

  /** When the actor next has to be looked at by itself. Null: only mail or a result can move it. */
  get nextDueAt(): Instant | null {
    return nextDueOf(this.life);
  }

  #deliver(event: AnyEventObject, now: Instant, to?: string): boolean {
    const moment = { id: this.life.id, now, plan: planOf(this.life), event, to };
    const via: Via | undefined = to === undefined || to === '' ? undefined : ['sent', to];
    return this.take(event, now, deliver, moment, via);
  }

  #obey(control: Control, now: Instant): boolean {
    const { definition, system } = this.life;
    if (isForCron(control)) return !definition.standard || this.#deliver(control, now);
    if (definition.standard) return this.#deliver({ ...control, type: `job.${control.type}` }, now);
    if (control.type === 'cancel') {
      if (system && accepts(definition.prepared, system).includes('job.cancel')) {
        return this.#deliver({ type: 'job.cancel', reason: control.reason }, now);
      }
      this.mark({ type: 'job.cancel', reason: control.reason }, now, ['stopped']);
      const ending = { status: 'stopped', reason: control.reason ?? 'cancelled' } as const;
      this.settlement = recordOf(definition, ending, timesOf(this.life, now));
      for (const effect of system?.effects ?? []) this.stop(effect.ref, system);
      this.starts = NONE;
      return true;
    }
    // Later than the first step these two have nothing to move.
    if (system) return true;
    this.life.firstDueAt = control.type === 'reschedule' ? control.to : now;
    this.mark({ ...control, type: `job.${control.type}` }, now, ['moved']);
    return true;
  }

  #restart(effect: StoredEffect, now: Instant): void {
    const error = effect.attempt > MAX_RESTARTS ? interruptedTooOften(effect.attempt) : null;
    if (error) return void this.finish(effect.ref, { ok: false, error }, now);
    this.patch(effect.ref, { attempt: effect.attempt + 1, status: 'pending' });
    this.mark({ type: 'carillon.interrupted', effect: effect.id }, now, ['interrupted', effect.ref]);
    const restarted = this.life.system?.effects.find((candidate) => candidate.ref === effect.ref);
    if (restarted) this.starts = appended(this.starts, restarted);
  }

  #hear(news: News, now: Instant): boolean {
    const { role } = news;
    const { system, definition } = this.life;
    if (!system) return true;
    if ('effect' in role) {
      const { id, retried } = this.life;
      // The child of an earlier life had the same address.
      const effect = system.effects.find(({ ref }) => ref === role.effect && childId(id, ref, retried) === news.child);
      const found = effect && definition.delegates.get(effect.src);
      if (found && 'record' in news) this.finish(role.effect, found.delegate.result(news.record), now);
      return !this.exhausted && !this.fault;
    }
    return this.#deliver(eventOf(news), now);
  }
}
