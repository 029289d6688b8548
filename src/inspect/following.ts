/**
 * Follows what all processes do, by looking into the store: the newest actors, and those that have not settled. For people who
 * watch; a worker's own `inspect` option tells at once and of every turn.
 */
import type { Env } from '../env.ts';
import type { Scheduler } from '../scheduler.ts';
import type { StatelyInspectionEvent } from './stately-events.ts';

const LOOK_EVERY_MS = 500;
/** Newest actors in one look. */
const NEWEST = 50;
/** Actors that are watched until they settle. */
const MAX_WATCHED = 100;

interface Followed {
  readonly seq: number;
  /** Events told of it, its introduction included. */
  readonly told: number;
}

export interface FollowOptions {
  readonly scheduler: Pick<Scheduler, 'list' | 'get' | 'inspectionEvents'>;
  readonly env: Env;
  /** Only this one. All unless given. */
  readonly id?: string;
  tell(event: StatelyInspectionEvent): void;
  failed(error: unknown): void;
}

export class Following {
  readonly #options: FollowOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #stopping = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look();
    this.#looking = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'));
    await this.#looking;
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#options.env.sleep(LOOK_EVERY_MS, signal).catch(() => {});
      if (signal.aborted) return;
      await this.#look().catch((error: unknown) => this.#options.failed(error));
    }
  }

  async #look(): Promise<void> {
    const { scheduler, id } = this.#options;
    if (id !== undefined) return this.#tellOf(id);
    const { items } = await scheduler.list({ limit: NEWEST });
    const seen = new Set(items.map((item) => item.id));
    // The eldest first, so that parents come before their children.
    for (const item of items.reverse()) if (this.#followed.get(item.id)?.seq !== item.seq) await this.#tellOf(item.id);
    // Looking at one moves it to the end, so they are listed first.
    const others = Array.from(this.#followed.keys()).filter((watched) => !seen.has(watched));
    for (const watched of others) await this.#tellOf(watched);
  }

  async #tellOf(id: string): Promise<void> {
    const { scheduler } = this.#options;
    const before = this.#followed.get(id);
    const view = await scheduler.get(id);
    if (!view) return void this.#followed.delete(id);
    if (before?.seq !== view.seq) {
      const events = await scheduler.inspectionEvents(id);
      const own = events.filter(({ sessionId }) => sessionId === id);
      if (!before) this.#introduceFamily(events.filter(({ sessionId }) => sessionId !== id));
      // What begins with another introduction than before begins anew: it was only known by its row until now.
      const from = before && before.told <= own.length ? before.told : 0;
      for (const event of own.slice(from)) this.#options.tell(event);
      this.#follow(id, { seq: view.seq, told: own.length });
    }
    if (view.settledAt && this.#options.id === undefined && !this.#isNew(id)) this.#followed.delete(id);
  }

  #introduceFamily(events: readonly StatelyInspectionEvent[]): void {
    const unmet = events.filter(({ sessionId }) => !this.#followed.has(sessionId));
    for (const event of unmet) {
      this.#options.tell(event);
      const told = (this.#followed.get(event.sessionId)?.told ?? 0) + 1;
      // What happened to it is told when it is looked at itself.
      this.#follow(event.sessionId, { seq: -1, told });
    }
  }

  #follow(id: string, followed: Followed): void {
    this.#followed.delete(id);
    this.#followed.set(id, followed);
    const [eldest] = this.#followed.keys();
    if (this.#followed.size > MAX_WATCHED && eldest !== undefined) this.#followed.delete(eldest);
  }

  /** Among those that the next look finds again. */
  #isNew(id: string): boolean {
    return [...this.#followed.keys()].slice(-2 * NEWEST).includes(id);
  }
}
