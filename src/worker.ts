/**
 * Claims what is due, holds it while it runs, and writes its turns in groups. One worker per scheduler. A worker whose
 * heartbeat is late drops all it holds before another one may take it, and goes on under a new identity.
 */
import type { Logger } from 'pino';
import { CommitQueue } from './commit-queue.ts';
import { DueWatch } from './due-watch.ts';
import type { RunningEffect } from './effects.ts';
import type { Env, LocalTimer } from './env.ts';
import { type Gone, Held, type Keeper } from './held.ts';
import { type Holding, holdingOf, rowOf, type Unleased } from './holding.ts';
import { Incarnation } from './incarnation.ts';
import type { StoredEffect } from './interpreter/index.ts';
import { Leases } from './leases.ts';
import type { LoadedDefinition } from './loaded-definition.ts';
import type { Claimed, Instant, Poked, Reloaded, Starter, Store, TurnWrite, WorkerEntry } from './store/contract.ts';
import type { StoreClock } from './store-clock.ts';
import type { Turn } from './turn.ts';
import { unchanged } from './turn-write.ts';

/** Every so many claims one serves the priority level whose head has waited longest, so that none starves. */
const AGING_EVERY = 8;
/** How long to wait before asking again for what looks due but cannot be had: locked, or a second suspect. */
const UNAVAILABLE_MS = 100;

export interface WorkerDeps {
  readonly store: Store;
  readonly env: Env;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly definitions: ReadonlyMap<number, LoadedDefinition>;
  readonly entry: Omit<WorkerEntry, 'id'>;
  startEffect(held: Held, effect: StoredEffect): RunningEffect;
  committed(held: Held, turn: Turn, write: TurnWrite): void;
  /** Something in that queue is due at that instant. */
  expect(queue: number, at: Instant): void;
  /** Goes on under a new identity. */
  rejoined(worker: Worker): void;
  gone(held: Held, how: Gone): void;
  quarantined(actor: { readonly id: string; readonly name: string }, reason: string): void;
  failed(error: unknown): void;
}

export class Worker implements Keeper {
  readonly #deps: WorkerDeps;
  readonly #held = new Map<string, Held>();
  readonly #finishing = new Set<Held>();
  readonly #commits: CommitQueue;
  readonly #due: DueWatch;
  readonly #incarnation: Incarnation;
  readonly #defs: readonly number[];
  #leases = new Leases();
  #state: 'new' | 'working' | 'fenced' | 'stopping' | 'stopped' = 'new';
  #reserved = 0;
  /** Asked for by the claim that is in flight. */
  #claimSlots = 0;
  #claiming = false;
  #wanted = false;
  #backlog = false;
  #claims = 0;
  #emptied: (() => void)[] = [];

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#defs = [...deps.definitions.keys()];
    this.#due = new DueWatch(deps.env, deps.clock, () => this.wake());
    this.#commits = new CommitQueue(deps.store, deps.clock, {
      identity: () => ({ worker: this.id, leases: this.#leases, trusted: this.#incarnation.trusted }),
      due: (queue) => deps.expect(queue, this.now()),
    });
    this.#incarnation = new Incarnation(deps.store, deps.env, deps.entry, {
      fenced: () => this.#fence(),
      joined: () => this.#unfence(),
    });
  }

  get id(): string {
    return this.#incarnation.id;
  }

  get heldIds(): readonly string[] {
    return [...this.#held.keys()];
  }

  get working(): boolean {
    return this.#state === 'working';
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    await this.#incarnation.join();
    this.#state = 'working';
    this.wake();
  }

  /** A hint that something is due now. */
  wake(): void {
    this.#wanted = true;
    void this.#pump();
  }

  /** A hint that something is due at that instant. */
  expect(at: Instant): void {
    if (at <= this.#deps.clock.now()) this.wake();
    else if (this.working) this.#due.expect(at);
  }

  /** Start at once: keeps slots for what is about to be inserted, until `adopt`. Null: let it become due instead. */
  reserve(wanted: number): { readonly starter: Starter; readonly slots: number } | null {
    const slots = this.working && !this.#backlog && this.#incarnation.trusted ? Math.min(wanted, this.#free) : 0;
    if (slots <= 0) return null;
    this.#reserved += slots;
    return { starter: { worker: this.id, lease: this.#leases.number() }, slots };
  }

  /** Takes over what was inserted already leased to this worker, which may be nothing. */
  adopt(reservation: { readonly starter: Starter; readonly slots: number }, started: readonly Unleased[]): void {
    this.#reserved -= reservation.slots;
    const { worker, lease } = reservation.starter;
    if (worker === this.id && started.length > 0) {
      const ids = started.map(({ life }) => life.id);
      this.#leases.opened(lease, ids);
      for (const holding of started) this.#hold({ ...holding, worker, lease });
    }
    this.#slotFreed();
  }

  /** Mail may have come for actors held here. One the store no longer knows as ours is lost. */
  async look(ids: readonly string[]): Promise<void> {
    const held = ids.map((id) => this.#held.get(id)).filter((found) => found !== undefined);
    if (held.length === 0) return;
    const worker = this.id;
    const asked = held.map(({ id, fence }) => ({ id, fence }));
    const reply = await this.#deps.store.reload(worker, asked);
    this.#deps.clock.observe(reply.now);
    if (worker !== this.id) return;
    const known = new Map(reply.held.map((reloaded) => [reloaded.id, reloaded]));
    for (const actor of held) {
      const reloaded = known.get(actor.id);
      if (reloaded) actor.letters(reloaded);
      else actor.doubt();
    }
  }

  /** Gives back what the store says is held here and was never heard of: a claim whose answer was lost. */
  async reconcile(): Promise<number> {
    if (!this.working || this.#claiming || this.#reserved > 0) return 0;
    const worker = this.id;
    const claims = this.#claims;
    const stored = await this.#deps.store.heldBy(worker);
    if (worker !== this.id || claims !== this.#claims || this.#claiming || this.#reserved > 0) return 0;
    const unknown = stored.filter(({ id }) => !this.#held.has(id) && !this.#commits.has(id));
    if (unknown.length > 0) await this.#deps.store.giveBack(worker, unknown);
    return unknown.length;
  }

  async flushLeases(): Promise<void> {
    if (this.working && this.#leases.pending) await this.#deps.store.commit(this.id, [], this.#leases.changes());
  }

  /** Lets what runs finish for so long, then hands it back without spending anything. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#state === 'new' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    this.#due.close();
    await this.#drained(timeoutMs);
    for (const held of this.#held.values()) held.handBack();
    await this.#drained(this.#deps.entry.leaseMs / 2);
    for (const held of this.#held.values()) held.lose();
    this.#state = 'stopped';
    await this.#incarnation.stop().catch((error: unknown) => this.#deps.failed(error));
  }

  // ── what a held actor asks ────────────────────────────────────────────────

  now(): Instant {
    return this.#deps.clock.now();
  }

  setTimer(ms: number, fire: () => void): LocalTimer {
    return this.#deps.env.setTimer(ms, fire);
  }

  startEffect(held: Held, effect: StoredEffect): RunningEffect {
    return this.#deps.startEffect(held, effect);
  }

  commit(write: TurnWrite): ReturnType<CommitQueue['add']> {
    return this.#commits.add(write);
  }

  async reload(held: Held): Promise<Reloaded | null | 'unreachable'> {
    try {
      const reply = await this.#deps.store.reload(this.id, [{ id: held.id, fence: held.fence }]);
      this.#deps.clock.observe(reply.now);
      return reply.held[0] ?? null;
    } catch {
      return 'unreachable';
    }
  }

  finishing(held: Held): void {
    this.#finishing.add(held);
    this.#slotFreed();
  }

  committed(held: Held, turn: Turn, write: TurnWrite): void {
    const { next, queue } = write;
    if (next.kind === 'continued' && next.wakeAt !== null)
      this.#deps.expect(queue, next.wakeAt === 'now' ? this.now() : next.wakeAt);
    this.#deps.committed(held, turn, write);
  }

  gone(held: Held, how: Gone, reason: string | null): void {
    if (this.#held.get(held.id) === held) this.#held.delete(held.id);
    this.#finishing.delete(held);
    if (how === 'lost') void this.#giveBack(held);
    else this.#leases.closed(held.holding.lease, held.id);
    this.#deps.gone(held, how);
    if (reason !== null) this.#deps.quarantined({ id: held.id, name: held.holding.life.definition.name }, reason);
    this.#tellIdle();
    this.#slotFreed();
  }

  /**
   * What is lost here may still be ours in the store, and its lease row is what frees it: that goes only once it was given
   * back. A fenced or stopping worker gives back nothing by itself: leaving does, or the reaper.
   */
  async #giveBack({ worker, id, fence, holding }: Held): Promise<void> {
    if (worker !== this.id || !this.working) return;
    const leases = this.#leases;
    try {
      const freed = await this.#deps.store.giveBack(worker, [{ id, fence }]);
      leases.closed(holding.lease, id);
      if (freed > 0) this.wake();
    } catch (error) {
      // It stays listed, and the next reconciliation asks again.
      this.#deps.failed(error);
    }
  }

  // ── claiming ──────────────────────────────────────────────────────────────

  get #free(): number {
    const running = this.#held.size - this.#finishing.size;
    return this.#deps.entry.concurrency - this.#reserved - this.#claimSlots - running;
  }

  /** Small claims cost as much as large ones: with a backlog, wait until some slots are free, or all. */
  #slotFreed(): void {
    if (!this.#backlog || this.#claiming) return;
    const { concurrency } = this.#deps.entry;
    if (this.#free >= Math.ceil(concurrency / 4) || this.#held.size === this.#finishing.size) void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#claiming) return;
    this.#claiming = true;
    try {
      while (
        this.working &&
        (this.#wanted || this.#backlog) &&
        this.#free > 0 &&
        this.#finishing.size < 8 * this.#deps.entry.concurrency
      ) {
        this.#wanted = false;
        await this.#claimOnce();
      }
      if (this.#wanted && this.#free <= 0) this.#backlog = true;
    } catch (error) {
      this.#deps.failed(error);
      this.#due.expect(this.now() + UNAVAILABLE_MS);
    } finally {
      this.#claiming = false;
      this.#claimSlots = 0;
      this.#tellIdle();
    }
  }

  async #claimOnce(): Promise<void> {
    const worker = this.id;
    const lease = this.#leases.number();
    // Without a backlog some slots are left to what is scheduled meanwhile and starts at once.
    const slots = this.#backlog ? this.#free : Math.ceil(this.#free / 2);
    this.#claimSlots = slots;
    const suspect = ![...this.#held.values()].some((held) => held.suspect);
    const oldestFirst = ++this.#claims % AGING_EVERY === 0;
    const served = { queues: this.#deps.entry.queues, defs: this.#defs };
    const reply = await this.#deps.store.claim({ ...served, worker, lease, slots, suspect, oldestFirst });
    this.#claimSlots = 0;
    this.#deps.clock.observe(reply.now);
    // A claim answered after this incarnation was fenced is not ours: `leave` or the reaper frees it.
    if (worker !== this.id) return;
    const ids = reply.claimed.map(({ id }) => id);
    this.#leases.opened(lease, ids);
    this.#pass(reply.poked);
    for (const claimed of reply.claimed) this.#open(claimed, lease);
    const nothing = reply.claimed.length === 0;
    // What is due but cannot be had now is not asked for again at once: others have it locked.
    this.#backlog = reply.more && !nothing;
    if (!this.#backlog) await this.#watchNext(nothing);
  }

  #open(claimed: Claimed, lease: number): void {
    const definition = this.#deps.definitions.get(claimed.def);
    if (!definition) return this.#deps.failed(new Error(`Claimed actor ${claimed.id} of a definition not known here.`));
    try {
      this.#hold({ ...holdingOf(claimed, definition), worker: this.id, lease });
    } catch (error) {
      // One row that cannot be read must not cost its neighbours anything.
      void this.#setAside(claimed, error as Error);
    }
  }

  #hold(holding: Holding): void {
    const held = new Held(this, holding);
    this.#held.set(held.id, held);
    held.open();
  }

  async #setAside(claimed: Claimed, error: Error): Promise<void> {
    const outcome = await this.#commits.add(unchanged(rowOf(claimed), claimed, error.message));
    if (outcome === 'committed') this.#deps.quarantined(claimed, error.message);
  }

  async #watchNext(foundNothing: boolean): Promise<void> {
    const reply = await this.#deps.store.nextDue(this.#deps.entry.queues, this.#defs);
    this.#deps.clock.observe(reply.now);
    const next = Math.min(...reply.due.values());
    if (next === Number.POSITIVE_INFINITY) return;
    if (next <= reply.now && foundNothing) this.#due.expect(reply.now + UNAVAILABLE_MS);
    else this.expect(next);
  }

  /** Actors held here were poked by our own claim; the others' owners are told. */
  #pass(poked: readonly Poked[]): void {
    const own = poked.filter(({ worker }) => worker === this.id).map(({ id }) => id);
    if (own.length > 0) this.look(own).catch((error: unknown) => this.#deps.failed(error));
    if (own.length < poked.length) this.#deps.store.announcePokes(poked.filter(({ worker }) => worker !== this.id));
  }

  #fence(): void {
    if (this.#state === 'working') this.#state = 'fenced';
    this.#deps.logger.error('The heartbeat is late: this worker drops what it holds, because another one may take it.');
    for (const held of this.#held.values()) held.lose();
    this.#leases = new Leases();
  }

  #unfence(): void {
    if (this.#state === 'fenced') this.#state = 'working';
    this.#deps.rejoined(this);
    this.wake();
  }

  get #idle(): boolean {
    return this.#held.size === 0 && !this.#claiming;
  }

  #tellIdle(): void {
    if (this.#idle) for (const resolve of this.#emptied.splice(0)) resolve();
  }

  async #drained(withinMs: number): Promise<void> {
    if (this.#idle) return;
    const enough = new AbortController();
    const emptied = new Promise<void>((resolve) => this.#emptied.push(resolve));
    await Promise.race([emptied, this.#deps.env.sleep(withinMs, enough.signal).catch(() => {})]);
    enough.abort();
  }
}
