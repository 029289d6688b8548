/**
 * An actor this worker holds: all its turns are taken here, one at a time, while any of its effects runs. A turn is written
 * before its effects start, and released with compare-and-set: mail that came meanwhile makes the write miss, and is then
 * taken into the same turn.
 */
import { encode } from './codec.ts';
import type { CommitOutcome } from './commit-queue.ts';
import type { RunningEffect } from './effects.ts';
import type { LocalTimer } from './env.ts';
import { encodeState, type StoredEffect } from './interpreter/index.ts';
import { decodeLetter } from './mail.ts';
import type { Instant, Mail, Reloaded, TurnWrite } from './store/contract.ts';
import { type EffectResult, type Life, Turn } from './turn.ts';

/** A history of at most this many bytes stays in the actor's row; a longer one moves to the journal. */
const ROW_HISTORY_BYTES = 1200;
/** Misses in a row without anything new to see, after which the actor counts as lost. */
const MAX_BLIND_MISSES = 5;
const RETRY_COMMIT_MS = 200;

/** What a held actor asks of the worker that holds it. */
export interface Keeper {
  now(): Instant;
  setTimer(ms: number, fire: () => void): LocalTimer;
  commit(write: TurnWrite): Promise<CommitOutcome>;
  reload(held: Held): Promise<Reloaded | null | 'unreachable'>;
  startEffect(held: Held, effect: StoredEffect): RunningEffect;
  /** Its last write is on its way: it needs no slot any more. */
  finishing(held: Held): void;
  committed(held: Held, turn: Turn, write: TurnWrite): void;
  /** It is no longer ours: released, settled, quarantined or lost. */
  gone(held: Held, how: 'released' | 'settled' | 'quarantined' | 'lost'): void;
}

export interface Holding {
  readonly life: Life;
  readonly queue: number;
  readonly priority: number;
  readonly labels: readonly string[];
  readonly parent: string | null;
  /** Incarnation that claimed it, and its lease row. */
  readonly worker: string;
  readonly lease: number;
  readonly fence: number;
  readonly pokes: number;
  readonly strikes: number;
  readonly claimedBefore: Instant | null;
  readonly dueRowAt: Instant | null;
  /** Texts as the store has them. */
  readonly snapshot: string | null;
  readonly history: string;
  readonly state: string | null;
  readonly attempt: number;
  readonly mail: readonly Mail[];
}

/** Before it is known who holds it. */
export type Unleased = Omit<Holding, 'worker' | 'lease'>;

/** Interruptions are charged from this many strikes on: the actor was then the only suspect of the worker that died. */
const CHARGED_FROM_STRIKES = 3;

export class Held {
  readonly holding: Holding;
  readonly running = new Map<string, RunningEffect>();
  readonly #keeper: Keeper;
  #turn: Turn;
  #inbox: ((turn: Turn, now: Instant) => void)[] = [];
  #pokes: number;
  #seq: number;
  #dueRowAt: Instant | null;
  #strikes: number;
  #committed: { snapshot: string | null; history: string; state: string | null; attempt: number };
  readonly #seen: Set<string>;
  /** Letters the open turn could not take any more; the next one does. */
  #postponed: Mail[] = [];
  #writing = false;
  #over = false;
  #handingBack = false;
  /** The claim is the record of this start, so it needs no write of its own. */
  #startIsClaimed: boolean;
  #timer: { readonly at: Instant; readonly local: LocalTimer } | null = null;
  #blindMisses = 0;

  constructor(keeper: Keeper, holding: Holding) {
    this.#keeper = keeper;
    this.holding = holding;
    this.#turn = new Turn(holding.life);
    this.#pokes = holding.pokes;
    this.#seq = holding.life.seq;
    this.#dueRowAt = holding.dueRowAt;
    this.#strikes = holding.strikes;
    this.#committed = {
      snapshot: holding.snapshot,
      history: holding.history,
      state: holding.state,
      attempt: holding.attempt,
    };
    this.#seen = new Set(holding.mail.map((mail) => mail.id));
    this.#startIsClaimed = holding.strikes === 0 && holding.mail.length === 0 && holding.life.definition.standard;
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

  /** When the run was due, not when it began. */
  get nominalAt(): Instant {
    const { life } = this.#turn;
    const context = this.#turn.context as { dueAt?: unknown } | undefined;
    return life.definition.standard && typeof context?.dueAt === 'number' ? context.dueAt : life.firstDueAt;
  }

  get suspect(): boolean {
    return this.holding.strikes >= CHARGED_FROM_STRIKES - 1;
  }

  /** The first look after the claim. */
  open(): void {
    const { strikes, claimedBefore, mail } = this.holding;
    const now = this.#keeper.now();
    const effects = this.holding.life.system?.effects ?? [];
    if (strikes > 0 || effects.some((effect) => effect.status === 'running')) {
      this.#turn.interrupt(strikes >= CHARGED_FROM_STRIKES, strikes > 0 ? claimedBefore : null, now);
      this.#startIsClaimed = false;
    } else if (effects.length > 0) this.#turn.resumePending();
    this.#takeMail(this.#turn, mail, now);
    this.#advance();
  }

  /** New mail was seen in the store. */
  letters(reloaded: Reloaded): void {
    this.#pokes = reloaded.pokes;
    this.#dueRowAt = reloaded.dueRowAt;
    const fresh = reloaded.mail.filter((mail) => !this.#seen.has(mail.id));
    for (const mail of fresh) this.#seen.add(mail.id);
    if (fresh.length > 0) this.#push((turn, now) => this.#takeMail(turn, fresh, now));
  }

  finished(ref: string, result: EffectResult): void {
    this.running.delete(ref);
    this.#push((turn, now) => turn.takeResult(ref, result, now));
  }

  heard(event: Parameters<Turn['takeEvent']>[0], to: string): void {
    this.#push((turn, now) => turn.takeEvent(event, to, now));
  }

  /** Gives it back without spending anything: its worker stops. */
  handBack(): void {
    this.#handingBack = true;
    this.#push((turn, now) => {
      for (const effect of this.running.values()) effect.abort('stopping');
      this.running.clear();
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
    this.#inbox.push(happening);
    this.#advance();
  }

  #takeMail(turn: Turn, mail: readonly Mail[], now: Instant): void {
    for (const letter of mail) {
      if (!turn.takeMail(letter.id, decodeLetter(letter.event), letter.at, now)) this.#postponed.push(letter);
    }
  }

  #advance(): void {
    if (this.#writing || this.#over) return;
    const turn = this.#turn;
    const now = this.#keeper.now();
    for (const happening of this.#inbox.splice(0)) happening(turn, now);
    if (!this.#handingBack) {
      turn.begin(now);
      turn.fireDue(now, now);
    }
    if (turn.settlement || turn.fault) return void this.#write();
    const runs = turn.starts.length > 0 || [...this.running.keys()].some((ref) => !turn.stops.includes(ref));
    if (!runs) return void this.#write();
    if (turn.starts.length > 0 && (this.#startIsClaimed || turn.empty)) this.#start(turn);
    else if (!turn.empty || turn.starts.length > 0) return void this.#write();
    this.#wait();
  }

  #start(turn: Turn): void {
    this.#startIsClaimed = false;
    turn.markRunning();
    for (const effect of turn.starts.splice(0)) this.running.set(effect.ref, this.#keeper.startEffect(this, effect));
  }

  /** Its own timers are kept here while it is held; the store has no due row for them. */
  #wait(): void {
    const at = this.#turn.nextDueAt;
    if (this.#timer?.at === at) return;
    this.#timer?.local.clear();
    this.#timer = null;
    if (at === null) return;
    const local = this.#keeper.setTimer(Math.max(0, at - this.#keeper.now()), () => {
      this.#timer = null;
      this.#advance();
    });
    this.#timer = { at, local };
  }

  async #write(): Promise<void> {
    this.#writing = true;
    const turn = this.#turn;
    const write = this.#composeWrite(turn);
    const { kind } = write.next;
    const leaves = kind === 'settled' || !write.next.hold;
    if (leaves) this.#keeper.finishing(this);
    const outcome = await this.#keeper.commit(write);
    if (this.#over) return;
    this.#writing = false;
    if (outcome === 'committed') return this.#afterCommit(turn, write);
    if (outcome === 'missed') return this.#afterMiss(turn);
    if (outcome === 'unreachable') return this.#retry(RETRY_COMMIT_MS);
    await this.#setAside(outcome.refused);
  }

  #afterCommit(turn: Turn, write: TurnWrite): void {
    const { next } = write;
    this.#blindMisses = 0;
    this.#seq = next.seq;
    this.#committed = { snapshot: next.snapshot, history: next.history, state: next.state, attempt: next.attempt };
    if (turn.survived) this.#strikes = 0;
    for (const ref of turn.stops) {
      this.running.get(ref)?.abort('left');
      this.running.delete(ref);
    }
    this.#keeper.committed(this, turn, write);
    for (const { ref, event } of turn.relays) this.running.get(ref)?.relay(event);
    if (next.kind === 'settled') return this.#end('settled');
    if (next.quarantine !== null) return this.#end('quarantined');
    if (!next.hold) return this.#end('released');
    this.#dueRowAt = null;
    for (const effect of turn.starts) this.running.set(effect.ref, this.#keeper.startEffect(this, effect));
    this.#turn = new Turn(turn.life);
    const postponed = this.#postponed.splice(0);
    if (postponed.length > 0) this.#inbox.unshift((next, now) => this.#takeMail(next, postponed, now));
    this.#advance();
  }

  async #afterMiss(turn: Turn): Promise<void> {
    const early = (turn.notBefore ?? 0) - this.#keeper.now();
    this.#writing = true;
    const reloaded = await this.#keeper.reload(this);
    this.#writing = false;
    if (this.#over) return;
    if (reloaded === 'unreachable') return this.#retry(RETRY_COMMIT_MS);
    if (!reloaded || reloaded.seq !== this.#seq) return this.#end('lost');
    if (reloaded.pokes === this.#pokes && ++this.#blindMisses > MAX_BLIND_MISSES) return this.#end('lost');
    const again = reloaded.pokes === this.#pokes;
    this.letters(reloaded);
    if (again) this.#retry(Math.max(1, early));
    else this.#advance();
  }

  #retry(ms: number): void {
    this.#keeper.setTimer(ms, () => this.#advance());
  }

  /** The store cannot hold what this turn made of the actor: keep what it was, and say why. */
  async #setAside(error: Error): Promise<void> {
    this.#turn = new Turn({ ...this.holding.life, seq: this.#seq });
    const { id, fence } = this;
    const { def } = this.holding.life.definition;
    const { queue, priority } = this.holding;
    const quarantine = `Its state could not be stored: ${error.message}`;
    const next = {
      kind: 'continued',
      hold: false,
      strikes: 0,
      wakeAt: null,
      quarantine,
      segment: null,
      seq: this.#seq,
      ...this.#committed,
    } as const;
    this.#writing = true;
    const outcome = await this.#keeper.commit({
      ...{
        id,
        def,
        queue,
        priority,
        fence,
        seq: this.#seq,
        pokes: this.#pokes,
        notBefore: null,
        dueRowAt: this.#dueRowAt,
      },
      ...{ mail: [], next, sends: [], spawns: [] },
    });
    this.#end(outcome === 'committed' ? 'quarantined' : 'lost');
  }

  #composeWrite(turn: Turn): TurnWrite {
    const { id, fence } = this;
    const { queue, priority } = this.holding;
    const { definition } = this.holding.life;
    const { settlement, fault } = turn;
    const stays =
      !settlement &&
      !fault &&
      (turn.starts.length > 0 || [...this.running.keys()].some((ref) => !turn.stops.includes(ref)));
    if (stays) turn.markRunning();
    const { system, seq } = turn.life;
    const snapshot = system ? encodeState(system) : null;
    const added = turn.lines.join('\n');
    const kept = this.#committed.history;
    const spills = kept !== '' && kept.length + added.length > ROW_HISTORY_BYTES;
    const segment = spills
      ? { fromSeq: this.#seq - kept.split('\n').length + 1, base: this.#committed.snapshot, entries: kept }
      : null;
    const history = spills || kept === '' ? added : added === '' ? kept : `${kept}\n${added}`;
    const value = turn.value;
    const result = {
      state: value === null ? this.#committed.state : JSON.stringify(value),
      snapshot,
      history,
      segment,
      seq,
      attempt: turn.attempt,
    };
    const common = { id, def: definition.def, queue, priority, fence, seq: this.#seq, pokes: this.#pokes };
    const write = {
      ...common,
      notBefore: turn.notBefore,
      dueRowAt: this.#dueRowAt,
      mail: turn.consumed,
      sends: [],
      spawns: [],
    };
    const record = settlement ? encode(settlement.record, { path: 'record', maxBytes: Number.POSITIVE_INFINITY }) : '';
    if (settlement)
      return {
        ...write,
        next: { ...result, kind: 'settled', ...settlement, record, ...definition.settling(settlement) },
      };
    const wakeAt = stays || fault ? null : turn.exhausted || this.#handingBack ? 'now' : turn.nextDueAt;
    const strikes = stays && !turn.survived ? this.#strikes : 0;
    return {
      ...write,
      next: { ...result, kind: 'continued', hold: stays, strikes, wakeAt, quarantine: fault?.message ?? null },
    };
  }

  #end(how: 'released' | 'settled' | 'quarantined' | 'lost'): void {
    this.#over = true;
    this.#inbox = [];
    this.#timer?.local.clear();
    for (const effect of this.running.values()) effect.abort(how === 'lost' ? 'lost' : 'left');
    this.running.clear();
    this.#keeper.gone(this, how);
  }
}
