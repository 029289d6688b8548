/**
 * What the store calls out to this process while it works: something is due in a queue, or there is mail for what its worker holds.
 * A new listener is there before the one it replaces goes, and a scheduler that was stopped meanwhile keeps none open.
 */
import type { Worker } from '../worker.ts';
import type { Runtime } from './runtime.ts';

export class Listening {
  readonly #runtime: Runtime;
  #current: { close(): Promise<void> } | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Mail for what is held is announced to the identity that holds it, so each new one has to be listened for. */
  async listenFor(worker: Worker): Promise<void> {
    const before = this.#current;
    const { store, queues } = this.#runtime;
    const listening = await store.listen(worker.id, {
      due: (queue, at) => {
        if (queues.serves(queue)) worker.expect(at);
      },
      poke: (actor) => this.#runtime.safely(worker.reconciliation.look([actor])),
      state: (up) => {
        if (up) worker.wake();
      },
    });
    await before?.close();
    if (this.#runtime.stopped) return listening.close();
    this.#current = listening;
  }

  async close(): Promise<void> {
    await this.#current?.close();
  }
}
