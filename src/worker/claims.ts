/**
 * When to claim, and how much. Hints only say that something may be due; how much is asked for follows from the free slots, and
 * what is due next from the store. One claim is in flight at a time, with a backlog while the one before it is being taken.
 */

import type { Env } from '../env.ts';
import type { Claimed, ClaimReply, ClaimRequest, Instant, Orphan, Store, WorkerEntry } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';
import { DueWatch } from './due-watch.ts';

/** Every so many claims one serves the priority level whose head has waited longest, so that none starves. */
const AGING_EVERY = 8;
/** How long to wait before asking again for what looks due but cannot be had: locked, or a second suspect. */
const UNAVAILABLE_MS = 100;
/** One that the store takes for a suspect. */
const SUSPECT_FROM_STRIKES = 2;

/** What claiming asks of the worker it claims for. */
export interface Claimant {
  /** Incarnation. An answer that comes after it changed is not ours: leaving has freed it, or will. */
  id(): string;
  working(): boolean;
  /** Places in which nothing runs and that nothing is kept for, but for the claim in flight. */
  places(): number;
  /** Nothing runs; last writes may be on their way. */
  quiet(): boolean;
  /** So many last writes are on their way that more runs would only wait for them. */
  choked(): boolean;
  holdsSuspect(): boolean;
  /** Older versions that are its to take over, as far as it knows. */
  inherits(): readonly Orphan[];
  leaseNumber(): number;
  take(reply: ClaimReply, lease: number): void;
  /** No claim is in flight any more. */
  rested(): void;
  failed(error: unknown): void;
}

interface Answer {
  readonly worker: string;
  readonly lease: number;
  readonly slots: number;
  readonly reply: ClaimReply;
}

interface ClaimSettings {
  readonly store: Store;
  readonly env: Env;
  readonly clock: StoreClock;
  readonly entry: Omit<WorkerEntry, 'id'>;
}

export class Claims {
  readonly #settings: ClaimSettings;
  readonly #claimant: Claimant;
  readonly #due: DueWatch;
  #claiming = false;
  #wanted = false;
  #backlog = false;
  #asked = 0;
  /** Asked for while the one before it is being taken. */
  #ahead: Promise<Answer> | null = null;
  #count = 0;
  #crowded = 0;
  /** When the last claim found nothing to take, by the store's clock. */
  #vainAt = Number.NEGATIVE_INFINITY;
  #looking = false;
  #lookAgain = false;

  constructor(settings: ClaimSettings, claimant: Claimant) {
    this.#settings = settings;
    this.#claimant = claimant;
    this.#due = new DueWatch(settings.env, settings.clock, () => this.wake());
  }

  /** A claim is in flight, or the question after it. */
  get busy(): boolean {
    return this.#claiming || this.#looking;
  }

  /** How many there were: tells whether one came between two looks. */
  get count(): number {
    return this.#count;
  }

  /** More is due than this worker could take, or something is that it has not asked for yet: nobody may start before it. */
  get behind(): boolean {
    return this.#backlog || this.#wanted;
  }

  get free(): number {
    return this.#claimant.places() - this.#asked;
  }

  /** A hint that something is due now. */
  wake(): void {
    this.#wanted = true;
    void this.#pump();
  }

  /** A hint that something is due at that instant. */
  expect(at: Instant): void {
    if (at <= this.#settings.clock.now()) this.wake();
    else if (this.#claimant.working()) this.#due.expect(at);
  }

  /** Small claims cost as much as large ones: with a backlog, wait until a quarter of the slots is free, or all. */
  slotFreed(): void {
    if (!this.#backlog || this.#claiming) return;
    if (this.free >= Math.ceil(this.#settings.entry.concurrency / 4) || this.#claimant.quiet()) void this.#pump();
  }

  close(): void {
    this.#due.close();
  }

  async #pump(): Promise<void> {
    if (this.#claiming) return;
    this.#claiming = true;
    const claimant = this.#claimant;
    try {
      for (let next = this.#next(); next; next = this.#next()) await this.#digest(await next);
      if (this.#wanted && this.free <= 0) this.#backlog = true;
    } catch (error) {
      claimant.failed(error);
      this.#due.expect(this.#settings.clock.now() + UNAVAILABLE_MS);
    } finally {
      this.#claiming = false;
      this.#asked = 0;
      claimant.rested();
    }
  }

  #next(): Promise<Answer> | null {
    const ahead = this.#ahead;
    this.#ahead = null;
    return ahead ?? (this.#ready() ? this.#ask(!this.#claimant.holdsSuspect()) : null);
  }

  #ready(): boolean {
    const claimant = this.#claimant;
    return claimant.working() && (this.#wanted || this.#backlog) && this.free > 0 && !claimant.choked();
  }

  async #ask(suspect: boolean): Promise<Answer> {
    const { store, entry } = this.#settings;
    this.#wanted = false;
    const worker = this.#claimant.id();
    const lease = this.#claimant.leaseNumber();
    // Half is left to what is scheduled meanwhile and starts at once, or, with a backlog, to the claim that is asked for ahead.
    const slots = Math.min(this.free, Math.ceil((this.#backlog ? entry.concurrency : this.free) / 2));
    this.#asked += slots;
    this.#count++;
    // Where the claim before took all there was, none starves.
    const leftBehind = this.#backlog || this.#vainAt !== Number.NEGATIVE_INFINITY;
    const oldestFirst = leftBehind && ++this.#crowded % AGING_EVERY === 0;
    const { defs } = entry;
    const inherits = this.#claimant.inherits();
    const asked: ClaimRequest = { worker, lease, queues: this.#queues(), defs, inherits, slots, suspect, oldestFirst };
    return { worker, lease, slots, reply: await store.claim(asked) };
  }

  async #digest({ worker, lease, slots, reply }: Answer): Promise<void> {
    this.#settings.clock.observe(reply.now);
    const { claimed, more } = reply;
    const nothing = claimed.length === 0;
    this.#asked += claimed.length - slots;
    // What is due but cannot be had now is not asked for again at once: others have it locked.
    if (worker === this.#claimant.id()) this.#backlog = more && !nothing;
    if (this.#backlog) await this.#askAhead(claimed);
    this.#asked -= claimed.length;
    if (worker !== this.#claimant.id()) return;
    this.#claimant.take(reply, lease);
    this.#vainAt = nothing ? reply.now : Number.NEGATIVE_INFINITY;
    if (reply.again !== null) this.#due.expect(reply.again);
    // Also after one that took something: it passes over what is locked, and cannot know of it.
    if (!this.#backlog) void this.#watchNext();
  }

  /** The store looks for what comes next while this thread is busy with what has come. */
  async #askAhead(claimed: readonly Claimed[]): Promise<void> {
    if (this.free < Math.ceil(this.#settings.entry.concurrency / 4) || !this.#ready()) return;
    const suspect = claimed.some(({ strikes }) => strikes >= SUSPECT_FROM_STRIKES) || this.#claimant.holdsSuspect();
    this.#ahead = this.#ask(!suspect);
    // It is waited for once what is here was taken, and only then has failed.
    this.#ahead.catch(() => {});
    // A turn of the event loop, or the question would not leave before that.
    await this.#settings.env.sleep(0);
  }

  /** Within a level the store serves them in this order: another one comes first each time, so that none starves. */
  #queues(): readonly number[] {
    const { queues } = this.#settings.entry;
    const first = this.#count % Math.max(1, queues.length);
    return [...queues.slice(first), ...queues.slice(0, first)];
  }

  /** Beside the claims: who is woken meanwhile need not wait for the answer. */
  async #watchNext(): Promise<void> {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#lookAgain && this.#claimant.working()) {
        this.#lookAgain = false;
        await this.#lookAhead();
      }
    } catch (error) {
      this.#claimant.failed(error);
      this.#due.expect(this.#settings.clock.now() + UNAVAILABLE_MS);
    } finally {
      this.#looking = false;
      this.#claimant.rested();
    }
  }

  async #lookAhead(): Promise<void> {
    const { store, clock, entry } = this.#settings;
    const reply = await store.nextDue(entry.queues, entry.defs);
    clock.observe(reply.now);
    const next = Math.min(...reply.due.values());
    if (next === Number.POSITIVE_INFINITY) return;
    // Only what was due already when a claim found nothing cannot be had: what became due since was not asked for.
    if (next <= this.#vainAt && !reply.elsewhere) this.#due.expect(reply.now + UNAVAILABLE_MS);
    else this.expect(next);
  }
}
