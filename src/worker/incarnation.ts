import type { Env, LocalTimer } from '../env.ts';
import type { Heartbeat, Store, WorkerEntry } from '../store/contract.ts';

/** Of a lease: after this part without an accepted beat a worker no longer trusts that it is alive. */
const FENCE_AT = 0.8;
/** Of a lease: a main loop that came round this late was stuck, and its heartbeat was withheld for it. */
const STUCK_AT = 1 / 3;
/** How many times per lease the main loop shows that it is not stuck, and looks at its own heartbeat. */
const PULSES_PER_LEASE = 10;
const REJOIN_MS = 250;

/**
 * Who this worker is, for as long as its heartbeat is accepted in time. One that is late is over: another process may be
 * taking its actors already, so it writes nothing more under that id and joins again under a new one.
 */
export class Incarnation {
  readonly #store: Store;
  readonly #env: Env;
  readonly #entry: Omit<WorkerEntry, 'id'>;
  readonly #on: { fenced(): void; joined(): void };
  #heartbeat: Heartbeat | null = null;
  #pulse: LocalTimer | null = null;
  #stopped = false;
  #id: string;

  constructor(store: Store, env: Env, entry: Omit<WorkerEntry, 'id'>, on: { fenced(): void; joined(): void }) {
    this.#store = store;
    this.#env = env;
    this.#entry = entry;
    this.#on = on;
    this.#id = env.uuid();
  }

  get id(): string {
    return this.#id;
  }

  async join(): Promise<void> {
    this.#heartbeat = await this.#store.join({ ...this.#entry, id: this.#id });
    this.#beat();
  }

  /** True while everything done under this id may still be written. */
  get trusted(): boolean {
    if (!this.#heartbeat) return false;
    return this.#env.monotonicMs() - this.#heartbeat.lastBeatMs() < this.#entry.leaseMs * FENCE_AT;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pulse?.clear();
    await this.#heartbeat?.stop();
    this.#heartbeat = null;
    await this.#store.leave(this.#id);
  }

  #beat(): void {
    this.#heartbeat?.tick();
    const beatMs = this.#env.monotonicMs();
    this.#pulse = this.#env.setTimer(this.#entry.leaseMs / PULSES_PER_LEASE, () => {
      if (this.#stopped) return;
      if (this.trusted) return this.#beat();
      void this.#rejoin(this.#env.monotonicMs() - beatMs > this.#entry.leaseMs * STUCK_AT);
    });
  }

  /**
   * Where the store was away, frees what the old id still holds as soon as it answers: its runs are aborted, so nobody has to
   * wait a lease. Where this process was stuck, one of its runs may be why: they are left to the reaper, which counts a strike.
   */
  async #rejoin(stuck: boolean): Promise<void> {
    const old = { id: this.#id, heartbeat: this.#heartbeat };
    this.#heartbeat = null;
    this.#id = this.#env.uuid();
    this.#on.fenced();
    await old.heartbeat?.stop().catch(() => {});
    while (!this.#stopped) {
      try {
        if (!stuck) await this.#store.leave(old.id);
        await this.join();
        return this.#on.joined();
      } catch {
        await this.#env.sleep(REJOIN_MS);
      }
    }
  }
}
