/**
 * The queues of one scheduler: the number each has in the store, which it keeps, and which of them this process's worker serves: all
 * that have a number here, unless it was told which.
 */
import { SYSTEM_QUEUE } from '../definitions/system-queue.ts';
import { FOLLOWUP_QUEUE } from '../followups/definition.ts';
import type { ResolvedScheduler } from '../options.ts';
import type { Store } from '../store/contract.ts';

export class Queues {
  readonly #store: Store;
  readonly #options: Pick<ResolvedScheduler, 'worker' | 'threads'>;
  readonly #numbers: Map<string, number>;

  /** `numbers`: of those that were registered already, by name. */
  constructor(store: Store, options: Pick<ResolvedScheduler, 'worker' | 'threads'>, numbers: Map<string, number>) {
    this.#store = store;
    this.#options = options;
    this.#numbers = numbers;
  }

  /** The number of a queue, registered on its first use: never inside a caller's transaction. */
  async register(name: string): Promise<number> {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const [id] = await this.#store.registerQueues([name]);
    this.#numbers.set(name, id as number);
    return id as number;
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  nameOf(id: number): string {
    for (const [name, number] of this.#numbers) if (number === id) return name;
    return String(id);
  }

  /** Names of those the worker serves; none without a worker. */
  served(): readonly string[] {
    const { worker, threads } = this.#options;
    if (!worker) return [];
    if (!worker.queues) return [...this.#numbers.keys()];
    return [...new Set([...worker.queues, SYSTEM_QUEUE, ...(threads ? [FOLLOWUP_QUEUE] : [])])];
  }

  servedNumbers(): number[] {
    return this.served().map((name) => this.#numbers.get(name) as number);
  }

  serves(id: number): boolean {
    return this.served().includes(this.nameOf(id));
  }
}
