/**
 * Waits for actors to settle or to reach a state. All waiters of a process share one question to the store; what this
 * process's own worker commits makes it ask at once.
 */

import type { Env, LocalTimer } from '../env.ts';
import { ActorNotFoundError, ActorSettledError, WaitTimeoutError } from '../errors.ts';
import type { Instant, Progressed, Store } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';
import { isActorId } from './actor-id.ts';

/** How often whoever waits asks the store, unless this process's own worker tells. */
const ASK_EVERY_MS = 100;

interface Waiter {
  readonly id: string;
  /** Dotted path of the state waited for; null: any final one. */
  readonly state: string | null;
  /** States entered from here on count, even when they were left again between two questions. */
  since: Since;
  /** Whether a worker had it at the last answer. */
  held: boolean;
  resolve(found: Progressed): void;
  reject(error: Error): void;
}

/** After so many events, or, before the first answer, from that instant on. */
export type Since = { readonly seq: number } | { readonly at: Instant };

export class Waiting {
  readonly #store: Store;
  readonly #env: Env;
  readonly #clock: StoreClock;
  /** States an actor was in, the one it is shown in included. */
  readonly #statesSince: (id: string, since: Since) => Promise<readonly string[]>;
  readonly #askEveryMs: number;
  readonly #waiters = new Set<Waiter>();
  /** How many wait for each: every commit asks whether somebody does. */
  readonly #awaited = new Map<string, number>();
  #timer: LocalTimer | null = null;
  #asking = false;
  #again = false;

  constructor(
    store: Store,
    env: Env,
    clock: StoreClock,
    statesSince: (id: string, since: Since) => Promise<readonly string[]>,
    askEveryMs: number = ASK_EVERY_MS,
  ) {
    this.#askEveryMs = askEveryMs;
    this.#store = store;
    this.#clock = clock;
    this.#env = env;
    this.#statesSince = statesSince;
  }

  /** Resolves with what the store says once it has happened. Rejects with WaitTimeoutError, ActorNotFoundError, ActorSettledError. */
  until(id: string, state: string | null, timeoutMs: number | null): Promise<Progressed> {
    if (!isActorId(id)) return Promise.reject(new ActorNotFoundError(id));
    return new Promise((resolve, reject) => {
      const timeout =
        timeoutMs === null
          ? null
          : this.#env.setTimer(timeoutMs, () => done(() => reject(new WaitTimeoutError(id, what(state), timeoutMs))));
      const done = (settle: () => void): void => {
        timeout?.clear();
        if (this.#waiters.delete(waiter)) this.#count(id, -1);
        settle();
      };
      const waiter: Waiter = {
        id,
        state,
        since: { at: this.#clock.now() },
        held: false,
        resolve: (found) => done(() => resolve(found)),
        reject: (error) => done(() => reject(error)),
      };
      this.#waiters.add(waiter);
      this.#count(id, 1);
      this.#askSoon();
    });
  }

  #count(id: string, more: 1 | -1): void {
    const count = (this.#awaited.get(id) ?? 0) + more;
    if (count > 0) this.#awaited.set(id, count);
    else this.#awaited.delete(id);
  }

  /** Something happened to this actor in this process. */
  heard(id: string): void {
    if (this.#awaited.has(id)) this.#askSoon();
  }

  /** Nobody answers any more: every waiter is told. */
  close(error: Error): void {
    this.#timer?.clear();
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  #askSoon(): void {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#timer?.clear();
    this.#asking = true;
    queueMicrotask(() => void this.#ask());
  }

  async #ask(): Promise<void> {
    this.#again = false;
    try {
      const ids = [...new Set([...this.#waiters].map(({ id }) => id))];
      const answers = ids.length > 0 ? await this.#store.progressed(ids) : [];
      const found = new Map(answers.map((answer) => [answer.id, answer]));
      await Promise.all([...this.#waiters].map((waiter) => this.#judge(waiter, ids, found.get(waiter.id))));
    } catch {
      // The store is away: ask again. A waiter's own timeout still ends its wait.
    }
    this.#asking = false;
    if (this.#waiters.size === 0) return;
    if (this.#again) return this.#askSoon();
    this.#timer = this.#env.setTimer(this.#askEveryMs, () => this.#askSoon());
  }

  async #judge(waiter: Waiter, asked: readonly string[], answer: Progressed | undefined): Promise<void> {
    if (!answer) {
      if (asked.includes(waiter.id)) waiter.reject(new ActorNotFoundError(waiter.id));
      return;
    }
    const settled = answer.status === 'done' || answer.status === 'dropped';
    if (waiter.state === null) {
      if (settled) waiter.resolve(answer);
      return;
    }
    if (await this.#reached(waiter, waiter.state, answer)) return waiter.resolve(answer);
    if (settled) waiter.reject(new ActorSettledError(waiter.id, `it never reached '${waiter.state}' while waited for`));
  }

  async #reached(waiter: Waiter, path: string, { id, seq, held, state }: Progressed): Promise<boolean> {
    const { since, held: before } = waiter;
    waiter.since = { seq };
    waiter.held = held;
    if (state !== null && inState(state, path)) return true;
    if ('seq' in since && seq <= since.seq && held === before) return false;
    return (await this.#statesSince(id, since)).some((passed) => inState(passed, path));
  }
}

function what(state: string | null): string {
  return state === null ? 'a final state' : `state '${state}'`;
}

/** Whether a stored state value lies in the dotted path: 'math.added' in {"math":"added"} or {"math":{"added":…}}. */
export function inState(stateText: string, path: string): boolean {
  let value: unknown = JSON.parse(stateText);
  for (const key of path.split('.')) {
    if (typeof value === 'string') {
      if (value !== key) return false;
      value = {};
    } else {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false;
      value = (value as Record<string, unknown>)[key];
    }
  }
  return true;
}
