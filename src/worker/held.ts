/**
 * An actor this worker holds: all its turns are taken here, one at a time, while any of its effects runs. A turn is written
 * before its effects start, and released with compare-and-set: mail that came meanwhile makes the write miss, and is then
 * taken into the same turn.
 */

import type { EffectResult } from '../effects/effect-result.ts';
import { RunningEffects } from '../effects/running-effects.ts';
import type { StoredEffect } from '../interpreter/index.ts';
import { appended, NONE } from '../sparse-list.ts';
import type { Instant, Reloaded, TurnWrite } from '../store/contract.ts';
import { composeWrite, type Row, unchanged } from '../turn/turn-write.ts';
import { Turn } from '../turn.ts';
import type { CommitOutcome, Writer } from './commit-queue.ts';
import type { Holding } from './holding.ts';
import type { Gone, Keeper } from './keeper.ts';
import { Letters } from './letters.ts';
import { Misses } from './misses.ts';
import { isSuspect, nominalAtOf, openTurn, startsByClaim } from './opening.ts';

const RETRY_COMMIT_MS = 200;

export class Held implements Writer {
  readonly holding: Holding;
  readonly #running = new RunningEffects();
  readonly #keeper: Keeper;
  #turn: Turn;
  #inbox: readonly ((turn: Turn, now: Instant) => void)[] = NONE;
  /** The row as the store last had it. */
  #row: Row;
  readonly #letters: Letters;
  #writing = false;
  #starting = false;
  #over = false;
  #handingBack = false;
  /** The claim is the record of this start, so it needs no write of its own. */
  #startIsClaimed: boolean;
  #ringAt: Instant | null = null;
  /** Set: it is being set aside, and why. */
  #asideFor: string | null = null;
  readonly #misses = new Misses();

  constructor(keeper: Keeper, holding: Holding) {
    this.#keeper = keeper;
    this.holding = holding;
    this.#turn = new Turn(holding.life, keeper.inspected);
    this.#row = holding.row;
    this.#letters = new Letters(holding.mail);
    this.#startIsClaimed = startsByClaim(holding);
  }

  get id(): string {
    return this.holding.life.id;
  }

  get fence(): number {
    return this.holding.fence;
  }

  get worker(): string {
    return this.holding.worker;
  }

  get nominalAt(): Instant {
    return nominalAtOf(this.#turn);
  }

  get suspect(): boolean {
    return isSuspect(this.holding);
  }

  /** The first look after the claim. */
  open(): void {
    this.#push((turn, now) => {
      if (openTurn(turn, this.holding, now)) this.#startIsClaimed = false;
      this.#letters.take(turn, this.holding.mail, now);
    });
  }

  /** New mail was seen in the store. */
  letters(reloaded: Reloaded): void {
    this.#row = { ...this.#row, pokes: reloaded.pokes, dueRowAt: reloaded.dueRowAt };
    const fresh = this.#letters.fresh(reloaded.mail);
    if (fresh.length > 0) this.#push((turn, now) => this.#letters.take(turn, fresh, now));
  }

  finished(ref: string, result: EffectResult): void {
    this.#push((turn, now) => {
      this.#running.delete(ref);
      turn.takeResult(ref, result, now);
    });
  }

  heard(event: Parameters<Turn['takeEvent']>[0], to: string): void {
    this.#push((turn, now) => turn.takeEvent(event, to, now));
  }

  /** Gives it back without spending anything: its worker stops. */
  handBack(): void {
    this.#handingBack = true;
    this.#push((turn, now) => {
      this.#running.abortAll('stopping');
      turn.handBack(now);
    });
  }

  /** The store does not list it among what is held. While a write is on its way, only that write's answer can tell. */
  doubt(): void {
    if (!this.#writing) this.lose();
  }

  /** The lease is lost: nothing may be written any more, and whatever runs has to know. */
  lose(): void {
    if (this.#over) return;
    this.#end('lost');
  }

  #push(happening: (turn: Turn, now: Instant) => void): void {
    if (this.#over) return;
    if (this.#writing || this.#starting) this.#inbox = appended(this.#inbox, happening);
    else this.#advance(happening);
  }

  /** Whatever goes wrong here is this actor's own affair: its worker and its neighbours go on. */
  #advance(happening?: (turn: Turn, now: Instant) => void): void {
    if (this.#writing || this.#starting || this.#over) return;
    try {
      this.#proceed(happening);
    } catch (error) {
      this.#setAside(cannotGoOn(error));
    }
  }

  #proceed(last?: (turn: Turn, now: Instant) => void): void {
    const turn = this.#turn;
    const now = this.#keeper.now();
    this.#letters.takePostponed(turn, now);
    const inbox = this.#inbox;
    this.#inbox = NONE;
    for (const happening of inbox) happening(turn, now);
    last?.(turn, now);
    if (!this.#handingBack) {
      turn.begin(now);
      turn.fireDue(now, now);
    }
    if (!this.#stays(turn)) return this.#write();
    const needsNoWrite = this.#startIsClaimed || (turn.empty && this.holding.limits === null);
    if (turn.starts.length > 0 && needsNoWrite) this.#start(turn);
    else if (!turn.empty || turn.starts.length > 0) return this.#write();
    if (this.#inbox.length > 0) return this.#advance();
    this.#wait();
  }

  #start(turn: Turn): void {
    this.#startIsClaimed = false;
    turn.markRunning();
    const effects = turn.starts;
    turn.starts = NONE;
    this.#startAll(effects);
  }

  /** One may speak, or end, while it is being started or spoken to: that is heard once all of them run. */
  #startAll(effects: readonly StoredEffect[], relays: Turn['relays'] = NONE): void {
    this.#starting = true;
    try {
      for (const effect of effects) this.#running.add(this.#keeper.startEffect(this, effect));
      for (const { ref, event } of relays) this.#running.get(ref)?.relay(event);
    } finally {
      this.#starting = false;
    }
  }

  /** Its own timers are kept here while it is held; the store has no due row for them. */
  #wait(): void {
    const at = this.#turn.nextDueAt;
    if (this.#ringAt === at) return;
    this.#ringAt = at;
    if (at !== null) this.#keeper.expectRing(at);
  }

  /** When it wants to be looked at. */
  get ringAt(): Instant | null {
    return this.#ringAt;
  }

  /** That instant has come. */
  ring(): void {
    this.#ringAt = null;
    this.#advance();
  }

  #write(): void {
    this.#writing = true;
    const turn = this.#turn;
    const stays = this.#stays(turn);
    if (stays) turn.markRunning();
    const { crowded } = this.#misses;
    const { queue, priority, fence, limits } = this.holding;
    const intent = { queue, priority, fence, limits, stays, dueAgain: this.#handingBack, crowded };
    const write = composeWrite(turn, this.#row, intent);
    if (write instanceof Error) return this.#setAside(`Its state could not be stored: ${write.message}`);
    if (!stays) this.#keeper.finishing(this);
    this.#keeper.commit(write, this);
  }

  written(write: TurnWrite, outcome: CommitOutcome): void {
    if (this.#over) return;
    try {
      this.#goOn(write, outcome);
    } catch (error) {
      this.#setAside(cannotGoOn(error));
    }
  }

  #goOn(write: TurnWrite, outcome: CommitOutcome): void {
    const aside = this.#asideFor;
    if (aside !== null) return outcome === 'committed' ? this.#end('quarantined', aside) : this.#end('lost');
    this.#writing = false;
    if (outcome === 'committed') return this.#afterCommit(this.#turn, write);
    if (outcome === 'missed') return void this.#afterMiss(this.#turn, write);
    if (outcome === 'waiting') return this.#end('released');
    if (outcome === 'unreachable') return this.#retry(RETRY_COMMIT_MS);
    this.#setAside(`Its state could not be stored: ${outcome.refused.message}`);
  }

  /** Something of it runs, or is about to: this worker keeps it. */
  #stays(turn: Turn): boolean {
    if (turn.settlement || turn.fault) return false;
    return turn.starts.length > 0 || this.#running.outlast(turn.stops);
  }

  #afterCommit(turn: Turn, write: TurnWrite): void {
    const { next } = write;
    this.#misses.over();
    const stays = next.kind === 'continued' && next.hold;
    if (stays) {
      const { seq, snapshot, history, state, attempt } = next;
      const strikes = turn.survived ? 0 : this.#row.strikes;
      this.#row = { ...this.#row, def: write.def, seq, snapshot, history, state, attempt, strikes, dueRowAt: null };
    }
    for (const ref of turn.stops) this.#running.abort(ref, 'left');
    this.#keeper.committed(this, turn, write);
    if (!stays) this.#startAll(NONE, turn.relays);
    if (next.kind === 'settled') return this.#end('settled');
    if (next.quarantine !== null) return this.#end('quarantined', next.quarantine);
    if (!next.hold) return this.#end('released');
    // A refused start leaves nothing of its turn, so the end of one attempt and the start of the next are never in one.
    this.#turn = new Turn(turn.life, this.#keeper.inspected);
    this.#turn.closed = this.holding.limits !== null;
    this.#startAll(turn.starts, turn.relays);
    this.#advance();
  }

  async #afterMiss(turn: Turn, write: TurnWrite): Promise<void> {
    const early = (turn.notBefore ?? 0) - this.#keeper.now();
    this.#writing = true;
    const reloaded = await this.#keeper.reload(this);
    this.#writing = false;
    if (this.#over) return;
    try {
      this.#lookAgain(write, reloaded, early);
    } catch (error) {
      this.#setAside(cannotGoOn(error));
    }
  }

  #lookAgain({ pokes }: TurnWrite, reloaded: Reloaded | null | 'unreachable', early: number): void {
    if (reloaded === 'unreachable') return this.#retry(RETRY_COMMIT_MS);
    if (!reloaded || reloaded.seq !== this.#row.seq) return this.#end('lost');
    // Compared with what was written: the row may have been read again while that was on its way.
    const blind = pokes === null || reloaded.pokes === pokes;
    if (!this.#misses.another(blind)) return this.#end('lost');
    this.letters(reloaded);
    if (blind) this.#retry(Math.max(1, early));
    else this.#advance();
  }

  #retry(ms: number): void {
    this.#keeper.setTimer(ms, () => this.#advance());
  }

  /** Keeps the actor as the store last had it, out of circulation, and says why. */
  #setAside(reason: string): void {
    if (this.#over) return;
    this.#writing = true;
    this.#asideFor = reason;
    const { queue, priority, fence, limits } = this.holding;
    this.#keeper.commit(unchanged(this.#row, { id: this.id, queue, priority, fence, limits }, reason), this);
  }

  #end(how: Gone, reason: string | null = null): void {
    if (this.#over) return;
    this.#over = true;
    this.#inbox = NONE;
    this.#running.abortAll(how === 'lost' ? 'lost' : 'left');
    this.#keeper.gone(this, how, reason);
  }
}

function cannotGoOn(error: unknown): string {
  return `It cannot go on: ${(error as Error).message}`;
}
