/**
 * Claims what is due, holds it while it runs, and writes its turns in groups. One worker per scheduler. A worker whose
 * heartbeat is late drops all it holds before another one may take it, and goes on under a new identity.
 */
import type { RunningEffect } from './effects.ts';
import type { LocalTimer } from './env.ts';
import type { StoredEffect } from './interpreter/index.ts';
import type { ClaimReply, Instant, Orphan, Poked, Reloaded, Starter, TurnWrite } from './store/contract.ts';
import type { Turn } from './turn.ts';
import { type Claimant, Claims } from './worker/claims.ts';
import { CommitQueue, type Writer } from './worker/commit-queue.ts';
import type { WorkerDeps } from './worker/deps.ts';
import { Emptying } from './worker/emptying.ts';
import type { Held } from './worker/held.ts';
import { leased, type Unleased } from './worker/holding.ts';
import { Incarnation } from './worker/incarnation.ts';
import { Intake } from './worker/intake.ts';
import type { Gone, Keeper } from './worker/keeper.ts';
import { Leases } from './worker/leases.ts';
import { Reconciliation } from './worker/reconciliation.ts';
import { Rings } from './worker/rings.ts';
import { Roster } from './worker/roster.ts';

export class Worker implements Keeper {
  readonly reconciliation: Reconciliation;
  readonly #deps: WorkerDeps;
  readonly #roster = new Roster();
  readonly #commits: CommitQueue;
  readonly #claims: Claims;
  readonly #rings: Rings;
  readonly #intake: Intake;
  readonly #incarnation: Incarnation;
  readonly #emptying: Emptying;
  #leases = new Leases();
  #state: 'new' | 'working' | 'fenced' | 'stopping' | 'stopped' = 'new';
  #reserved = 0;
  #inherits: readonly Orphan[] = [];

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#claims = new Claims(deps, this.#claimant());
    this.#emptying = new Emptying(deps.env, () => this.#roster.size === 0 && !this.#claims.busy);
    this.#rings = new Rings(deps.env, deps.clock, this.#roster);
    this.#commits = new CommitQueue(deps.store, deps.clock, {
      identity: () => ({ worker: this.id, leases: this.#leases, trusted: this.#incarnation.trusted }),
      due: (queue, at) => deps.expect(queue, at ?? this.now()),
    });
    const { definitions, store, clock } = deps;
    const roster = this.#roster;
    const commits = this.#commits;
    this.#intake = new Intake({
      definitions,
      keeper: this,
      roster,
      commits,
      quarantined: (actor, reason) => deps.quarantined(actor, reason),
    });
    const between = { store, clock, roster, commits, claims: this.#claims };
    this.reconciliation = new Reconciliation(between, {
      id: () => this.id,
      working: () => this.working,
      leases: () => this.#leases,
      reserved: () => this.#reserved,
      wake: () => this.wake(),
      failed: (error) => deps.failed(error),
    });
    this.#incarnation = new Incarnation(deps.store, deps.env, deps.entry, {
      fenced: () => this.#fence(),
      joined: () => this.#unfence(),
    });
  }

  get inspected(): boolean {
    return this.#deps.inspected;
  }

  get id(): string {
    return this.#incarnation.id;
  }

  get heldIds(): readonly string[] {
    return this.#roster.ids;
  }

  get working(): boolean {
    return this.#state === 'working';
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    await this.#incarnation.join();
    this.#state = 'working';
    // What it cannot learn now, its sweep asks again.
    await this.inherit().catch((error: unknown) => this.#deps.failed(error));
    this.wake();
  }

  /** Looks for overdue actors of older versions that nobody else has code for. From then on they are claimed here. */
  async inherit(): Promise<void> {
    const { store, entry } = this.#deps;
    this.#inherits = await store.orphans(entry.queues, entry.defs);
    if (this.#inherits.length > 0) this.wake();
  }

  /** A hint that something is due now. */
  wake(): void {
    this.#claims.wake();
  }

  /** A hint that something is due at that instant. */
  expect(at: Instant): void {
    this.#claims.expect(at);
  }

  /** Start at once: keeps slots for what is about to be inserted, until `adopt`. Null: let it become due instead. */
  reserve(wanted: number): { readonly starter: Starter; readonly slots: number } | null {
    const startable = this.working && !this.#claims.behind && this.#incarnation.trusted;
    const slots = startable ? Math.min(wanted, this.#claims.free) : 0;
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
      for (const holding of started) this.#intake.hold(leased(holding, worker, lease));
    }
    this.#claims.slotFreed();
  }

  /** Lets what runs finish for so long, then hands it back without spending anything. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#state === 'new' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    this.#claims.close();
    await this.#emptying.within(timeoutMs);
    this.#roster.handBack();
    await this.#emptying.within(this.#deps.entry.leaseMs / 2);
    this.#roster.lose();
    this.#state = 'stopped';
    this.#rings.close();
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

  expectRing(at: Instant): void {
    this.#rings.expect(at);
  }

  commit(write: TurnWrite, writer: Writer): void {
    this.#commits.add(this.id, write, writer);
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
    this.#roster.finish(held);
    this.#claims.slotFreed();
  }

  committed(held: Held, turn: Turn, write: TurnWrite): void {
    const { next, queue } = write;
    if (next.kind === 'continued' && next.wakeAt !== null)
      this.#deps.expect(queue, next.wakeAt === 'now' ? this.now() : next.wakeAt);
    this.#deps.committed(held, turn, write);
  }

  gone(held: Held, how: Gone, reason: string | null): void {
    this.#roster.remove(held);
    if (how === 'lost') void this.reconciliation.giveBack(held);
    else this.#leases.closed(held.holding.lease, held.id);
    this.#deps.gone(held, how);
    const { queue, life } = held.holding;
    if (reason !== null) this.#deps.quarantined({ id: held.id, name: life.definition.name, queue }, reason);
    this.#emptying.look();
    this.#claims.slotFreed();
  }

  // ── claiming ──────────────────────────────────────────────────────────────

  #claimant(): Claimant {
    const roster = this.#roster;
    return {
      id: () => this.id,
      working: () => this.working,
      places: () => this.#deps.entry.concurrency - this.#reserved - roster.running,
      quiet: () => roster.running === 0,
      choked: () => roster.finishing >= 8 * this.#deps.entry.concurrency,
      holdsSuspect: () => roster.holdsSuspect,
      inherits: () => this.#inherits,
      leaseNumber: () => this.#leases.number(),
      take: (reply, lease) => this.#take(reply, lease),
      rested: () => this.#emptying.look(),
      failed: (error) => this.#deps.failed(error),
    };
  }

  #take({ claimed, poked }: ClaimReply, lease: number): void {
    const ids = claimed.map(({ id }) => id);
    this.#leases.opened(lease, ids);
    this.#pass(poked);
    for (const each of claimed) this.#intake.open(each, this.id, lease);
  }

  /** Actors held here were poked by our own claim; the others' owners are told. */
  #pass(poked: readonly Poked[]): void {
    const own = poked.filter(({ worker }) => worker === this.id).map(({ id }) => id);
    if (own.length > 0) this.reconciliation.look(own).catch((error: unknown) => this.#deps.failed(error));
    if (own.length < poked.length) this.#deps.store.announcePokes(poked.filter(({ worker }) => worker !== this.id));
  }

  #fence(): void {
    if (this.#state === 'working') this.#state = 'fenced';
    this.#deps.logger.error('The heartbeat is late: this worker drops what it holds, because another one may take it.');
    this.#roster.lose();
    this.#leases = new Leases();
  }

  #unfence(): void {
    if (this.#state === 'fenced') this.#state = 'working';
    this.#deps.rejoined(this);
    this.wake();
  }
}
